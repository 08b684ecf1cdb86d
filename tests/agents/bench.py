"""The loop with a script in place of a specialist: real journal, ledger, workshop, checkpoints and receipts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opswright.agents.approvals import Approvals
from opswright.agents.checkpoints import DURABILITY, strict_serializer
from opswright.agents.effects import Effects
from opswright.agents.episode import TASK, Episode
from opswright.agents.ledger import Ledger
from opswright.agents.loop import build_loop
from opswright.agents.manifests import Manifest
from opswright.agents.outcomes import TaskOutcome, read_outcome
from opswright.agents.performer import Workshop
from opswright.agents.ports import Lesson
from opswright.agents.receipts import ReceiptContent, write_receipt
from opswright.agents.services import Services
from opswright.agents.supervisor import STEP_LIMIT
from opswright.knowledge.journal import Journal
from opswright.nouns import Budget, Risk, Task, Tier, Verdict, as_json
from opswright.settings import ApprovalRules, ApprovalSettings
from tests.agents.scripted import Script

RUN, TASK_ID = "r1", "t1"
THREAD = {"configurable": {"thread_id": RUN}, "recursion_limit": STEP_LIMIT}


@dataclass
class Bench:
    """One run of one task. `plays` runs the script to its end or to an interrupt."""

    folder: Path
    tier: str = "auto"
    models: tuple[Tier, ...] = ()
    budget: Budget = field(default_factory=Budget)
    rules: ApprovalRules = field(default_factory=lambda: ApprovalRules(reversible="allow"))
    declared: dict[str, Risk] = field(default_factory=lambda: {"files.write": Risk.REVERSIBLE})
    rounds: dict[Tier, int] = field(default_factory=lambda: dict.fromkeys(Tier, 3))
    tiers: tuple[Tier, ...] = tuple(Tier)
    dry_run: bool = False
    yes: bool = False
    learnt: list[tuple[Sequence[Lesson], Verdict, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from langgraph.checkpoint.memory import InMemorySaver

        self.journal = Journal(self.folder / "journal.sqlite3")
        self.saver = InMemorySaver(serde=strict_serializer())
        self.episode = Episode(self.journal, RUN, TASK_ID)
        self.episode.write(TASK, as_json(Task(TASK_ID, "scripted", "do it", {"x": 1})))

    def plays(self, script: Script, update: Any = "start", attempt: int = 0) -> Any:
        """The graph's last state; `update`: what it is invoked with, by default the beginning."""
        manifest = Manifest(
            "scripted", "A script.", ".x:y", self.folder, "", tiers=self.tiers, rounds=self.rounds, risk=self.declared
        )
        graph = build_loop(script.specialist(), manifest, self._services(), self.saver)
        start = {"run": RUN, "task": TASK_ID, "attempt": attempt}
        config = {**THREAD, "configurable": {"thread_id": f"{RUN}.{attempt}"}}
        return graph.invoke(start if update == "start" else update, config, durability=DURABILITY)

    @property
    def outcome(self) -> TaskOutcome:
        """How the task ended."""
        payload = self.episode.outcome()
        assert payload is not None, "the task has not ended"
        return read_outcome(payload)

    def _services(self) -> Services:
        approvals = Approvals(self.journal, ApprovalSettings(environments={"local": self.rules}), yes=self.yes)
        return Services(
            journal=self.journal,
            ledger=Ledger(self.budget, time.monotonic, book=self.journal, run=RUN, task=TASK_ID),
            work=Workshop(self.journal, approvals, self.folder / "leases", Effects(Path(__file__).parent / "deeds")),
            models=self.models,
            learn=lambda task, lessons, verdict, receipt: self.learnt.append((lessons, verdict, receipt)),
            recalled=lambda: (),
            write_receipt=self._write_receipt,
            say=self.said.append,
            tier=self.tier,
            dry_run=self.dry_run,
        )

    def _write_receipt(self, content: ReceiptContent) -> str:
        return str(write_receipt(content, self.folder, path=self.folder / "receipt.json"))

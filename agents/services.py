"""What the loop is handed: every door to the outside, so that tests and evals can hand in others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.ledger import Ledger
from opswright.agents.manifests import Manifest
from opswright.agents.performer import Workshop
from opswright.agents.ports import Lesson
from opswright.knowledge.journal import Journal
from opswright.nouns import Json, Task, Tier, Usage, Verdict


@dataclass(frozen=True)
class Accepted:
    """What a receipt is written from. `adopted`: it was made real and verified, and not only shown."""

    run: str
    task: Task
    manifest: Manifest
    version: str
    result: Json
    verdict: Verdict
    evidence: Mapping[str, Json]
    adopted: bool
    tier: Tier
    usage: Usage


@dataclass(frozen=True)
class Services:
    """Everything one task's loop uses besides its specialist.

    `models`: the model tiers that are configured; `learn(run, task, lessons, verdict)` stores the lessons of a judged
    episode, once however often it is called; `write_receipt` returns the file's path; `say` reports a step.
    """

    journal: Journal
    ledger: Ledger
    work: Workshop
    models: Sequence[Tier]
    learn: Callable[[str, Task, Sequence[Lesson], Verdict], None]
    write_receipt: Callable[[Accepted], str]
    say: Callable[[str], None]
    tier: str = "auto"
    dry_run: bool = False

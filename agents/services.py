"""What the loop is handed: every door to the outside, so that tests and evals can hand in others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opswright.agents.halting import Halt
from opswright.agents.ledger import Ledger
from opswright.agents.performer import Workshop
from opswright.agents.ports import Lesson
from opswright.agents.receipts import ReceiptContent
from opswright.knowledge.journal import Journal
from opswright.nouns import Task, Tier, Trial, Verdict


@dataclass(frozen=True)
class Services:
    """Everything one task's loop uses besides its specialist.

    `models`: the model tiers that are configured; `learn(task, lessons, verdict, receipt)` stores a judged episode's
    lessons and how the recalled ones did, once however often it is called; `recalled`: ids of the lessons this task
    was given; `write_receipt` returns the file's path; `say` reports a step; `finished`: judged trials by run, task and
    round, so that each is read once.
    """

    journal: Journal
    ledger: Ledger
    work: Workshop
    models: Sequence[Tier]
    learn: Callable[[Task, Sequence[Lesson], Verdict, str], None]
    recalled: Callable[[], Sequence[str]]
    write_receipt: Callable[[ReceiptContent], str]
    say: Callable[[str], None]
    tier: str = "auto"
    dry_run: bool = False
    halt: Halt = field(default_factory=Halt)
    finished: dict[tuple[str, str, int], Trial] = field(default_factory=dict)

"""What the turns of a session came to, from the journal: outcomes, and the changes that were made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.applying import applied_runs
from opswright.agents.attempts import Attempt, Attempts
from opswright.agents.episode import Episode
from opswright.agents.outcomes import TaskOutcome, read_outcome
from opswright.agents.plans import read_plan
from opswright.agents.runs import PLAN
from opswright.agents.sessions import Session, Turn
from opswright.knowledge.journal import Journal
from opswright.nouns import Json

LONGEST_SUMMARY = 1500  # characters of what one task said
TURNS_TOLD = 12  # the newest so many are told to a model


@dataclass(frozen=True)
class Facts:
    """One turn with how its tasks ended and what it changed."""

    turn: Turn
    outcomes: tuple[TaskOutcome, ...]
    changes: tuple[Attempt, ...]

    def as_json(self) -> dict[str, Json]:
        """What is told to a model: short, and without the texts of files."""
        turn = self.turn
        told: dict[str, Json] = {"turn": turn.number, "asked": turn.request, "ended": turn.status}
        if turn.files:
            told["files"] = [one["name"] for one in turn.files]
        if self.outcomes:
            told["tasks"] = [_outcome_json(one) for one in self.outcomes]
        elif turn.answer:
            told["answered"] = _short(turn.answer)
        if self.changes:
            told["changes"] = [_change_json(one) for one in self.changes]
        told["spent"] = {"tokens": turn.usage.tokens, "usd": round(turn.usage.cost_usd, 6)}
        return told


def facts_of(journal: Journal, turn: Turn) -> Facts:
    """What a turn came to."""
    runs = (turn.run, *applied_runs(journal, turn.run))
    changes = (change for run in runs for change in changes_of(journal, run))
    return Facts(turn, outcomes_of(journal, turn.run), tuple(changes))


def outcomes_of(journal: Journal, run: str) -> tuple[TaskOutcome, ...]:
    """How a run's tasks ended, in the order of its plan; those that did not are left out."""
    record = journal.find(f"{run}/{PLAN}")
    tasks = () if record is None else read_plan(record.payload).tasks
    found = (Episode(journal, run, one.id).outcome() for one in tasks)
    return tuple(read_outcome(payload) for payload in found if payload is not None)


def changes_of(journal: Journal, run: str) -> Iterator[Attempt]:
    """The changes that a run adopted, undone since or not."""
    attempts = Attempts(journal)
    for record in journal.read(kind="effect.begun", run=run):
        found = attempts.get(record.seq)
        if found is not None and found.kept:
            yield found


def record_of(journal: Journal, session: Session) -> list[dict[str, Json]]:
    """The newest turns for a model, oldest first."""
    told = [facts_of(journal, turn).as_json() for turn in session.turns[-TURNS_TOLD:]]
    left_out = len(session.turns) - len(told)
    return [{"turns_left_out": left_out}, *told] if left_out else told


def latest_by_specialist(facts: Sequence[Facts]) -> Mapping[str, tuple[Turn, TaskOutcome]]:
    """The last outcome of each specialist in these turns."""
    return {outcome.specialist: (one.turn, outcome) for one in facts for outcome in one.outcomes}


def _outcome_json(outcome: TaskOutcome) -> dict[str, Json]:
    told: dict[str, Json] = {"specialist": outcome.specialist, "ended": outcome.status, "reason": outcome.reason}
    told["written_in_this_turn"] = outcome.adopted
    said = outcome.result.get("summary") if isinstance(outcome.result, dict) else None
    if isinstance(said, str) and said:
        told["said"] = _short(said)
    if outcome.tier:
        told["tier"] = outcome.tier
    if outcome.receipt:
        told["receipt"] = outcome.receipt
    return told


def _change_json(change: Attempt) -> dict[str, Json]:
    what = str(change.action.arguments.get("path", "")) or change.action.effect
    told: dict[str, Json] = {"undo_id": change.seq, "effect": change.action.effect, "what": what}
    stands = change.how_undone is None
    return {**told, "stands_now": stands} | ({} if stands else {"undone": str(change.how_undone)})


def _short(text: str) -> str:
    """Its beginning and its end, where the proofs are."""
    if len(text) <= LONGEST_SUMMARY:
        return text
    head = LONGEST_SUMMARY // 3
    return f"{text[:head]}\n... (left out) ...\n{text[head - LONGEST_SUMMARY :]}"

"""The state of one task's loop, and what every node of it is handed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from opswright.agents.episode import Episode
from opswright.agents.manifests import Manifest
from opswright.agents.performer import JournalledPerformer
from opswright.agents.ports import Specialist
from opswright.agents.services import Services
from opswright.nouns import Permit, Proposal


class LoopState(TypedDict, total=False):
    """One task's state: ids and decisions, plain JSON values only (strict msgpack)."""

    run: str
    task: str
    attempt: int  # of the run: a run that ended with an error goes on with the next one
    order: list[str]  # the tiers of this task
    rounds: dict[str, int]
    forced: bool
    tried: list[list[str]]  # [tier, ending] of each finished round
    round: int
    tier: str
    permits: dict[str, str]  # action hash -> granted by, of the gate just passed
    status: str  # how it ends, once that is known
    reason: str
    adopted: bool
    receipt: str  # its path; empty where nothing was accepted
    to: str  # the node that follows


Update = dict[str, Any]
ADOPTION = "adoption"  # the scope of what makes an accepted result real


@dataclass(frozen=True)
class Bench:
    """What the nodes of one task work with."""

    specialist: Specialist
    manifest: Manifest
    services: Services

    def episode(self, state: LoopState) -> Episode:
        """The task's records."""
        return Episode(self.services.journal, state["run"], state["task"], self.services.finished)

    def current(self, state: LoopState) -> tuple[Episode, int, Proposal]:
        """The task's records, the round, and its proposal."""
        episode, number = self.episode(state), state["round"]
        answer = episode.find_ask(number)
        assert answer is not None and answer.proposal is not None  # `ask` wrote it before its checkpoint
        return episode, number, answer.proposal

    def performer(self, state: LoopState, stage: str) -> JournalledPerformer:
        """The performer of a trial or the adoption; the same one in every node of this process."""
        return self.services.work.scope(state["run"], state["task"], stage)

    def say(self, message: str) -> None:
        """Reports a step."""
        self.services.say(f"{self.specialist.name}: {message}")


def trial_stage(round: int) -> str:
    """The scope of a round's trial."""
    return f"trial/{round}"


def permits_of(state: LoopState) -> dict[str, Permit]:
    """The permits of the gate that was passed last."""
    return {action_hash: Permit(action_hash, by) for action_hash, by in state.get("permits", {}).items()}


def tried(state: LoopState, ending: str) -> Update:
    """The finished round, added to the others."""
    return {"tried": [*state["tried"], [state["tier"], str(ending)]]}


def ends(status: str, reason: str) -> Update:
    """The task is over but for its receipt and what it taught."""
    return {"status": status, "reason": storable(reason), "to": "finish"}


def storable(text: str) -> str:
    """The text without what no store of checkpoints takes: a NUL (PostgreSQL), half a surrogate pair (msgpack).

    A reason quotes tools, models and file names, and must not be able to fail the run it explains.
    """
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def ask_person(task: str, stage: str, actions: Mapping[str, str]) -> str:
    """Stops the graph here with the actions' hashes and why they are asked about.

    Comes back only with a person's no, as its reason: a yes is a grant in the journal, which the node that runs again
    from the top finds by itself.
    """
    from langgraph.types import interrupt

    return str(interrupt({"task": task, "stage": stage, "actions": dict(actions)}))

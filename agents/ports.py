"""The ports of a specialist: what the one loop calls, and what it hands in.

A specialist is a folder under `agents/` with an `agent.toml` (see `manifests.py`) whose `specialist` entry names a
function `build(context: Context) -> Specialist`. Nothing here imports a specialist.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from opswright.agents.halting import Halt
from opswright.errors import ConfigError, SandboxUnavailable
from opswright.nouns import (
    Action,
    Budget,
    History,
    Json,
    Observation,
    Outcome,
    Permit,
    Proposal,
    Task,
    Tier,
    UndoOp,
    Verdict,
)

if TYPE_CHECKING:
    from types import ModuleType

    from opswright.sandboxes.environments.ports import Environment
    from opswright.sandboxes.ports import Sandbox
    from opswright.settings import Section
    from opswright.tools.models.toolcalls import Reply, Tool


class Closeable(Protocol):
    """Something that is held open: a connection, a cluster, a client."""

    def close(self) -> None:
        """Lets go of it; idempotent."""
        ...


Held = TypeVar("Held", bound=Closeable)


class Proposer(Protocol):
    """Who comes up with something to try."""

    def ask(self, task: Task, history: History, tier: Tier) -> Proposal | None:
        """The next proposal of this tier, or None when it has nothing new to offer (the router then moves up).

        Sees the whole history: a rejected trial is information. Raises ModelRetry, BudgetSpent, EndpointFailed.
        """
        ...


class Checker(Protocol):
    """Who decides. Both are pure functions of their arguments."""

    def precheck(self, task: Task, proposal: Proposal) -> Verdict:
        """Schema, ranges, cheap proofs: rejects what must not even be tried."""
        ...

    def judge(self, task: Task, history: History) -> Verdict:
        """The verdict on the last trial of the history, in the light of the others."""
        ...


class Performer(Protocol):
    """What a trial or an adoption changes the world with: permit checked, undo on disk first, exactly once per key."""

    def perform(self, action: Action, permit: Permit) -> Json:
        """Does it and returns the effect's own result; again while it stands, unless other changes came after it."""
        ...

    def take_back(self, action: Action) -> None:
        """Undoes it within the trial; it may be performed again under the same permit. The newest change first:
        ToolFailed names what stands on top, or says that there is nothing to take back.
        """
        ...

    def note(self, name: str, make: Callable[[], Json]) -> Json:
        """What `make` returned the first time, in this process or one that was killed: a long trial's samples are
        taken once each. Names are unique within the trial. ToolFailed once a deadline of the trial has passed.
        """
        ...


class Trialist(Protocol):
    """Who tries. A trial is always undone: the loop reverts all it performed, whatever happens."""

    def trial_actions(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        """What the trial would change; empty where it is free of side effects (a proof, a read-only execution)."""
        ...

    def trial(self, task: Task, proposal: Proposal, performer: Performer, permits: Mapping[str, Permit]) -> Observation:
        """Runs it; `permits` by action hash, one for each of `trial_actions`."""
        ...


class Adopter(Protocol):
    """Who makes an accepted result real."""

    def adoption(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        """The actions that adopt the result; empty when the result is only shown."""
        ...

    def result(self, task: Task, history: History, verdict: Verdict) -> Json:
        """The specialist's result object for the envelope and the receipt.

        Where a trial won, `history` ends with it, however long the search went on, and `verdict` is its own; else the
        history is whole and the verdict says how the task ended.
        """
        ...

    def verify(self, task: Task, proposal: Proposal) -> Verdict:
        """After adoption: is it what was accepted?"""
        ...


class Replayer(Protocol):
    """Who can check a receipt again without the live system."""

    def replay(self, task: Task, result: Json, evidence: Json) -> Verdict:
        """Recomputes every proof or statistic the evidence claims, from the task and the result alone."""
        ...


@dataclass(frozen=True)
class Lesson:
    """What an episode taught: `scope`: where it holds (organisation, service); `content`: typed JSON."""

    scope: str
    kind: str
    content: Mapping[str, Json]
    text: str


class Reflector(Protocol):
    """Who draws lessons from a judged episode."""

    def reflect(self, task: Task, history: History, verdict: Verdict) -> Sequence[Lesson]:
        """Lessons worth keeping; empty when there is none."""
        ...


class Effect(Protocol):
    """One kind of change, one file under `tools/`, named by its dotted path there (`files.write`).

    The module offers these four functions itself; `permit` is checked again inside `perform`. It may also say
    `RISK = Risk.…`: an action that claims to be milder is refused.
    """

    def capture(self, arguments: Mapping[str, Json]) -> UndoOp | None:
        """Reads what `revert` will need, changing nothing; None for an irreversible effect."""
        ...

    def perform(self, action: Action, permit: Permit, key: str) -> Json:
        """Does it; `key` is the idempotency key to hand on to systems that keep one."""
        ...

    def landed(self, arguments: Mapping[str, Json], key: str) -> bool | None:
        """After a crash: did it happen? None when that cannot be known."""
        ...

    def revert(self, captured: Mapping[str, Json], force: bool = False) -> None:
        """Puts the captured values back. Idempotent: reverting twice, or what never happened, changes nothing more.

        Raises ToolFailed when somebody else changed the same thing since, which a person may override with `force`.
        """
        ...


@dataclass(frozen=True)
class Specialist:
    """The ports of one specialist, bundled; `version` is its validator's, and stands in every receipt."""

    name: str
    version: str
    proposer: Proposer
    checker: Checker
    trialist: Trialist
    adopter: Adopter
    reflector: Reflector
    replayer: Replayer


class Memory(Protocol):
    """What earlier episodes taught (knowledge/reflections.py)."""

    def recall(self, specialist: str, scope: str, query: str, limit: int = 5) -> Sequence[Any]:
        """Active lessons of a scope, most useful first."""
        ...


class Models(Protocol):
    """What a specialist sees of the gateway: questions, metered and recorded."""

    def available(self) -> Sequence[Tier]:
        """Model tiers that are configured, cheapest first; empty without a model."""
        ...

    def ask(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        shape: type[Any],
        validator: Callable[[Any], None] | None = None,
    ) -> Any:
        """An instance of `shape` (a pydantic model) that `validator` let pass (it raises ModelRetry for the model).

        Raises ModelRetry (after two repairs), BudgetSpent, EndpointFailed, ConfigError.
        """
        ...

    def reply(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        *,
        tools: "Sequence[Tool]" = (),
        turns: Sequence[Mapping[str, Json]] = (),
    ) -> "Reply":
        """One reply of a conversation, with calls of the offered tools (`agents/dialogue` runs them and goes on)."""
        ...


class Tools(Protocol):
    """The tool files that a specialist's manifest names."""

    def find(self, name: str) -> "ModuleType":
        """The file `tools/<area>/<file>.py` as a module, by `area.file`. Raises ConfigError for one not named there."""
        ...


class NoTools:
    """Tools where none were handed in."""

    def find(self, name: str) -> "ModuleType":
        """Raises ConfigError."""
        raise ConfigError(f"no tools were handed in, and {name} was asked for", "tools")


class Passage(Protocol):
    """A part of a manual: data, never instruction. `id` goes into receipts."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def text(self) -> str: ...


class Manuals(Protocol):
    """What manuals say (knowledge/retrieval.py)."""

    def search(self, domain: str, query: str, limit: int = 5) -> Sequence[Passage]:
        """The passages of a domain's manuals that fit best; empty where none was ingested."""
        ...


class Surroundings(Protocol):
    """What a task is given of the machine. Opened when it is first used, kept for the session, closed at its end.

    Whatever blocks here (a call in the sandbox, the wait for a lock) raises KeyboardInterrupt when the run is stopped.
    """

    @property
    def live(self) -> bool:
        """False where recordings stand in for all environments: there is nothing to change then, so a trial and an
        adoption have no actions.
        """
        ...

    def sandbox(self) -> "Sandbox":
        """Where commands run that nobody trusts. Raises SandboxUnavailable."""
        ...

    def environment(self, name: str, live: "Callable[[], Environment]", target: str = "") -> "Environment":
        """What tools act on: `live()`, the same while it is recorded, or a recording alone, as the run was told.

        `name` is what its recordings are called; `target` (an address, a file) tells several of that name apart in one
        session, so that nobody is handed the one of another task.
        """
        ...

    def hold(
        self, name: str, open: Callable[[], Held], *, task: str = "", alive: Callable[[Held], bool] = lambda one: True
    ) -> Held:
        """What `open` returned the first time in this session: a database connection, a cluster's client.

        Opened again (after closing it) where `alive` says that it died meanwhile. With a `task`'s id it is that task's
        alone, and closed when the task ends, is stopped or waits for a person.
        """
        ...

    def exclusive(self, name: str, wait_s: float = 0.0) -> AbstractContextManager[None]:
        """Nobody else on this machine works on what has this name meanwhile; EnvironmentFailed when somebody still does
        after `wait_s`. For the whole length of a task: `hold(name, lambda: Exclusive(exclusive(name)), task=task.id)`
        with `Exclusive` of `agents/locks.py`.
        """
        ...


class Nowhere:
    """The Surroundings of a specialist that needs none of them."""

    def __getattr__(self, name: str) -> Any:
        raise SandboxUnavailable(f"no surroundings were handed in, and {name} was asked for")


class NoManuals:
    """Manuals where there are none."""

    def search(self, domain: str, query: str, limit: int = 5) -> Sequence[Passage]:
        """Nothing."""
        return ()


@dataclass(frozen=True)
class Context:
    """What a specialist is built with; nothing else of the program reaches it.

    `say` reports a step of long work; `remaining` is what the task may still spend, for the length of a trial. `note`
    returns what its function returned the first time under that name in this task, in a process that was killed too;
    `trace` puts one more record of a kind into the journal: ids, digests and sizes, never content. `halted(seconds)`
    waits so long and says whether a person has stopped the work, for whatever waits in a loop; `on_halt(callback)` has
    a call that blocks called off then (a connection's cancel), from another thread, until what it returned is called.
    `settings` is the specialist's own section, an instance of the class that its manifest names.
    """

    models: Models
    memory: Memory
    manuals: Manuals = field(default_factory=NoManuals)
    surroundings: Surroundings = field(default_factory=Nowhere)
    say: Callable[[str], None] = lambda message: None
    remaining: Callable[[], Budget] = Budget
    halted: Callable[[float], bool] = field(default_factory=lambda: Halt().asked)
    on_halt: Callable[[Callable[[], None]], Callable[[], None]] = field(default_factory=lambda: Halt().on_ask)
    tools: Tools = field(default_factory=NoTools)
    note: Callable[[str, Callable[[], Json]], Json] = lambda name, make: make()
    trace: Callable[[str, Mapping[str, Json]], None] = lambda kind, payload: None
    settings: "Section | None" = None


def rejected(reason: str, **evidence: Json) -> Verdict:
    """A refusal with its counterexample."""
    return Verdict(Outcome.REJECTED, reason, evidence)


def accepted(reason: str, **evidence: Json) -> Verdict:
    """An acceptance with its proof."""
    return Verdict(Outcome.ACCEPTED, reason, evidence)


def undecided(reason: str, **evidence: Json) -> Verdict:
    """Neither; never treated as accepted."""
    return Verdict(Outcome.UNDECIDED, reason, evidence)

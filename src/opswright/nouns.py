"""The nouns every folder shares: what is asked, proposed, observed, judged, spent and allowed.

Frozen dataclasses of plain JSON values, so that each can be journalled, hashed and put into a receipt as it is.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

Json = Any  # what json.loads returns


def canonical_json(value: Json) -> str:
    """One spelling for equal values: sorted keys, no spaces, UTF-8 kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Json) -> str:
    """SHA-256 of the canonical JSON, as hex."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


class Tier(StrEnum):
    """What a step may spend; `solver` uses no model."""

    SOLVER = "solver"
    LOW = "low"
    MID = "mid"
    HIGH = "high"


class Risk(StrEnum):
    """What an action may do to the world, mildest first."""

    READ = "read"
    REVERSIBLE = "reversible"
    DISRUPTIVE = "disruptive"
    IRREVERSIBLE = "irreversible"


class Outcome(StrEnum):
    """How a verdict ends; undecided is never accepted."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Task:
    """One piece of work for one specialist. `inputs` are plain values (texts of files, specs, options)."""

    id: str
    specialist: str
    goal: str
    inputs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """What a tier proposes; `content` is the specialist's own JSON form. Its id is its content's digest."""

    tier: Tier
    content: Json
    reason: str = ""

    @property
    def id(self) -> str:
        return digest(self.content)[:16]


@dataclass(frozen=True)
class Verdict:
    """A validator's decision: a counterexample or samples with `rejected`, the cause with `undecided`.

    `more`, with an acceptance: better than all before it, and worth looking further; the search goes on in its tier,
    and the last such result is adopted when the tier has nothing more to offer.
    """

    outcome: Outcome
    reason: str
    evidence: Mapping[str, Json] = field(default_factory=dict)
    more: bool = False

    @property
    def accepted(self) -> bool:
        return self.outcome is Outcome.ACCEPTED


@dataclass(frozen=True)
class Observation:
    """What a trial showed: measurements, proofs, outputs' digests."""

    proposal_id: str
    values: Mapping[str, Json]
    seconds: float = 0.0


@dataclass(frozen=True)
class Trial:
    """One turn of the loop: a proposal, its precheck, and the observation when it got that far."""

    proposal: Proposal
    precheck: Verdict
    observation: Observation | None = None
    verdict: Verdict | None = None


History = tuple[Trial, ...]


@dataclass(frozen=True)
class Usage:
    """What was spent. `cached_tokens` are part of `tokens`; `estimated`: token counts are not the provider's."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    trials: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cached_tokens + other.cached_tokens,
            self.cost_usd + other.cost_usd,
            self.seconds + other.seconds,
            self.calls + other.calls,
            self.trials + other.trials,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True)
class Budget:
    """Hard limits; None is unlimited. They hold for a task or a session, whichever the ledger is opened for."""

    usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None
    trials: int | None = None


@dataclass(frozen=True)
class UndoOp:
    """One typed step back, never shell text: `effect` names the tool file that reverts it, `captured` what it needs."""

    effect: str
    captured: Mapping[str, Json]


@dataclass(frozen=True)
class Action:
    """One change to the world, exact enough to be approved by its hash.

    `effect` names the tool file under `opswright.tools` that performs it (such as `files.write`), `arguments` are all
    it gets, `environment` is the name approval policies are written for (such as `local` or `production`), and
    `preview` is the diff or sentence a person reads before approving. `deadline_s`: how long the change may stand in a
    trial before the watchdog takes it back, whatever its owner does; None is as long as the trial's owner lives.

    `covers`, in a trial: one person's approval is for this action alone (`once`), or for all trials of the task whose
    arguments lie in its `space`: by argument, the values that are allowed; arguments that it does not name stay as they
    are. An adoption is approved by itself.
    """

    effect: str
    arguments: Mapping[str, Json]
    risk: Risk
    environment: str = "local"
    preview: str = ""
    deadline_s: float | None = None
    covers: Literal["once", "task"] = "once"
    space: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shown = _space_text(self.space) if self.covers == "task" else ""
        if not self.preview.endswith(shown):  # nobody approves a space that he was not shown
            object.__setattr__(self, "preview", f"{self.preview}{shown}")

    @property
    def hash(self) -> str:
        """Binds effect, arguments, risk, environment, deadline and what it covers; the preview follows from them."""
        return digest({**self._bound(), "arguments": dict(self.arguments)})

    @property
    def coverage(self) -> str:
        """The same for all actions that one approval for the task covers: all but the arguments inside the space."""
        outside = {name: value for name, value in self.arguments.items() if name not in self.space}
        return digest({**self._bound(), "arguments": outside, "coverage": True})

    @property
    def in_space(self) -> bool:
        """Whether every argument that the space names is one of the values it allows."""
        return bool(self.space) and all(
            name in self.arguments and digest(self.arguments[name]) in {digest(value) for value in allowed}
            for name, allowed in self.space.items()
        )

    def _bound(self) -> dict[str, Json]:
        bound: dict[str, Json] = {"effect": self.effect, "risk": self.risk, "environment": self.environment}
        bound |= {} if self.deadline_s is None else {"deadline_s": self.deadline_s}
        if self.covers != "once" or self.space:
            bound |= {"covers": self.covers, "space": {name: list(values) for name, values in self.space.items()}}
        return bound


def _space_text(space: Mapping[str, Sequence[Json]]) -> str:
    lines = [f"  {name}: {', '.join(canonical_json(value) for value in values)}" for name, values in space.items()]
    return "\n".join(["\nApproving it approves every trial of this task with these values:", *lines, ""])


@dataclass(frozen=True)
class Permit:
    """Leave to perform exactly one action; `granted_by` is `policy`, `flag` or `person`."""

    action_hash: str
    granted_by: str


def as_json(noun: Any) -> dict[str, Json]:
    """A noun's fields as plain JSON values."""
    fields: dict[str, Json] = json.loads(json.dumps(asdict(noun), default=dict))
    if isinstance(noun, Action) and noun.covers == "once" and not noun.space:  # as it always was
        del fields["covers"], fields["space"]
    return fields

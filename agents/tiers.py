"""Which tier proposes next: a pure function of what is available, what was tried in this task, and the episode log.

The cheapest tier that may do it goes first. A rejected trial is information, not by itself grounds for a dearer tier: a
tier is left when it has nothing new to offer, repeats itself, failed, could not be decided, or used up its rounds. A
tier that found an improvement is the last one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from opswright.errors import ConfigError
from opswright.nouns import Tier

# A tier with this many episodes of which fewer than this share ended accepted is not tried first again.
ENOUGH_EPISODES = 8
POOR_SHARE = 0.1

TierChoice = Literal["auto", "solver", "low", "mid", "high"]


class Ending(StrEnum):
    """How one round of the loop ended."""

    ACCEPTED = "accepted"
    IMPROVED = "improved"  # accepted, and the search goes on for better
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    NOTHING = "nothing"  # the tier had nothing new to offer
    REPEATED = "repeated"  # the same proposal as in an earlier round
    FAILED = "failed"  # the model or its endpoint failed


@dataclass(frozen=True)
class Round:
    """One round: who proposed, and what came of it."""

    tier: Tier
    ending: Ending


@dataclass(frozen=True)
class Episodes:
    """How often a tier proposed in earlier tasks of this specialist, and how often its proposal was accepted."""

    tried: int = 0
    accepted: int = 0

    @property
    def poor(self) -> bool:
        """Enough was seen to say that it is not worth its first place."""
        return self.tried >= ENOUGH_EPISODES and self.accepted < POOR_SHARE * self.tried


@dataclass(frozen=True)
class TierPlan:
    """The tiers of one task, cheapest first, and the most rounds each may take."""

    order: tuple[Tier, ...]
    rounds: Mapping[Tier, int] = field(default_factory=dict)
    forced: bool = False


def plan_tiers(
    choice: str,
    offered: Sequence[Tier],
    models: Sequence[Tier],
    rounds: Mapping[Tier, int],
    episodes: Mapping[Tier, Episodes] | None = None,
) -> TierPlan:
    """The tiers a task may use.

    `choice`: `auto` or one tier's name; `offered`: the specialist's tiers in its order; `models`: the model tiers that
    are configured; `episodes`: the episode log. Raises ConfigError when a forced tier is not there, or none is.
    """
    available = tuple(tier for tier in offered if tier is Tier.SOLVER or tier in models)
    if choice != "auto":
        tier = Tier(choice)
        if tier not in offered:
            raise ConfigError(f"this specialist has no {tier} tier (it has {', '.join(offered)})", "--tier")
        if tier not in available:
            raise ConfigError(
                f"no model is configured for the {tier} tier; set OPSWRIGHT_MODEL_{tier.upper()} or use --tier solver",
                "--tier",
            )
        return TierPlan((tier,), {tier: max(1, rounds.get(tier, 1))}, forced=True)
    if not available:
        raise ConfigError("this request needs a model and none is configured (see `opswright doctor`)", "models")
    log = episodes or {}
    # The solver costs nothing and stays first. Poor tiers go last, not away: the log may come from other kinds of task.
    good = [tier for tier in available if tier is Tier.SOLVER or not log.get(tier, Episodes()).poor]
    poor = [tier for tier in available if tier not in good]
    return TierPlan((*good, *poor), {tier: rounds.get(tier, 1) for tier in available})


def next_tier(plan: TierPlan, tried: Sequence[Round]) -> Tier | None:
    """The tier of the next round; None when the task is over: accepted, or every tier is exhausted."""
    if any(one.ending is Ending.ACCEPTED for one in tried):
        return None
    for tier in plan.order:
        mine = [one.ending for one in tried if one.tier is tier]
        if not _exhausted(mine, plan.rounds.get(tier, 1)):
            return tier
        if Ending.IMPROVED in mine:
            return None
    return None


def _exhausted(endings: Sequence[Ending], rounds: int) -> bool:
    if len(endings) >= rounds:
        return True
    # Stagnation (nothing new, a repetition), failure and uncertainty: more of the same tier would not help.
    return any(ending not in (Ending.REJECTED, Ending.IMPROVED) for ending in endings)

"""Which tier goes next: a pure function, on tables."""

import pytest

from opswright.agents.tiers import Ending, Episodes, Round, TierPlan, next_tier, plan_tiers
from opswright.errors import ConfigError
from opswright.nouns import Tier

SOLVER, LOW, MID, HIGH = Tier
ALL = (SOLVER, LOW, MID, HIGH)
ROUNDS = {SOLVER: 2, LOW: 2, MID: 1, HIGH: 1}
PLAN = TierPlan(ALL, ROUNDS)


def rounds(*pairs: tuple[Tier, str]) -> list[Round]:
    return [Round(tier, Ending(ending)) for tier, ending in pairs]


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ((), SOLVER),
        (((SOLVER, "rejected"),), SOLVER),  # information, not grounds for a dearer tier
        (((SOLVER, "rejected"), (SOLVER, "rejected")), LOW),  # its rounds are used up
        (((SOLVER, "nothing"),), LOW),
        (((SOLVER, "undecided"),), LOW),
        (((SOLVER, "rejected"), (SOLVER, "repeated")), LOW),
        (((SOLVER, "nothing"), (LOW, "failed")), MID),
        (((SOLVER, "nothing"), (LOW, "rejected")), LOW),
        (((SOLVER, "nothing"), (LOW, "failed"), (MID, "rejected"), (HIGH, "rejected")), None),
        (((SOLVER, "accepted"),), None),
        (((SOLVER, "nothing"), (LOW, "accepted")), None),
    ],
)
def test_the_next_tier(tried: tuple[tuple[Tier, str], ...], expected: Tier | None) -> None:
    assert next_tier(PLAN, rounds(*tried)) is expected


@pytest.mark.parametrize("ending", list(Ending))
def test_it_always_ends(ending: Ending) -> None:
    tried: list[Round] = []
    while (tier := next_tier(PLAN, tried)) is not None:
        tried.append(Round(tier, ending))
        assert len(tried) <= sum(ROUNDS.values())


def test_only_what_is_there_is_planned() -> None:
    assert plan_tiers("auto", ALL, (), ROUNDS).order == (SOLVER,)
    assert plan_tiers("auto", ALL, (MID,), ROUNDS).order == (SOLVER, MID)
    assert plan_tiers("auto", (SOLVER, HIGH), (LOW, MID, HIGH), ROUNDS).order == (SOLVER, HIGH)


def test_a_forced_tier_stands_alone_and_gets_at_least_one_round() -> None:
    plan = plan_tiers("mid", ALL, (LOW, MID), {MID: 0})
    assert (plan.order, plan.rounds, plan.forced) == ((MID,), {MID: 1}, True)


@pytest.mark.parametrize(
    ("choice", "offered", "models", "message"),
    [
        ("low", ALL, (), "no model is configured for the low tier"),
        ("high", (SOLVER, LOW), (LOW, HIGH), "has no high tier"),
        ("auto", (LOW,), (), "needs a model"),
    ],
)
def test_what_is_not_there_is_said(
    choice: str, offered: tuple[Tier, ...], models: tuple[Tier, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_tiers(choice, offered, models, ROUNDS)


def test_a_model_tier_that_never_did_any_good_goes_last_and_the_solver_stays_first() -> None:
    log = {SOLVER: Episodes(100, 0), LOW: Episodes(20, 1), MID: Episodes(20, 5)}
    assert plan_tiers("auto", ALL, (LOW, MID, HIGH), ROUNDS, log).order == (SOLVER, MID, HIGH, LOW)


def test_a_few_episodes_say_nothing() -> None:
    assert plan_tiers("auto", ALL, (LOW, MID), ROUNDS, {LOW: Episodes(3, 0)}).order == (SOLVER, LOW, MID)

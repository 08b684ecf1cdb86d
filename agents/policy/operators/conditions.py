"""Slips in Condition: operator, set qualifier, IfExists, key or value wrong, a test missing or one too many."""

from collections.abc import Iterator
from dataclasses import replace

from opswright.agents.policy.condition_patterns import Wish, learned, rekeyed, revalued, reworked
from opswright.agents.policy.draft import Edit, View
from opswright.agents.policy.setting import Setting
from opswright.tools.iam.document import ConditionTest
from opswright.tools.iam.operators import OPERATORS


def conditions(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Edits of the condition block."""
    row = view.row
    if focus & view.need & ~row.conditions:
        yield from _loosened(view, focus, setting)
    if focus & view.drop:
        yield from _tightened(view, focus, setting)


def _loosened(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Tests that keep the focus out are changed so that it comes in."""
    row, evidence = view.row, view.evidence
    tests = view.statement.conditions
    failing = [at for at, mask in enumerate(row.tests) if not mask & focus]
    others = row.others("conditions")
    off = others if focus & others else row.at_most_two_off
    if len(failing) > 1:
        left = tuple(test for at, test in enumerate(tests) if at not in failing)
        yield _made(view, "condition-added", 3.2 * len(failing), left)
    for at in failing:
        passing = view.evidence.full
        for i, mask in enumerate(row.tests):
            if i != at and i not in failing:
                passing &= mask
        need = view.need & off & passing & ~row.tests[at]
        rest = (*tests[:at], *tests[at + 1 :])
        yield _made(view, "condition-added", 3.3, rest)
        for guess in (
            *reworked(tests[at]),
            *revalued(tests[at], evidence, Wish(need, view.drop, view.keep), setting),
            *rekeyed(tests[at], evidence, need | view.keep, setting),
        ):
            if evidence.readable(guess.test) and evidence.test_mask(guess.test) & focus:
                yield _made(view, guess.kind, guess.cost, (*tests[:at], guess.test, *tests[at + 1 :]))


def _tightened(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Tests are changed or added so that the focus stays out."""
    evidence, tests = view.evidence, view.statement.conditions
    out = view.drop
    near = view.need & view.row.others("conditions")
    for at, test in enumerate(tests):
        for guess in (
            *reworked(test),
            *revalued(test, evidence, Wish(near, out, view.keep), setting),
            *rekeyed(test, evidence, near | view.keep, setting),
        ):
            if evidence.readable(guess.test) and not evidence.test_mask(guess.test) & focus:
                yield _made(view, guess.kind, guess.cost, (*tests[:at], guess.test, *tests[at + 1 :]))
    for test in setting.tests:
        if test not in tests and evidence.readable(test) and not evidence.test_mask(test) & focus:
            yield _made(view, "condition-dropped", 3.0, (*tests, test))
    for block in _blocks(view, setting):
        yield _made(view, "condition-dropped", 3.4, (*tests, *(test for test in block if test not in tests)))
    for guess in learned(evidence, view.keep, out, focus, setting):
        if evidence.readable(guess.test) and not evidence.test_mask(guess.test) & focus:
            yield _made(view, guess.kind, guess.cost, (*tests, guess.test))


def _blocks(view: View, setting: Setting) -> Iterator[tuple[ConditionTest, ...]]:
    """Whole condition blocks of other statements."""
    seen = {view.statement.conditions}
    for statement in setting.policy.statements:
        if len(statement.conditions) > 1 and statement.conditions not in seen:
            seen.add(statement.conditions)
            yield statement.conditions


def _made(view: View, kind: str, cost: float, tests: tuple[ConditionTest, ...]) -> Edit:
    old = view.statement.conditions
    said = [f"-{show(test)}" for test in old if test not in tests]
    said += [f"+{show(test)}" for test in tests if test not in old]
    merged = _merged(tests)
    odd = sum(_oddity(test, view.row.allow) for test in tests if test not in old)
    return view.edit(kind, cost + odd, f"Condition {' '.join(said)}", replace(view.statement, conditions=merged))


def _oddity(test: ConditionTest, allow: bool) -> float:
    """How unlikely it is that somebody means the test, whatever it mends."""
    own = f"${{{test.key.lower()}}}"
    compared_with_itself = any(entry.text.lower() == own for entry in test.values)
    unlike = OPERATORS[test.operator].negated and allow
    return 3.0 * compared_with_itself + 0.7 * unlike


def _merged(tests: tuple[ConditionTest, ...]) -> tuple[ConditionTest, ...]:
    """A block names operator and key once: of two tests with the same pair the later one stands."""
    found: dict[tuple[str, str | None, bool, str], ConditionTest] = {}
    for test in tests:
        found[test.operator, test.quantifier, test.if_exists, test.key.lower()] = test
    return tuple(found.values())


def show(test: ConditionTest) -> str:
    """A test on one line."""
    name = f"{test.quantifier}:" if test.quantifier else ""
    values = ",".join(entry.text for entry in test.values)
    return f"{name}{test.operator}{'IfExists' if test.if_exists else ''} {test.key}={values}"

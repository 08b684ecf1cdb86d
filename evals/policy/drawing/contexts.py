"""Request contexts that meet all tests of a statement, or miss one of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from opswright.evals.policy.drawing.text import needed_keys, word
from opswright.evals.policy.drawing.values import candidates
from opswright.tools.iam.conditions import condition_holds
from opswright.tools.iam.document import ConditionTest, Policy, Request, Statement

Values = tuple[str, ...]
ABSENT: Values = ()
Shape = Callable[[str], bool | None]  # of a key: None cannot be in the request, False one value, True a set of values


def single_keys(policies: Iterable[Policy]) -> frozenset[str]:
    """Keys (lower case) that some operator without a set qualifier tests: they have at most one value."""
    return frozenset(
        test.key.lower()
        for policy in policies
        for statement in policy.statements
        for test in statement.conditions
        if test.quantifier is None and test.operator != "Null"
    )


def variable_keys(statement: Statement) -> frozenset[str]:
    """Keys (lower case) that the statement's variables read."""
    texts = [entry.text for entry in statement.resources or ()]
    texts += [entry.text for test in statement.conditions for entry in test.values]
    return frozenset(key for text in texts for key in needed_keys(text))


def draw_context(
    statement: Statement, with_variables: bool, rng: Random, *, miss: bool, shape: Shape
) -> dict[str, Values] | None:
    """A context that meets every test of the statement, or with `miss` one that fails at least one of them.

    None when the draw found none: the tests contradict each other, or a key cannot be in the request.
    """
    by_key: dict[str, list[ConditionTest]] = {}
    for test in statement.conditions:
        by_key.setdefault(test.key.lower(), []).append(test)
    context: dict[str, Values] = {}
    if with_variables:
        for key in sorted(variable_keys(statement) - by_key.keys()):
            if shape(key) is not None:
                context[key] = (word(rng),)
    order = list(by_key)
    rng.shuffle(order)
    missed = rng.choice(order) if miss and order else None
    for key in order:
        fitting = [
            values
            for values in _options(by_key[key], with_variables, context, rng, shape(key))
            if _holds(by_key[key], key, values, context, with_variables) != (key == missed)
        ]
        if not fitting:
            return None
        chosen = rng.choice(fitting)
        if chosen:
            context[key] = chosen
    return context


def _options(
    tests: Sequence[ConditionTest], with_variables: bool, context: Mapping[str, Values], rng: Random, many: bool | None
) -> list[Values]:
    if many is None:
        return [ABSENT]
    found = [value for test in tests for value in candidates(test, with_variables, context, rng)] or [word(rng)]
    options: list[Values] = [ABSENT, *((value,) for value in dict.fromkeys(found))]
    if many:
        for size in (2, 3):
            if len(found) >= size:
                options.append(tuple(dict.fromkeys(rng.sample(found, size))))
    return options


def _holds(
    tests: Sequence[ConditionTest], key: str, values: Values, context: Mapping[str, Values], with_variables: bool
) -> bool:
    given = {**context, key: values} if values else dict(context)
    request = Request("", "", None, given)
    return all(condition_holds(test, request, with_variables) for test in tests)

"""Literals coupled by variables: a key's value stands in the patterns of other dimensions.

Decided key by key: absent, one of the constants it is tied to, or some value. For some value, patterns are first
weakened to what holds whatever it is (when even that cannot be met, nothing can); then values are tried. What neither
settles is unknown, never guessed.
"""

from collections.abc import Iterator
from itertools import islice, product
from typing import TYPE_CHECKING

from opswright.tools.iam.compare import wording
from opswright.tools.iam.compare.answers import FAILS, Answer
from opswright.tools.iam.compare.literals import KEY, Literal, has_other, has_value
from opswright.tools.iam.compare.sets import SEVERAL, SOME, Several, Some, Texts, Union, Value
from opswright.tools.iam.variables import Variable

if TYPE_CHECKING:
    from opswright.tools.iam.compare.theory import Theory

MAX_KEYS = 6
MAX_ATTEMPTS = 48


def decide(theory: "Theory", literals: list[Literal]) -> Answer:
    """Whether the literals can hold together; they are in order of dimension."""
    keys = sorted({key for one in literals for key in one.keys})
    if len(keys) > MAX_KEYS:
        return Answer("unknown", reason=f"more than {MAX_KEYS} variables meet in one place")
    own = {key: [one for one in literals if one.dimension == KEY + key] for key in keys}
    reason = ""
    for values in product(*(_choices(theory, key, own[key], literals) for key in keys)):
        answer = _case(theory, literals, own, dict(zip(keys, values, strict=True)))
        if answer.outcome == "holds":
            return answer
        reason = reason or answer.reason
    return Answer("unknown", reason=reason) if reason else FAILS


def _choices(theory: "Theory", key: str, own: list[Literal], literals: list[Literal]) -> list[Value]:
    """Every way a key's value can be, as far as its own literals and those that equate it with others tell."""
    found: list[Value] = []
    if all(one.wish.present for one in own):
        constants = _constants(own)
        for twin in _twins(key, literals):
            if constants is None:
                constants = _constants([one for one in literals if one.dimension == twin])
        found.extend([SOME] if constants is None else [text for text in constants if text])
    if all(one.wish.absent for one in own):
        found.append(None)
    found.append("")
    if key not in theory.single:
        found.append(SEVERAL)
    return found


def _required(own: list[Literal]) -> list[Texts]:
    """The sets without variables that the value has to be in."""
    sets = [one.members for one in own if one.wish.every is True or one.wish.some is True]
    return [members for members in sets if isinstance(members, Texts) and not members.keys]


def _constants(own: list[Literal]) -> tuple[str, ...] | None:
    """The only values there can be, when a literal lists them."""
    lists = [members.texts for members in _required(own) if members.reading == "exact"]
    return min(lists, key=len) if lists else None


def _twins(key: str, literals: list[Literal]) -> list[str]:
    """The dimensions whose one value has to equal the key's."""
    return [
        one.dimension
        for one in literals
        if one.element.mode == "one"
        and one.sign
        and not one.wish.absent
        and isinstance(one.members, Texts)
        and one.members.reading == "exact"
        and one.members.pieces == ((Variable(key),),)
    ]


def _contents(own: list[Literal]) -> Union:
    """Patterns one of which the value matches; none when nothing is known."""
    unions = [members.union({}, True) for members in _required(own)]
    return min(unions, key=lambda union: (any(one.universal for one in union), len(union)), default=())


def _case(theory: "Theory", literals: list[Literal], own: dict[str, list[Literal]], chosen: dict[str, Value]) -> Answer:
    """One choice for every key."""
    for key, value in chosen.items():
        if isinstance(value, str | None) and not all(_agrees(one, value, chosen) for one in own[key]):
            return FAILS
    rest = [one for one in literals if one.dimension.removeprefix(KEY) not in chosen]
    unchosen = [key for key, value in chosen.items() if isinstance(value, Some)]
    if not unchosen:
        return _settle(theory, rest, own, chosen)
    contents = {key: _contents(own[key]) for key in unchosen}
    weak = [one for one in literals if not _is_fixed(one.dimension, chosen)] + [has_value(key) for key in unchosen]
    weakened = theory.dimensions(sorted(weak, key=lambda one: one.order), chosen, contents)
    if weakened.outcome == "fails":
        return FAILS
    order = sorted(unchosen, key=lambda key: (any(one.keys for one in own[key]), key))
    for attempt in islice(_attempts(theory, order, own, chosen, weakened.hints), MAX_ATTEMPTS):
        answer = _settle(theory, rest, own, attempt)
        if answer.outcome == "holds":
            return answer
    named = ", ".join(f"${{{key}}}" for key in unchosen)
    return Answer("unknown", reason=f"it depends on the value of {named} in a way that is not decided")


def _is_fixed(dimension: str, chosen: dict[str, Value]) -> bool:
    key = dimension.removeprefix(KEY)
    return dimension.startswith(KEY) and key in chosen and not isinstance(chosen[key], Some)


def _agrees(one: Literal, value: str | None, chosen: dict[str, Value]) -> bool:
    """Whether a key's own literal allows its value; a literal that depends on an open value is left for later."""
    if any(isinstance(chosen.get(key), Some) for key in one.keys):
        return one.wish.absent if value is None else value == "" or one.wish.present
    return one.holds(() if value is None else (value,), chosen)


def _settle(theory: "Theory", rest: list[Literal], own: dict[str, list[Literal]], chosen: dict[str, Value]) -> Answer:
    """All variables have values: what is left are independent dimensions."""
    given: dict[str, tuple[str, ...]] = {}
    for key, value in chosen.items():
        if isinstance(value, Several):
            several = _several(theory, key, own[key], chosen)
            if several is None:
                return FAILS
            given[KEY + key] = several
        elif isinstance(value, str | None) and all(_agrees(one, value, chosen) for one in own[key]):
            given[KEY + key] = () if value is None else (value,)
        else:
            return FAILS
    answer = theory.dimensions(rest, chosen)
    return Answer("holds", {**answer.model, **given}) if answer.outcome == "holds" else answer


def _several(theory: "Theory", key: str, own: list[Literal], chosen: dict[str, Value]) -> tuple[str, ...] | None:
    """At least two values that the key's own literals allow."""
    first = theory.dimension(KEY + key, [*own, has_value(key)], chosen).model.get(KEY + key, ())
    if len(first) > 1 or not first:
        return first or None
    other = theory.dimension(KEY + key, [*own, has_other(key, first[0])], chosen).model.get(KEY + key, ())
    both = tuple(dict.fromkeys((*first, *other)))
    return both if len(both) > 1 and all(one.holds(both, chosen) for one in own) else None


def _attempts(
    theory: "Theory",
    order: list[str],
    own: dict[str, list[Literal]],
    chosen: dict[str, Value],
    hints: tuple[tuple[str, str], ...],
) -> Iterator[dict[str, Value]]:
    """Values to try for the open keys, the likeliest first."""
    if not order:
        yield chosen
        return
    key, rest = order[0], order[1:]
    tried = dict.fromkeys([*wording.examples(key, _contents(own[key])), *(text for name, text in hints if name == key)])
    solved = theory.dimension(KEY + key, [*own[key], has_value(key)], chosen).model.get(KEY + key)
    tried.update(dict.fromkeys(solved or ()))
    for text in tried:
        given = {**chosen, key: text}
        if all(_agrees(one, text, given) for one in own[key]):
            yield from _attempts(theory, rest, own, given, hints)

"""Compares a run with the case's `[expect]`: how it ended, who worked, what the result holds, what the answer says."""

from collections.abc import Iterator, Mapping

from opswright.errors import InputError
from opswright.nouns import Json

KEYS = ("status", "tier", "specialists", "answer", "result", "absent")
_NOTHING = object()


def score(case: Mapping[str, Json], result: Mapping[str, Json]) -> dict[str, Json]:
    """`passed` when all of it holds, `score` the share that does, `missed` what does not.

    `status`, `tier`: equal; `specialists`: the tasks' in order; `answer`: words it must hold; `result`: dotted places
    (`policy.Statement.0.Effect`) with their values; `absent`: dotted places that must not be there. Raises InputError
    for a case that expects nothing or what is not known here.
    """
    expect = case.get("expect")
    if not isinstance(expect, Mapping) or not expect:
        raise InputError("a case must say what it expects", "[expect]")
    unknown = [key for key in expect if key not in KEYS]
    if unknown:
        raise InputError(f"is not known here (known: {', '.join(KEYS)})", f"[expect] {unknown[0]}")
    found = list(_checks(expect, result))
    missed = [name for name, holds in found if not holds]
    return {"passed": not missed, "score": 1 - len(missed) / len(found), "missed": missed}


def _checks(expect: Mapping[str, Json], result: Mapping[str, Json]) -> Iterator[tuple[str, bool]]:
    for key in ("status", "tier"):
        if key in expect:
            yield f"{key} {expect[key]!r}, found {result.get(key)!r}", result.get(key) == expect[key]
    if "specialists" in expect:
        found = [task["specialist"] for task in result.get("tasks", ())]
        yield f"specialists {expect['specialists']!r}, found {found!r}", found == expect["specialists"]
    for words in expect.get("answer", ()):
        yield f"answer says {words!r}", words.lower() in str(result.get("answer", "")).lower()
    for place, value in expect.get("result", {}).items():
        there = _at(result.get("result"), place)
        shown = "nothing" if there is _NOTHING else repr(there)[:200]
        yield f"result {place} is {value!r}, found {shown}", there is not _NOTHING and _same(there, value)
    for place in expect.get("absent", ()):
        yield f"result {place} is absent", _at(result.get("result"), place) is _NOTHING


def _at(value: Json, place: str) -> Json:
    """What stands at a dotted place; list entries by number."""
    for step in place.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _NOTHING
    return value


def _same(found: Json, expected: Json) -> bool:
    """Equal, and true is not 1."""
    return isinstance(found, bool) == isinstance(expected, bool) and bool(found == expected)

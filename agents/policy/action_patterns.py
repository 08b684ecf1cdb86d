"""How a set of actions may have been meant to be written: entries mended, listed, or with wildcards at word ends."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from opswright.agents.policy.guess import Guess, alike
from opswright.tools.iam import globs
from opswright.tools.iam.actions import ActionDatabase

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+|[^A-Za-z0-9]+")


def split(action: str) -> tuple[str, str]:
    """Service (lower case) and name; a lone `*` is both."""
    service, colon, name = action.partition(":")
    return (service.lower(), name) if colon else ("", action)


@lru_cache(maxsize=65536)
def words(name: str) -> tuple[str, ...]:
    """`GetBucketAcl` -> Get, Bucket, Acl."""
    return tuple(_WORDS.findall(name))


def services(actions: Sequence[str]) -> list[str]:
    """The distinct services, in their order."""
    return list(dict.fromkeys(split(action)[0] for action in actions))


def by_service(actions: Sequence[str]) -> dict[str, list[str]]:
    """The names of each service."""
    found: dict[str, list[str]] = {}
    for action in actions:
        service, name = split(action)
        found.setdefault(service, []).append(name)
    return found


def common_words(names: Sequence[str]) -> tuple[str, ...]:
    """The words all names begin with."""
    first = [words(name) for name in names]
    shared: list[str] = []
    for column in zip(*first, strict=False):
        if len({word.lower() for word in column}) > 1:
            break
        shared.append(column[0])
    return tuple(shared)


def mended(entry: str, wanted: Sequence[str], known: ActionDatabase, *, alone: bool) -> list[Guess]:
    """The entry rewritten so that it covers all wanted actions, taken as a slip of the pen or as too narrow.

    `alone`: it is the only entry, so that nothing else speaks for listing actions one by one.
    """
    service, name = split(entry)
    groups = by_service(wanted)
    if len(groups) != 1 or not name or name == entry:
        return []
    (target, names), alive = next(iter(groups.items())), bool(known.matching(entry))
    found: list[Guess] = []
    if target != service:
        return _other_service(service, name, target, names, alive)
    if not alive:
        found += _misspelled(service, name, names)
    found += [Guess(g.texts, g.cost - 0.4 * alone, g.kind) for g in _broader(service, name, names, alive, known)]
    if alive and not globs.is_glob(name) and len(names) == 1:
        near = common_words([name, names[0]]) or words(name)[1:] == words(names[0])[1:]
        found.append(Guess((f"{service}:{names[0]}",), 4.0 if near else 4.8, "action-swapped"))
    return found


def _other_service(service: str, name: str, target: str, names: Sequence[str], alive: bool) -> list[Guess]:
    test = globs.matcher(name.lower())
    if name != "*" and all(test(one.lower()) for one in names):
        near = alike(service, target) is not None
        return [Guess((f"{target}:{name}",), (3.8 if alive else 1.8) - 0.3 * near, "action-service")]
    if not alive and alike(service, target) is not None and (name == "*" or len(names) == 1):
        return [Guess((f"{target}:{name if name == '*' else names[0]}",), 2.6, "action-service")]
    return []


def _misspelled(service: str, name: str, names: Sequence[str]) -> list[Guess]:
    found = []
    if not globs.is_glob(name):
        if len(names) == 1 and (slips := alike(name, names[0])) is not None:
            found.append(Guess((f"{service}:{names[0]}",), 1.2 + 0.3 * slips, "action-typo"))
        if all(one.lower().startswith(name.lower()) for one in names):
            found.append(Guess((f"{service}:{name}*",), 2.0, "action-narrowed"))
    elif name.endswith("*") and not globs.is_glob(name[:-1]):
        for length in range(len(name) - 3, len(name) + 2):
            starts = {one[:length] for one in names}
            if length > 0 and len(starts) == 1:
                start = starts.pop()
                slips = alike(start, name[:-1])
                if slips is not None:
                    ends_a_word = "".join(words(names[0])[: len(words(start))]) == start
                    found.append(Guess((f"{service}:{start}*",), 1.4 + 0.3 * slips - 0.5 * ends_a_word, "action-typo"))
    return found


def breadth(pattern: str, seen: int, known: ActionDatabase) -> float:
    """What it costs that a wildcard matches many more actions than were asked for: they would have been seen."""
    return 0.3 * math.log2(max(1.0, len(known.matching(pattern)) / max(1, seen)))


def _broader(service: str, name: str, names: Sequence[str], alive: bool, known: ActionDatabase) -> list[Guess]:
    """Wildcards that cover both the entry and the wanted names."""
    if name == "*":
        return []
    bare = name.rstrip("*")
    shared = common_words([bare, *names])
    seen = len({bare, *names})
    literal = 0.0 if globs.is_glob(name) else 0.4
    found = []
    for count in range(1, len(shared) + 1):
        text = f"{service}:{''.join(shared[:count])}*"
        found.append(Guess((text,), 2.7 + literal + breadth(text, seen, known) + 0.2 * (count > 1), "action-narrowed"))
    text = f"{service}:*"
    found.append(Guess((text,), 2.4 + literal + breadth(text, seen, known), "action-narrowed"))
    return found if alive else [Guess(g.texts, g.cost + 0.5, g.kind) for g in found]


def written(wanted: Sequence[str], wild_style: bool, known: ActionDatabase) -> list[Guess]:
    """New entries for the wanted actions: literally, by wildcards at word ends, by whole services."""
    groups = by_service(wanted)
    shift = 0.7 if wild_style else 0.0
    found = [Guess(tuple(wanted), 3.0 + 0.6 * (len(wanted) - 1) + 0.5 * shift, "action-dropped")]
    by_verb: list[tuple[str, float]] = []
    whole: list[tuple[str, float]] = []
    for service, names in groups.items():
        for verb in dict.fromkeys(words(name)[0] for name in names if words(name)):
            same = [name for name in names if words(name)[:1] == (verb,)]
            text = f"{service}:{verb}*"
            # One action alone stays as it is among others that are grouped.
            lone = len(same) == 1 and len(wanted) > len(groups)
            by_verb.append((f"{service}:{same[0]}", 0.0) if lone else (text, breadth(text, len(same), known)))
        text = f"{service}:*"
        whole.append((text, breadth(text, len(names), known)))
        shared = common_words(names)
        if len(groups) == 1 and len(names) > 1 and len(shared) > 1:
            text = f"{service}:{''.join(shared)}*"
            found.append(Guess((text,), 3.1 + breadth(text, len(names), known) - shift, "action-dropped"))
    for way, base in ((by_verb, 3.0), (whole, 2.9)):
        texts = tuple(text for text, _ in way)
        if texts != tuple(wanted):
            cost = base + 0.6 * (len(texts) - 1) + sum(wide for _, wide in way) - shift
            found.append(Guess(texts, cost, "action-dropped"))
    return found


def narrower(entry: str, needed: Sequence[str], known: ActionDatabase) -> list[Guess]:
    """What a wildcard entry may have been meant to be, given the actions it is needed for."""
    if not globs.is_glob(entry) or not needed:
        return []
    found = [Guess(g.texts, g.cost - 0.3, "action-broadened") for g in written(needed, False, known)]
    return [guess for guess in found if guess.texts != (entry,)]

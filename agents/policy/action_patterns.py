"""How a set of action names may have been meant to be written: mended entries, literal lists, wildcards at word ends."""

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


def mended(entry: str, wanted: Sequence[str], known: ActionDatabase) -> list[Guess]:
    """The entry rewritten so that it covers all wanted actions, taken as a slip of the pen or as too narrow."""
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
    found += _broader(service, name, names, alive)
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


def _broader(service: str, name: str, names: Sequence[str], alive: bool) -> list[Guess]:
    """Wildcards that cover both the entry and the wanted names."""
    if name == "*":
        return []
    shared = common_words([name.rstrip("*"), *names])
    verbs = {words(one)[0] for one in [name, *names] if words(one)}
    several = len(names) > 1
    found = []
    for count in range(1, len(shared) + 1):
        text = f"{service}:{''.join(shared[:count])}*"
        cost = (2.9 if several else 3.9) + (0.0 if count == 1 else 0.3)
        found.append(Guess((text,), cost, "action-narrowed"))
    whole = 2.8 if len(verbs) > 2 else 3.5 if len(verbs) > 1 else 4.4
    if name.endswith("*") and not shared:
        whole -= 0.4
    found.append(Guess((f"{service}:*",), whole, "action-narrowed"))
    return found if alive else [Guess(g.texts, g.cost + 0.5, g.kind) for g in found]


def written(wanted: Sequence[str], wild_style: bool) -> list[Guess]:
    """New entries for the wanted actions: literally, by wildcards at word ends, by whole services."""
    groups = by_service(wanted)
    extra = 0.6 * (len(wanted) - 1)
    shift = 0.9 if wild_style else 0.0
    found = [Guess(tuple(wanted), 3.0 + extra + 0.5 * shift, "action-dropped")]
    by_verb: list[str] = []
    whole: list[str] = []
    single = len(wanted) == len(groups)
    for service, names in groups.items():
        for verb in dict.fromkeys(words(name)[0] for name in names if words(name)):
            same = [name for name in names if words(name)[:1] == (verb,)]
            by_verb.append(f"{service}:{verb}*" if len(same) > 1 or single else f"{service}:{same[0]}")
        whole.append(f"{service}:*")
    if tuple(by_verb) != tuple(wanted):
        cost = 3.4 + 0.8 * (len(by_verb) - 1) + (0.9 if single else 0.0) - shift
        found.append(Guess(tuple(by_verb), cost, "action-dropped"))
    cost = 4.2 + 0.8 * (len(whole) - 1) + (0.9 if single else 0.0) - shift
    found.append(Guess(tuple(whole), cost, "action-dropped"))
    for service, names in groups.items():
        shared = common_words(names)
        if len(groups) == 1 and len(names) > 1 and len(shared) > 1:
            found.append(Guess((f"{service}:{''.join(shared)}*",), 3.5 - shift, "action-dropped"))
    return found


def narrower(entry: str, needed: Sequence[str]) -> list[Guess]:
    """What a wildcard entry may have been meant to be, given the actions it is needed for."""
    if not globs.is_glob(entry) or not needed:
        return []
    groups = by_service(needed)
    found = []
    if len(needed) <= 6:
        found.append(Guess(tuple(needed), 2.8 + 0.8 * (len(needed) - 1), "action-broadened"))
    verbs = list(dict.fromkeys((service, words(n)[0]) for service, ns in groups.items() for n in ns if words(n)))
    by_verb = tuple(f"{service}:{verb}*" for service, verb in verbs)
    found.append(Guess(by_verb, 3.3 + 0.8 * (len(by_verb) - 1), "action-broadened"))
    whole = tuple(f"{service}:*" for service in groups)
    found.append(Guess(whole, 3.5 + 0.8 * (len(whole) - 1), "action-broadened"))
    for service, names in groups.items():
        shared = common_words(names)
        if len(groups) == 1 and len(names) > 1 and len(shared) > 1:
            found.append(Guess((f"{service}:{''.join(shared)}*",), 3.1, "action-broadened"))
    return [guess for guess in found if guess.texts != (entry,)]

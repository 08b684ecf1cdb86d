"""How a set of resources may have been meant to be written: mended entries, least common patterns, narrower ones.

A `*` in a resource pattern runs across `:` and `/`, so that the parts of a required resource do not tell which part of
a pattern they belong to. Patterns are therefore fitted by matching, not by cutting at colons.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from opswright.agents.policy.guess import Guess, alike, common_ends, common_start
from opswright.tools.iam import arns, globs

_TOKENS = re.compile(r"([/:])")
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
REGION, ACCOUNT, REST = 3, 4, 5
_PLACES = ("Region", "Account")


@dataclass(frozen=True, slots=True)
class Style:
    """How a policy writes its resources: `wild`: regions and accounts as `*`; `partition`: what it writes for it."""

    wild: bool = True
    partition: str = "aws"

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Style":
        """The style of a policy's own resource entries; a policy without ARNs counts as wild."""
        split = [parts for text in texts if (parts := arns.split(text))]
        places = [part for parts in split for part in (parts[REGION], parts[ACCOUNT]) if part]
        literal = sum("*" not in part for part in places)
        partitions = [parts[1] for parts in split]
        common = max(partitions, key=partitions.count, default="aws")
        return cls(2 * literal <= len(places), common)


def tokens(rest: str) -> list[str]:
    """`instance/i-1` -> instance, /, i-1."""
    return _TOKENS.split(rest)


def covers(pattern: str, texts: Sequence[str]) -> bool:
    """Whether the pattern matches all of the texts."""
    test = globs.matcher(pattern)
    return all(test(text) for text in texts)


def mended(entry: str, wanted: Sequence[str], style: Style) -> list[Guess]:
    """The entry rewritten so that it covers all wanted resources, taken as written slightly wrong."""
    if entry == "*" or _apart(entry, wanted[0]):
        return []
    found = [*_endings(entry, wanted), *_respelled(entry, wanted), *_other_segments(entry, wanted, style)]
    if "*" in wanted:
        found.append(Guess(("*",), 3.4, "resource-segment"))
    return [guess for guess in _distinct(found) if guess.texts != (entry,) and covers(guess.texts[0], wanted)]


def _apart(entry: str, text: str) -> bool:
    """Whether they are ARNs of different services: then one is not the other misspelled."""
    one, other = entry.split(":", 3), text.split(":", 3)
    if len(one) < 4 or len(other) < 4 or one[0] != "arn":
        return False
    return "*" not in one[2] and one[2] != other[2] and alike(one[2], other[2]) is None


def _endings(entry: str, wanted: Sequence[str]) -> list[Guess]:
    """`/*` forgotten, or one too many."""
    bare = entry.rstrip("/*")
    tries = []
    if not entry.endswith("*"):
        tries += [(f"{bare}/*", 1.6), (f"{entry}*", 2.4), (f"{bare}:*", 2.4)]
    elif entry.endswith("/*"):
        tries += [(bare, 1.8), (f"{bare}*", 3.0)]
    else:
        tries += [(f"{entry[:-1]}/*", 2.4), (entry[:-1], 2.4)]
    return [Guess((text,), cost, "resource-slash") for text, cost in tries if text]


def _respelled(entry: str, wanted: Sequence[str]) -> Iterator[Guess]:
    """One word of the entry misspelled: put right from how the wanted resources spell it."""
    pieces = re.split(r"([*/:])", entry)
    for at, piece in enumerate(pieces):
        if len(piece) < 3 or "${" in piece or piece == "arn":
            continue
        for word in _spellings(piece, wanted[0]):
            text = "".join([*pieces[:at], word, *pieces[at + 1 :]])
            if covers(text, wanted):
                yield Guess((text,), 1.6 + 0.3 * (word[-1] != piece[-1]), "resource-segment")


def _spellings(word: str, text: str) -> set[str]:
    """Words in the text that differ from this one by a slip; they begin or end as it does."""
    found: set[str] = set()
    size = len(word)
    for seed, from_end in ((word[:2], False), (word[-2:], True)):
        at = text.find(seed)
        while at >= 0:
            for length in range(size - 1, size + 2):
                begin = at + len(seed) - length if from_end else at
                other = text[max(0, begin) : begin + length]
                if other != word and not _TOKENS.search(other) and alike(word, other) == 1:
                    found.add(other)
            at = text.find(seed, at + 1)
    return found


def _other_segments(entry: str, wanted: Sequence[str], style: Style) -> Iterator[Guess]:
    """One part of the entry (or two) names something else than it should."""
    parts = tokens(entry)
    places = [at for at, part in enumerate(parts) if part not in ("", "*", "arn", ":", "/")]
    strange = {at for at in places if not all(run in wanted[0] for run in re.split(r"[*?]|\$\{[^}]*\}", parts[at]))}
    for count, cost in ((1, 2.3), (2, 4.0)):
        if len(strange) > count:
            continue
        done = False
        for chosen in combinations(places, count):
            if not strange <= set(chosen):
                continue
            opened = "".join("*" if at in chosen else part for at, part in enumerate(parts))
            if covers(opened, wanted):
                done = True
                yield from _filled(parts, chosen, wanted, style, cost)
        if done:
            return


def _filled(
    parts: list[str], chosen: tuple[int, ...], wanted: Sequence[str], style: Style, cost: float
) -> Iterator[Guess]:
    """The chosen parts as the wanted resources have them, or open."""
    seen = [_captured(parts, at, chosen, wanted) for at in chosen]
    ways: list[list[tuple[str, float]]] = []
    for at, values in zip(chosen, seen, strict=True):
        place = at // 2 in (REGION, ACCOUNT) and parts[0] == "arn"
        if len(set(values)) == 1:
            slip = alike(parts[at], values[0]) is not None
            opened = ("*", 0.1 if place and style.wild else 0.9 if place else 1.1)
            ways.append([(values[0], -0.5 if slip else 0.1 if place else 0.7), opened])
        elif place:
            ways.append([("*", 0.2)])
        else:
            common = common_ends(values)
            ways.append([(common, 0.6), ("*", 1.1)] if common != "*" else [("*", 1.1)])
    for pick in (0, -1):
        text = list(parts)
        more = 0.0
        for at, way in zip(chosen, ways, strict=True):
            text[at] = way[pick][0]
            more += way[pick][1]
        yield Guess(("".join(text),), cost + more, "resource-segment")


def _captured(parts: list[str], at: int, chosen: tuple[int, ...], wanted: Sequence[str]) -> list[str]:
    """What each wanted resource has in the place of a part."""
    pattern = ""
    for other, part in enumerate(parts):
        if other == at:
            pattern += "(.*?)"
        elif other in chosen:
            pattern += ".*?"
        else:
            pattern += re.escape(part).replace(r"\*", ".*?").replace(r"\?", ".")
    read = re.compile(pattern, re.DOTALL).fullmatch
    return [match[1] if (match := read(text)) else "" for text in wanted]


def _distinct(guesses: Iterable[Guess]) -> list[Guess]:
    best: dict[tuple[str, ...], Guess] = {}
    for guess in guesses:
        if guess.texts not in best or guess.cost < best[guess.texts].cost:
            best[guess.texts] = guess
    return list(best.values())


def written(wanted: Sequence[str], style: Style, templates: Sequence[str]) -> list[Guess]:
    """New entries for the wanted resources. `templates`: ARN templates (`${...}`) of the types their actions take."""
    several = len(wanted) > 1
    found = [Guess(tuple(wanted), 3.9 + 1.0 * (len(wanted) - 1), "resource-dropped")]
    found.append(Guess(("*",), 4.2 if several else 4.8, "resource-dropped"))
    for template in templates:
        found += _fitted(template, wanted, style)
    if len(found) == 2:
        found.append(Guess((least_common(wanted),), 3.6, "resource-dropped"))
    found += [*_by_type(wanted, style, templates), *_by_beginning(wanted)]
    return [guess for guess in _distinct(found) if all(any(globs.matches(t, w) for t in guess.texts) for w in wanted)]


MOST_TYPES = 4


def _by_type(wanted: Sequence[str], style: Style, templates: Sequence[str]) -> Iterator[Guess]:
    """One pattern for each resource type, where the wanted resources are of several."""
    groups: dict[str, list[str]] = {}
    for text in wanted:
        fits = [template for template in templates if _readers(template)[2][0].fullmatch(text)]
        if not fits:
            return
        # What a `*` in front may have swallowed names other types: the type named last is the resource's own.
        last = max(fits, key=lambda template: text.rfind(max(_readers(template)[0][1:], key=len)))
        groups.setdefault(last, []).append(text)
    if not 1 < len(groups) <= MOST_TYPES:
        return
    ways = [sorted(_fitted(template, texts, style), key=lambda g: g.cost)[:3] for template, texts in groups.items()]
    for pick in range(3):
        chosen = [way[min(pick, len(way) - 1)] for way in ways]
        cost = max(guess.cost for guess in chosen) + 0.6 * (len(chosen) - 1)
        yield Guess(tuple(guess.texts[0] for guess in chosen), cost, "resource-dropped")


def _by_beginning(wanted: Sequence[str]) -> Iterator[Guess]:
    """One pattern for each of a few beginnings: `foo*` and `bar*`."""
    shared = common_start(wanted)
    groups: dict[str, list[str]] = {}
    for text in wanted:
        groups.setdefault(text[len(shared) : len(shared) + 3], []).append(text)
    if 1 < len(groups) <= MOST_TYPES and len(groups) < len(wanted):
        texts = [group[0] if len(group) == 1 else f"{common_start(group)}*" for group in groups.values()]
        yield Guess(tuple(texts), 3.4 + 0.6 * (len(texts) - 1), "resource-dropped")


@lru_cache(maxsize=8192)
def _readers(template: str) -> tuple[list[str], list[str], list[re.Pattern[str]]]:
    """Literal runs, placeholder names, and two readings: every name as short as possible, and the last one so."""
    pieces = _PLACEHOLDER.split(template)
    runs, names = pieces[::2], pieces[1::2]
    readings = []
    for eager in (False, True):
        pattern = re.escape(runs[0])
        for at, run in enumerate(runs[1:]):
            greedy = eager and at == len(names) - 2
            pattern += ("(.*)" if greedy else "(.*?)") + re.escape(run)
        readings.append(re.compile(pattern, re.DOTALL))
    return runs, names, readings


def _fitted(template: str, wanted: Sequence[str], style: Style) -> Iterator[Guess]:
    """The template with its placeholders filled as the wanted resources have them, or left open."""
    runs, names, readings = _readers(template)
    seen: set[tuple[tuple[str, ...], ...]] = set()
    for far, reading in zip((0.0, 0.4), readings, strict=True):
        rows = [match.groups() for text in wanted if (match := reading.fullmatch(text))]
        columns = tuple(zip(*rows, strict=True))
        if len(rows) < len(wanted) or columns in seen:
            continue
        seen.add(columns)
        for guess in _filled_template(runs, names, columns, style):
            yield Guess(guess.texts, guess.cost + far, guess.kind)


def _filled_template(
    runs: list[str], names: list[str], columns: tuple[tuple[str, ...], ...], style: Style
) -> Iterator[Guess]:
    several = len(columns[0]) > 1 if columns else False
    ours = [at for at, name in enumerate(names) if name not in _PLACES and name != "Partition"]
    common = [common_ends(column) for column in columns]
    for places in ("*", ""):
        far = 0.0 if (places == "*") == style.wild else 0.7
        typed = bool(ours) and runs[ours[0]][:-1].rstrip(":/").rpartition(":")[2] != ""
        for opened, cost in _openings(ours, common, several, style.wild and typed):
            filled = []
            for at, name in enumerate(names):
                if name == "Partition":
                    filled.append(style.partition)
                elif name in _PLACES and (places or len(set(columns[at])) > 1):
                    filled.append("*")
                else:
                    filled.append("*" if at in opened else common[at])
            for more, fills in ((0.0, filled), (0.1, [_begun(fill) for fill in filled])):
                text = re.sub(r"\*+", "*", "".join(run + fill for run, fill in zip(runs, [*fills, ""], strict=True)))
                yield Guess((text,), cost + far + more, "resource-dropped")
                if text.endswith("/*/*"):
                    yield Guess((text[:-2],), cost + far + more, "resource-dropped")


def _openings(ours: list[int], common: list[str], several: bool, loose: bool) -> list[tuple[set[int], float]]:
    """Which of a type's names are written `*`, and the cost of writing them so.

    `loose`: the policy leaves regions and accounts open, and the type is named before the name (`instance/`).
    """
    last = set(ours[-1:])
    # One name (a bucket, a role) is usually meant; the last of several (a key, an instance) usually is any.
    alone = 3.4 if loose else 3.6 if several else 4.0
    found = [(last, 3.3 if len(ours) > 1 else alone), (set(ours), 3.9 if several else 4.1)]
    if any(common[at] != "*" for at in ours):
        partly = several and any("*" in common[at] and common[at] != "*" for at in ours)
        found.append((set(), 3.2 if partly else 3.5))
    return found


def _begun(text: str) -> str:
    """`begin*end` as `begin*`: that all end alike may be chance. A file's suffix or a domain stays."""
    begin, star, end = text.partition("*")
    return f"{begin}*" if star and begin and end and end[0] not in ".@" else text


def least_common(wanted: Sequence[str]) -> str:
    """The least pattern by common beginning and end that covers all; one text is itself."""
    return common_ends(wanted)


def narrower(entry: str, needed: Sequence[str], style: Style, templates: Sequence[str]) -> list[Guess]:
    """What a pattern may have been meant to be, given the resources it is needed for."""
    if not globs.is_glob(entry) or not needed:
        return []
    found = [Guess(g.texts, g.cost - 0.7, "resource-broadened") for g in written(needed, style, templates)]
    if entry.endswith("*"):
        found += [Guess((text,), 2.2, "resource-slash") for text in (f"{entry[:-1]}/*", entry.rstrip("/*")) if text]
    found += _specialised(entry, needed)
    return [
        g for g in _distinct(found) if g.texts != (entry,) and all(any(covers(t, [w]) for t in g.texts) for w in needed)
    ]


def _specialised(entry: str, needed: Sequence[str]) -> Iterator[Guess]:
    """One `*` of the entry made as narrow as all needed resources have it."""
    parts = re.split(r"(\*)", entry)
    for at, part in enumerate(parts):
        if part == "*" and entry != "*":
            common = common_ends(_captured(parts, at, (at,), needed))
            if common != "*":
                yield Guess(("".join([*parts[:at], common, *parts[at + 1 :]]),), 2.7, "resource-segment")

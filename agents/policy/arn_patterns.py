"""How a set of resources may have been meant to be written: mended entries, least common patterns, narrower ones."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opswright.agents.policy.guess import Guess, alike
from opswright.tools.iam import arns, globs

_TOKENS = re.compile(r"([/:])")
REGION, ACCOUNT, REST = 3, 4, 5


@dataclass(frozen=True, slots=True)
class Style:
    """How a policy writes its resources: `wild`: regions and accounts as `*`; `names`: last parts as `*` too."""

    wild: bool = True
    names: bool = True

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Style":
        """The style of a policy's own resource entries; a policy without ARNs counts as wild."""
        split = [parts for text in texts if (parts := arns.split(text))]
        places = [part for parts in split for part in (parts[REGION], parts[ACCOUNT]) if part]
        literal = sum("*" not in part for part in places)
        ends = [parts[REST] for parts in split]
        starred = sum(end.endswith("*") for end in ends)
        return cls(literal <= len(places) // 2, 2 * starred >= len(ends))


def tokens(rest: str) -> list[str]:
    """`instance/i-1` -> instance, /, i-1."""
    return _TOKENS.split(rest)


def mended(entry: str, wanted: Sequence[str], style: Style) -> list[Guess]:
    """The entry rewritten so that it covers all wanted resources, taken as written slightly wrong."""
    found = _endings(entry, wanted)
    parts = arns.split(entry)
    split = [arns.split(text) for text in wanted]
    if parts is None or any(one is None for one in split):
        if entry not in ("*",) and "*" in wanted:
            found.append(Guess(("*",), 3.4, "resource-literal"))
        return found
    given = [one for one in split if one is not None]
    head = [_segment(parts[at], [one[at] for one in given], at, style) for at in range(REST)]
    tail = _rest(parts[REST], [one[REST] for one in given])
    for literal in (True, False):
        chosen = [options[0] if literal else options[-1] for options in [*head, tail]]
        changed = [cost for _, cost in chosen if cost]
        if changed:
            text = ":".join(text for text, _ in chosen)
            cost = max(changed) + 1.4 * (len(changed) - 1)
            found.append(Guess((text,), cost, "resource-segment"))
    return [g for g in _distinct(found) if g.texts[0] != entry and all(globs.matches(g.texts[0], w) for w in wanted)]


def _endings(entry: str, wanted: Sequence[str]) -> list[Guess]:
    """`/*` forgotten, or one too many."""
    bare = entry.rstrip("/*")
    tries = []
    if not entry.endswith("*"):
        tries += [(f"{bare}/*", 1.6), (f"{entry}*", 2.4), (f"{bare}:*", 2.4)]
    elif entry.endswith("/*"):
        tries += [(bare, 1.8), (f"{bare}*", 2.6)]
    else:
        tries += [(f"{entry[:-1]}/*", 2.4), (entry[:-1], 2.4)]
    return [Guess((text,), cost, "resource-slash") for text, cost in tries if text and _all_match(text, wanted)]


def _all_match(pattern: str, texts: Sequence[str]) -> bool:
    return all(globs.matches(pattern, text) for text in texts)


Option = tuple[str, float]


def _segment(part: str, given: Sequence[str], at: int, style: Style) -> list[Option]:
    """What a colon segment may have been meant to be: first the most literal reading, last the widest."""
    if _all_match(part, given):
        return [(part, 0.0)]
    distinct = list(dict.fromkeys(given))
    wild = ("*", 2.2 if at in (REGION, ACCOUNT) and style.wild else 2.9)
    if len(distinct) > 1:
        return [(_common(distinct), 2.5), wild]
    typo = alike(part, distinct[0]) is not None
    return [(distinct[0], 1.8 if typo else 2.3), wild]


def _common(texts: Sequence[str]) -> str:
    """The texts' common beginning, cut at a word's end, and `*`; one text is itself."""
    if len(set(texts)) == 1:
        return texts[0]
    shared = os.path.commonprefix(list(texts))
    at = max((shared.rfind(mark) for mark in "-_./"), default=-1)
    return f"{shared[: at + 1] if at >= 0 else (shared if len(shared) > 3 else '')}*"


def _rest(rest: str, given: Sequence[str]) -> list[Option]:
    """What the last part may have been meant to be."""
    if _all_match(rest, given):
        return [(rest, 0.0)]
    mine = tokens(rest)
    theirs = [tokens(text) for text in given]
    if len({len(one) for one in theirs}) == 1 and (
        len(theirs[0]) == len(mine) or (len(mine) < len(theirs[0]) and mine[-1].endswith("*"))
    ):
        return _aligned(mine, theirs)
    shared = [column[0] for column in zip(mine, *theirs, strict=False) if len(set(column)) == 1]
    matching = _prefix_tokens(mine, theirs)
    if not matching:
        return [("*", 3.6)]
    del shared
    return [("".join(matching) + "*", 3.0)]


def _prefix_tokens(mine: Sequence[str], theirs: Sequence[Sequence[str]]) -> list[str]:
    found: list[str] = []
    for column in zip(mine, *theirs, strict=False):
        if len(set(column)) > 1:
            break
        found.append(column[0])
    return found


def _aligned(mine: list[str], theirs: list[list[str]]) -> list[Option]:
    exact: list[str] = []
    wide: list[str] = []
    costs: list[float] = []
    for at, token in enumerate(mine):
        column = [one[at] if at < len(mine) - 1 else "".join(one[at:]) for one in theirs]
        if _all_match(token, column):
            exact.append(token)
            wide.append(token)
            continue
        common = _common(list(dict.fromkeys(column)))
        exact.append(common)
        literal = token.rstrip("*")
        start = os.path.commonprefix([literal, *column])
        kept = len(start) > 2 and len(start) >= len(literal) // 2
        wide.append(f"{start}*" if kept and at == len(mine) - 1 else "*")
        costs.append(1.8 if len(set(column)) == 1 and alike(token, column[0]) is not None else 2.5)
    cost = sum(costs) + 0.6 * (len(costs) - 1)
    options = [("".join(exact), cost), ("".join(wide), cost + 0.5)]
    return options if options[0][0] != options[1][0] else options[:1]


def _distinct(guesses: Iterable[Guess]) -> list[Guess]:
    best: dict[tuple[str, ...], Guess] = {}
    for guess in guesses:
        if guess.texts not in best or guess.cost < best[guess.texts].cost:
            best[guess.texts] = guess
    return list(best.values())


def written(wanted: Sequence[str], style: Style, templates: Sequence[str]) -> list[Guess]:
    """New entries for the wanted resources. `templates`: ARN globs of the resource types their actions take."""
    found = [Guess(tuple(wanted), 3.8 + 1.0 * (len(wanted) - 1) + 0.4 * style.wild, "resource-dropped")]
    found.append(Guess(("*",), 4.4 if len(wanted) > 1 else 5.2, "resource-dropped"))
    split = [parts for text in wanted if (parts := arns.split(text))]
    if len(split) < len(wanted):
        return found
    common = least_common(wanted)
    several = len(wanted) > 1
    found.append(Guess((common,), 3.4 if several else 3.8, "resource-dropped"))
    open_end = _open_end(common)
    for text, cost in ((open_end, 3.5 if style.names or "/" in arns_rest(common) else 4.2),):
        found.append(Guess((text,), cost, "resource-dropped"))
        found.append(Guess((_open_place(text),), cost - 0.1 if style.wild else cost + 0.6, "resource-dropped"))
    found.append(Guess((_open_place(common),), 3.6 if style.wild else 4.2, "resource-dropped"))
    for template in templates:
        if _all_match(template, wanted):
            cost = 3.5 if style.wild and several else 4.0
            found.append(Guess((template.replace("arn:*:", "arn:aws:", 1),), cost, "resource-dropped"))
    return [guess for guess in _distinct(found) if all(any(globs.matches(t, w) for t in guess.texts) for w in wanted)]


def arns_rest(text: str) -> str:
    """The part of an ARN after the fifth colon; the text itself where it is none."""
    parts = arns.split(text)
    return parts[REST] if parts else text


def _open_end(text: str) -> str:
    """The last token as `*`, unless it is the only one (a bucket, a topic)."""
    parts = arns.split(text)
    if parts is None:
        return text
    cut = tokens(parts[REST])
    if len(cut) < 3:
        return text
    keep = 1 if "/" not in cut[0] and cut[1] in "/:" else 0
    return ":".join(parts[:REST]) + ":" + "".join(cut[: keep + 1]) + "*"


def _open_place(text: str) -> str:
    """Region and account as `*` where they are given."""
    parts = arns.split(text)
    if parts is None:
        return text
    middle = ["*" if part else "" for part in parts[REGION:REST]]
    return ":".join([*parts[:REGION], *middle, parts[REST]])


def least_common(wanted: Sequence[str]) -> str:
    """The least pattern at the level of segments and path parts that covers all; one text is itself."""
    split = [parts for text in wanted if (parts := arns.split(text))]
    if len(split) < len(wanted):
        return wanted[0] if len(set(wanted)) == 1 else "*"
    head = [_common([parts[at] for parts in split]) for at in range(REST)]
    cuts = [tokens(parts[REST]) for parts in split]
    if len({len(cut) for cut in cuts}) == 1:
        rest = "".join(_common(list(column)) for column in zip(*cuts, strict=True))
    else:
        matching = _prefix_tokens(cuts[0], cuts[1:])
        rest = "".join(matching) + "*"
    return ":".join([*head, rest])


def narrower(entry: str, needed: Sequence[str], style: Style, templates: Sequence[str]) -> list[Guess]:
    """What a pattern may have been meant to be, given the resources it is needed for."""
    if not globs.is_glob(entry) or not needed:
        return []
    found = [Guess(g.texts, g.cost - 0.6, "resource-broadened") for g in written(needed, style, templates)]
    if entry.endswith("*") and not entry.endswith("/*") and _all_match(f"{entry[:-1]}/*", needed):
        found.append(Guess((f"{entry[:-1]}/*",), 2.4, "resource-slash"))
    found += _specialised(entry, needed)
    return [guess for guess in _distinct(found) if guess.texts != (entry,)]


def _specialised(entry: str, needed: Sequence[str]) -> list[Guess]:
    """One `*` segment or path part of the entry made literal, as all needed resources have it."""
    parts = arns.split(entry)
    split = [one for text in needed if (one := arns.split(text))]
    if parts is None or len(split) < len(needed):
        return []
    found = []
    for at in range(REST):
        values = {one[at] for one in split}
        if globs.is_glob(parts[at]) and len(values) == 1:
            text = ":".join([*parts[:at], values.pop(), *parts[at + 1 :]])
            found.append(Guess((text,), 2.8, "resource-segment"))
    mine, theirs = tokens(parts[REST]), [tokens(one[REST]) for one in split]
    for at, token in enumerate(mine):
        if globs.is_glob(token) and all(len(cut) >= len(mine) for cut in theirs):
            common = _common([cut[at] if at < len(mine) - 1 else "".join(cut[at:]) for cut in theirs])
            text = ":".join([*parts[:REST], "".join([*mine[:at], common, *mine[at + 1 :]])])
            found.append(Guess((text,), 2.9, "resource-segment"))
    return [g for g in found if _all_match(g.texts[0], needed)]

"""Slips in Action, NotAction, Resource and NotResource: entries misspelled, missing, too many, too wide, too narrow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opswright.agents.policy import action_patterns, arn_patterns
from opswright.agents.policy.draft import Edit, View
from opswright.agents.policy.evidence import Evidence, bits
from opswright.agents.policy.guess import Guess
from opswright.agents.policy.setting import Setting
from opswright.agents.policy.templating import templated
from opswright.tools.iam import arns, globs
from opswright.tools.iam.document import Entry, Statement

MOST_MENDED = 6
IMPLIED = 0.6  # what it costs to narrow resources where the actions tell the requests apart
# An entry may be missing beside the one it resembles, or be that one, mended. In a list the former is the likelier,
# unless the entry looks misspelled.
BESIDE, BESIDE_IN_LIST = 1.0, 2.6
NOT_A_SLIP = 2.4  # what a mended entry costs at least where it was no mere slip of the pen


@dataclass(frozen=True)
class Dimension:
    """One list-valued element: how to read requests by it, and how its entries may be written."""

    name: Literal["actions", "resources"]
    label: str
    entries: tuple[Entry, ...]
    negated: bool
    texts: Callable[[int], list[str]]
    mask: Callable[[str], int]
    cluster: Callable[[int, int], int]
    mended: Callable[[str, Sequence[str]], list[Guess]]
    written: Callable[[Sequence[str], int], list[Guess]]
    narrower: Callable[[str, Sequence[str], int], list[Guess]]
    hints: Sequence[str]

    def with_entries(self, statement: Statement, texts: Sequence[str]) -> Statement:
        """The statement with other entries; those that stay keep their place in the source."""
        known = {entry.text: entry for entry in self.entries}
        made = tuple(known.get(text) or Entry(text) for text in dict.fromkeys(texts))
        return replace(statement, actions=made) if self.name == "actions" else replace(statement, resources=made)


def actions(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Edits of Action or NotAction."""
    statement, evidence = view.statement, view.evidence
    texts = [entry.text for entry in statement.actions]
    wild = 2 * sum(text.endswith("*") for text in texts) > len(texts)
    dimension = Dimension(
        "actions",
        "NotAction" if statement.not_action else "Action",
        statement.actions,
        statement.not_action,
        lambda mask: list(dict.fromkeys(setting.known.spelled(name) for name in evidence.actions(mask))),
        evidence.action_mask,
        lambda mask, bit: _same_service(evidence, mask, bit),
        lambda entry, wanted: action_patterns.mended(entry, wanted, setting.known, alone=len(texts) == 1),
        lambda wanted, _: _with_affinity(action_patterns.written(wanted, wild, setting.known), texts, wanted),
        lambda entry, needed, _: action_patterns.narrower(entry, needed, setting.known),
        (),
    )
    yield from _edits(dimension, view, focus)


def resources(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Edits of Resource or NotResource."""
    statement, evidence, style = view.statement, view.evidence, setting.style
    if statement.resources is None:
        return
    dimension = Dimension(
        "resources",
        "NotResource" if statement.not_resource else "Resource",
        statement.resources,
        statement.not_resource,
        evidence.resources,
        evidence.resource_mask,
        lambda mask, bit: _same_type(evidence, mask, bit),
        lambda entry, wanted: arn_patterns.mended(entry, wanted, style),
        lambda wanted, mask: _written(wanted, mask, evidence, setting),
        lambda entry, needed, mask: _narrower(entry, needed, mask, evidence, setting),
        setting.resources,
    )
    yield from _edits(dimension, view, focus)


def _written(wanted: Sequence[str], mask: int, evidence: Evidence, setting: Setting) -> list[Guess]:
    """New resource entries, also with a policy variable where every resource repeats a context key's value."""
    templates = setting.templates(evidence.actions(mask))
    found = arn_patterns.written(wanted, setting.style, templates)
    for texts, values_seen in templated(evidence, mask, lambda request: request.resource, setting):
        with_variable = arn_patterns.written(texts, setting.style, templates)
        more = -0.4 if values_seen > 1 else 0.8  # several values that all follow the key are no chance
        found += [Guess(g.texts, g.cost + more, g.kind) for g in with_variable if all("${" in text for text in g.texts)]
    return found


def _narrower(entry: str, needed: Sequence[str], mask: int, evidence: Evidence, setting: Setting) -> list[Guess]:
    if not needed:
        return []
    found = arn_patterns.narrower(entry, needed, setting.style, setting.templates(evidence.actions(mask)))
    with_variables = [guess for guess in _written(needed, mask, evidence, setting) if "${" in guess.texts[0]]
    return found + [Guess(g.texts, g.cost - 0.7, "resource-broadened") for g in with_variables]


def _with_affinity(guesses: list[Guess], texts: Sequence[str], wanted: Sequence[str]) -> list[Guess]:
    """An action is likelier missing from a list that has others of its service."""
    here = {action_patterns.split(text)[0] for text in texts}
    strange = sum(service not in here for service in action_patterns.services(wanted))
    return [Guess(g.texts, g.cost + 1.2 * strange, g.kind) for g in guesses]


def _same_service(evidence: Evidence, mask: int, bit: int) -> int:
    service = evidence.requests[next(bits(bit))].action.lower().partition(":")[0]
    return sum(1 << i for i in bits(mask) if evidence.requests[i].action.lower().partition(":")[0] == service)


def _same_type(evidence: Evidence, mask: int, bit: int) -> int:
    kind = _type_of(evidence.requests[next(bits(bit))].resource)
    return sum(1 << i for i in bits(mask) if _type_of(evidence.requests[i].resource) == kind)


def _type_of(resource: str) -> tuple[str, str, int]:
    parts = arns.split(resource)
    if parts is None:
        return (resource, "", 0)
    cut = arn_patterns.tokens(parts[arn_patterns.REST])
    return (parts[2], cut[0] if len(cut) > 1 and parts[2] != "s3" else "", min(len(cut), 3) if parts[2] == "s3" else 0)


def _edits(dimension: Dimension, view: View, focus: int) -> Iterator[Edit]:
    row = view.row
    mine = getattr(row, dimension.name)
    others = row.others(dimension.name)
    if focus & view.need & ~mine:
        off = others if focus & others else row.at_most_two_off
        need = view.need & off & ~mine
        if dimension.negated:
            yield from _uncover(dimension, view, focus, need, view.avoid & others & ~mine, 0)
        else:
            yield from _cover(dimension, view, focus, need, view.keep)
    if focus & view.drop:
        if dimension.negated:
            yield from _cover(dimension, view, focus, view.drop, view.avoid & others & ~mine)
        else:
            yield from _uncover(dimension, view, focus, view.drop, view.keep, view.need & others & ~mine)


def _groups(dimension: Dimension, mask: int, focus: int) -> list[int]:
    """All of the requests, those like the focus, the focus and what has the same text."""
    found: dict[tuple[str, ...], int] = {}
    for group in (mask, dimension.cluster(mask, focus), focus):
        if group & focus:
            found.setdefault(tuple(dimension.texts(group)), group)
    return list(found.values())


def _cover(dimension: Dimension, view: View, focus: int, need: int, keep: int) -> Iterator[Edit]:
    """The entries come to match the focus, best together with all of `need`."""
    texts = [entry.text for entry in dimension.entries]
    masks = [dimension.mask(text) for text in texts]
    for group in _groups(dimension, need, focus):
        wanted = dimension.texts(group)
        yield from _mend(dimension, view, texts, masks, wanted, keep)
        for guess in dimension.written(wanted, group):
            yield _made(dimension, view, guess.kind, guess.cost, [*texts, *guess.texts])
        for hint in dimension.hints:
            if hint not in texts and hint != "*" and all(globs.matches(hint, text) for text in wanted):
                yield _made(dimension, view, f"{dimension.name[:-1]}-dropped", 2.8, [*texts, hint])


def _mend(
    dimension: Dimension, view: View, texts: list[str], masks: list[int], wanted: list[str], keep: int
) -> Iterator[Edit]:
    ranked = [(guess.cost, at, guess) for at, text in enumerate(texts) for guess in dimension.mended(text, wanted)]
    ranked.sort(key=lambda item: item[:2])
    for cost, at, guess in ranked[:MOST_MENDED]:
        rest = _union(masks, at)
        lost = keep & masks[at] & ~rest & ~dimension.mask(guess.texts[0])
        real = cost >= NOT_A_SLIP - 0.2 and guess.kind == "resource-segment" and guess.texts != ("*",)
        if not lost:
            doubt = 0.0 if not real else 1.2 if len(texts) > 1 else 0.2
            cost_here = cost - (0.5 if texts.count(texts[at]) > 1 else 0.0) + doubt
            yield _made(dimension, view, guess.kind, cost_here, [*texts[:at], *guess.texts, *texts[at + 1 :]])
        beside = max(BESIDE_IN_LIST, cost) if real else cost + BESIDE
        yield _made(dimension, view, f"{dimension.name[:-1]}-dropped", beside, [*texts, *guess.texts])


def _uncover(dimension: Dimension, view: View, focus: int, drop: int, keep: int, need: int) -> Iterator[Edit]:
    """The entries cease to match the focus, best together with all of `drop`."""
    texts = [entry.text for entry in dimension.entries]
    masks = [dimension.mask(text) for text in texts]
    hit = [at for at, mask in enumerate(masks) if mask & focus]
    kind = dimension.name[:-1]
    if len(hit) > 1:
        left = [text for at, text in enumerate(texts) if at not in hit]
        if left:
            yield _made(dimension, view, f"{kind}-added", 2.9 * len(hit), left)
        return
    for at in hit:
        before, after = texts[:at], texts[at + 1 :]
        needed_mask = keep & masks[at] & ~_union(masks, at)
        needed = dimension.texts(needed_mask)
        if before or after:
            yield _made(dimension, view, f"{kind}-added", 2.9 if not needed else 4.4, before + after)
        implied = IMPLIED if dimension.name == "resources" and _told_by_action(view, drop, keep) else 0.0
        for guess in dimension.narrower(texts[at], needed, needed_mask):
            yield _made(dimension, view, guess.kind, guess.cost + implied, [*before, *guess.texts, *after])
        for hint in dimension.hints:
            if hint not in texts and not dimension.mask(hint) & focus and globs.matches(texts[at], hint):
                covers = not needed_mask & ~dimension.mask(hint)
                if covers:
                    cost = 2.5 if needed else 4.2
                    yield _made(dimension, view, f"{kind}-broadened", cost, [*before, hint, *after])
        for group in {need} if need else ():
            wanted = dimension.texts(group)
            for guess in dimension.mended(texts[at], wanted):
                yield _made(dimension, view, guess.kind, guess.cost, [*before, *guess.texts, *after])


def _told_by_action(view: View, drop: int, keep: int) -> bool:
    """Whether a wildcard action lets in other actions than are needed: then their resources differ for that reason."""
    wild = any(globs.is_glob(entry.text) for entry in view.statement.actions)
    return wild and not set(view.evidence.actions(drop)) & set(view.evidence.actions(keep))


def _union(masks: Sequence[int], but: int) -> int:
    found = 0
    for at, mask in enumerate(masks):
        if at != but:
            found |= mask
    return found


def _made(dimension: Dimension, view: View, kind: str, cost: float, texts: Sequence[str]) -> Edit:
    old, kept = dict.fromkeys(entry.text for entry in dimension.entries), dict.fromkeys(texts)
    gone = [text for text in old if text not in kept]
    new = [text for text in kept if text not in old]
    said = " ".join([*(f"-{text}" for text in gone), *(f"+{text}" for text in new)])
    statement = dimension.with_entries(view.statement, texts)
    # That a Not element is in an Allow at all is the likelier slip.
    odd = 0.8 if dimension.negated and view.row.allow else 0.0
    return view.edit(kind, cost + odd, f"{dimension.label} {said}", statement)

"""Rewrites a JSON text to a new value and leaves the text of every unchanged part as it is.

Objects are compared name by name, lists by their longest common runs; only what differs is written anew, indented as
the source is. Rewriting to the value the source already has returns the source byte for byte.
"""

import difflib
import json
import re
from dataclasses import dataclass

from opswright.nouns import Json
from opswright.tools.iam.json_text import Node, read_json


def rewrite(source: str, new: Json) -> str:
    """The source text changed to mean `new`. Raises InputError when the source is no JSON."""
    text = read_json(source, "source")
    writer = _Writer(source, _style(source, text.root))
    return source[: text.root.start] + writer.value(text.root, new) + source[text.root.end :]


@dataclass(frozen=True, slots=True)
class _Style:
    """How the source is laid out. `indent` None: on one line."""

    indent: str | None
    newline: str
    comma: str
    colon: str
    ascii: bool


@dataclass(frozen=True, slots=True)
class _Child:
    """A kept or new child's text without the space around it; `source`: its position in the source, if it was there."""

    text: str
    source: int | None


def _style(source: str, root: Node) -> _Style:
    newline = "\r\n" if "\r\n" in source else "\n"
    first = re.search(r"[\[{][ \t]*\r?\n([ \t]*)", source[root.start : root.end])
    indent = None
    if first is not None:
        before = source[: root.start + first.start()].rpartition("\n")[2]
        own = re.match(r"[ \t]*", before)
        outer = own.group() if own else ""
        inner = first.group(1)
        indent = inner.removeprefix(outer) if inner.startswith(outer) and len(inner) > len(outer) else "  "
    colon = re.search(r'"\s*:([ \t]*)', source)
    comma = re.search(r",([ \t]*)[^\s]", source)
    return _Style(
        indent,
        newline,
        comma="," + (comma.group(1) if comma else colon.group(1) if colon else " "),
        colon=": " if colon is None else ":" + colon.group(1),
        ascii=source.isascii() and "\\u" in source,
    )


class _Writer:
    """Renders nodes of one source against new values."""

    def __init__(self, source: str, style: _Style) -> None:
        self.source = source
        self.style = style

    def value(self, node: Node, new: Json) -> str:
        """The node's text, changed only where the new value differs."""
        if _same(node.value, new):
            return self.source[node.start : node.end]
        if isinstance(node.value, dict) and isinstance(new, dict) and node.value and new:
            return self.container(node, self.members(node, new))
        if isinstance(node.value, list) and isinstance(new, list) and node.value and new:
            return self.container(node, self.items(node, new))
        return self.fresh(new, self.indentation(node.start) if self.on_own_line(node) else None)

    def members(self, node: Node, new: dict[str, Json]) -> list[_Child]:
        """The new object's members: kept names in the source's order, each new one after its predecessor."""
        order = {name: at for at, name in enumerate(node.members)}
        names = [name for name in node.members if name in new]
        before: str | None = None
        for name in new:
            if name not in order:
                names.insert(names.index(before) + 1 if before is not None else 0, name)
            before = name
        return [self.member(node, name, new[name], order.get(name)) for name in names]

    def member(self, node: Node, name: str, new: Json, at: int | None) -> _Child:
        if at is None:
            base = self.child_indentation(node)
            return _Child(self.string(name) + self.style.colon + self.fresh(new, base), None)
        start, value = node.names[name][0], node.members[name]
        return _Child(self.source[start : value.start] + self.value(value, new), at)

    def items(self, node: Node, new: list[Json]) -> list[_Child]:
        """The new list's items, each beside the source item it keeps or changes."""
        pairs = _align([item.value for item in node.items], new)
        base = self.child_indentation(node)
        return [
            _Child(self.fresh(item, base) if at is None else self.value(node.items[at], item), at)
            for item, at in zip(new, pairs, strict=True)
        ]

    def container(self, node: Node, children: list[_Child]) -> str:
        """Puts children between the node's brackets, with the space the source has around those it had."""
        leads, trails = self.gaps(node)
        parts = []
        for position, child in enumerate(children):
            last = position == len(children) - 1
            kept = child.source
            lead = leads[0] if position == 0 else leads[kept] if kept else self.separator(leads)
            trail = trails[-1] if last else trails[kept] if kept is not None and kept < len(trails) - 1 else ""
            parts.append(lead + child.text + trail)
        return self.source[node.start] + ",".join(parts) + self.source[node.end - 1]

    def gaps(self, node: Node) -> tuple[list[str], list[str]]:
        """The space before and after each child of a container, up to the comma or bracket."""
        if node.members:
            ranges = [(node.names[name][0], child.end) for name, child in node.members.items()]
        else:
            ranges = [(item.start, item.end) for item in node.items]
        leads, trails = [], []
        at = node.start + 1
        for index, (start, end) in enumerate(ranges):
            leads.append(self.source[at:start])
            following = ranges[index + 1][0] if index + 1 < len(ranges) else node.end
            gap = self.source[end:following]
            stop = end + len(gap) - len(gap.lstrip())
            trails.append(self.source[end:stop])
            at = stop + 1
        return leads, trails

    def separator(self, leads: list[str]) -> str:
        """The space before a child that is new at a place after a comma."""
        if len(leads) > 1:
            return leads[1]
        return leads[0] if "\n" in leads[0] else self.style.comma[1:]

    def child_indentation(self, node: Node) -> str | None:
        """The indentation of a container's children; None when they share a line."""
        lead = self.separator(self.gaps(node)[0])
        return lead.rpartition("\n")[2] if "\n" in lead else None

    def on_own_line(self, node: Node) -> bool:
        """Whether only a name stands before the value on its line, so that it may grow over several."""
        if self.style.indent is None:
            return False
        before = self.source[: node.start].rpartition("\n")[2]
        return re.fullmatch(r'[ \t]*("(?:[^"\\]|\\.)*"[ \t]*:[ \t]*)?', before) is not None

    def indentation(self, at: int) -> str:
        before = self.source[:at].rpartition("\n")[2]
        return before[: len(before) - len(before.lstrip(" \t"))]

    def fresh(self, new: Json, base: str | None) -> str:
        """A new value's text; `base`: the indentation of the line it starts on, None for one line."""
        if base is None or self.style.indent is None or not isinstance(new, (dict, list)) or not new:
            return json.dumps(
                new,
                ensure_ascii=self.style.ascii,
                separators=(self.style.comma, self.style.colon),
                allow_nan=False,
            )
        text = json.dumps(
            new,
            indent=self.style.indent,
            ensure_ascii=self.style.ascii,
            separators=(",", self.style.colon),
            allow_nan=False,
        )
        return text.replace("\n", self.style.newline + base)

    def string(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self.style.ascii)


def _same(one: Json, other: Json) -> bool:
    """Equality of JSON values; unlike Python's it tells true from 1 and 1 from 1.0."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(_same(v, other[k]) for k, v in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other if not isinstance(one, float) else repr(one) == repr(other))


def _align(old: list[Json], new: list[Json]) -> list[int | None]:
    """For each new item the old one it keeps or changes (in rising order), None for a new one."""
    matcher = difflib.SequenceMatcher(None, [_key(item) for item in old], [_key(item) for item in new], autojunk=False)
    pairs: list[int | None] = [None] * len(new)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            pairs[new_start:new_end] = range(old_start, old_end)
        elif tag == "replace":
            _pair_changed(old, new, pairs, (old_start, old_end, new_start, new_end))
    return pairs


def _key(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _pair_changed(old: list[Json], new: list[Json], pairs: list[int | None], block: tuple[int, int, int, int]) -> None:
    """Within a changed run: pairs each new object or list with the old one it has most in common with."""
    start, end, new_start, new_end = block
    for at in range(new_start, new_end):
        scored = [(_common(old[index], new[at]), -index) for index in range(start, end)]
        score, index = max(scored, default=(0, 0))
        if score > 0:
            pairs[at] = -index
            start = -index + 1


def _common(one: Json, other: Json) -> int:
    """How many members or items two values share."""
    if isinstance(one, dict) and isinstance(other, dict):
        return sum(1 for name in one if name in other and _same(one[name], other[name]))
    if isinstance(one, list) and isinstance(other, list):
        return sum(1 for item in one if any(_same(item, candidate) for candidate in other))
    return 0

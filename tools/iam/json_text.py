"""A strict JSON reader that knows where everything stands.

RFC 8259 and nothing beyond it: no NaN, no comments, no trailing commas, no duplicate names, no lone surrogates. Every
name and value keeps its place, so that later checks can point at it and edits can keep the text around it.
"""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NoReturn

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.document import Span
from opswright.tools.iam.words import plain, quoted

MAX_DEPTH = 100
MAX_DIGITS = 400  # a longer number is a mistake, and converting it is quadratic

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'"([^"\\\x00-\x1f\ud800-\udfff]*)"')
_ESCAPED = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z0-9_.+\-]+")
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class Node:
    """One value: `value` plain, `start` and `end` offsets; `names` and `members` of an object, `items` of an array."""

    value: Json
    start: int
    end: int
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    members: dict[str, "Node"] = field(default_factory=dict)
    items: list["Node"] = field(default_factory=list)


class Lines:
    """Turns offsets into 1-based lines and columns (in characters)."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def span(self, start: int, end: int) -> Span:
        line = bisect_right(self._starts, start)
        return Span(start, end, line, start - self._starts[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class JsonText:
    """A text that was read: its name in messages, its tree of values, its lines."""

    name: str
    text: str
    root: Node
    lines: Lines

    def span(self, node: Node) -> Span:
        return self.lines.span(node.start, node.end)

    def name_span(self, node: Node, name: str) -> Span:
        """Where the name of a member stands, quotes included."""
        return self.lines.span(*node.names[name])


def read_json(text: str, name: str) -> JsonText:
    """Reads one JSON value and nothing after it. Raises InputError `name:line:column: what is wrong and what to do`."""
    reader = _Reader(text, name)
    if text.startswith("\ufeff"):
        reader.fail("starts with a byte order mark; save the file as UTF-8 without one", 0)
    if not text.strip():
        reader.fail("is empty; expected a JSON value", 0)
    root = reader.value(0)
    end = reader.skip(root.end)
    if end < len(text):
        reader.fail(f"unexpected {_shown(text, end)} after the end of the JSON value; remove it", end)
    return JsonText(name, text, root, Lines(text))


def _shown(text: str, at: int) -> str:
    if at >= len(text):
        return "end of text"
    word = _WORD.match(text, at)
    return repr(word.group()[:20] if word else text[at])


class _Reader:
    """Recursive descent; `pos` arguments are offsets, every method returns a Node whose end is where it stopped."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    def fail(self, message: str, at: int) -> NoReturn:
        raise InputError(message, f"{plain(self.name, 1000)}:{Lines(self.text).span(at, at)}")

    def skip(self, pos: int) -> int:
        match = _SPACE.match(self.text, pos)
        return match.end() if match else pos

    def value(self, pos: int, depth: int = 0) -> Node:
        pos = self.skip(pos)
        mark = self.text[pos : pos + 1]
        if mark == '"':
            return self.string(pos)
        if mark in ("{", "["):
            if depth >= MAX_DEPTH:
                self.fail(f"nested more than {MAX_DEPTH} deep; flatten it", pos)
            return self.object(pos, depth) if mark == "{" else self.array(pos, depth)
        return self.scalar(pos)

    def string(self, pos: int) -> Node:
        plain = _PLAIN.match(self.text, pos)
        if plain:
            return Node(plain.group(1), pos, plain.end())
        escaped = _ESCAPED.match(self.text, pos)
        if not escaped:
            self.fail_string(pos)
        value = json.loads(escaped.group())
        if any("\ud800" <= c <= "\udfff" for c in value):
            self.fail("a string holds half of a surrogate pair, which is no character; write the whole pair", pos)
        return Node(value, pos, escaped.end())

    def fail_string(self, pos: int) -> NoReturn:
        """Finds what is wrong in a string that does not end well."""
        good = re.compile(r'(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*').match(self.text, pos + 1)
        at = good.end() if good else pos
        if at >= len(self.text):
            self.fail('this string is never closed; add a "', pos)
        if self.text[at] == "\\":
            self.fail(f"{self.text[at : at + 2]!r} is no JSON escape; write \\\\ for a backslash", at)
        if self.text[at] in "\r\n":
            self.fail('a string must end on its line; add a ", or write \\n for a line break', at)
        self.fail(
            f"a string holds the control character {self.text[at]!r}; write it as \\u{ord(self.text[at]):04x}", at
        )

    def scalar(self, pos: int) -> Node:
        number = _NUMBER.match(self.text, pos)
        word = _WORD.match(self.text, pos)
        if number and word and number.end() == word.end():
            return Node(self.number(number, pos), pos, number.end())
        if word and word.group() in _WORDS:
            return Node(_WORDS[word.group()], pos, word.end())
        if number:
            self.fail(f"{_shown(self.text, pos)} is no JSON number", pos)
        if word:
            self.fail(f"{_shown(self.text, pos)} is no JSON value; strings need double quotes", pos)
        self.fail(f"expected a value, found {_shown(self.text, pos)}", pos)

    def number(self, match: re.Match[str], pos: int) -> int | float:
        if match.end() - pos > MAX_DIGITS:
            self.fail(f"a number of more than {MAX_DIGITS} digits; write it as a string", pos)
        if not match.group(1) and not match.group(2):
            return int(match.group())
        value = float(match.group())
        if value in (float("inf"), float("-inf")):
            self.fail(f"the number {_shown(self.text, pos)} is too large", pos)
        return value

    def array(self, pos: int, depth: int) -> Node:
        node = Node([], pos, pos)
        at = self.skip(pos + 1)
        if self.text[at : at + 1] == "]":
            node.end = at + 1
            return node
        while True:
            self.still_open(at, "]", "array", pos)
            item = self.value(at, depth + 1)
            node.items.append(item)
            node.value.append(item.value)
            at = self.skip(item.end)
            if self.closes(at, "]", "array", pos):
                node.end = at + 1
                return node
            at = self.skip(at + 1)
            if self.text[at : at + 1] == "]":
                self.fail("a comma before the closing ]; remove the comma", at)

    def object(self, pos: int, depth: int) -> Node:
        node = Node({}, pos, pos)
        at = self.skip(pos + 1)
        if self.text[at : at + 1] == "}":
            node.end = at + 1
            return node
        while True:
            self.still_open(at, "}", "object", pos)
            at = self.skip(self.member(node, at, depth))
            if self.closes(at, "}", "object", pos):
                node.end = at + 1
                return node
            at = self.skip(at + 1)
            if self.text[at : at + 1] == "}":
                self.fail("a comma before the closing }; remove the comma", at)

    def member(self, node: Node, pos: int, depth: int) -> int:
        """Reads `"name": value` into an object; returns where it ends."""
        if self.text[pos : pos + 1] != '"':
            self.fail(f"expected a name in double quotes, found {_shown(self.text, pos)}", pos)
        name = self.string(pos)
        if name.value in node.members:
            first = Lines(self.text).span(*node.names[name.value])
            self.fail(f"the name {quoted(name.value)} is already used at {first}; keep one of the two", pos)
        colon = self.skip(name.end)
        if self.text[colon : colon + 1] != ":":
            self.fail(f"expected : after the name {quoted(name.value)}, found {_shown(self.text, colon)}", colon)
        child = self.value(colon + 1, depth + 1)
        node.names[name.value] = (name.start, name.end)
        node.members[name.value] = child
        node.value[name.value] = child.value
        return child.end

    def closes(self, at: int, bracket: str, what: str, opened: int) -> bool:
        """Whether the array or object ends here; anything but a bracket or a comma is an error."""
        mark = self.text[at : at + 1]
        if mark == bracket:
            return True
        if mark == ",":
            return False
        self.still_open(at, bracket, what, opened)
        self.fail(f"expected , or {bracket}, found {_shown(self.text, at)}", at)

    def still_open(self, at: int, bracket: str, what: str, opened: int) -> None:
        """Fails where the text ends inside an array or object."""
        if at >= len(self.text):
            self.fail(f"this {what} is never closed; add a {bracket}", opened)

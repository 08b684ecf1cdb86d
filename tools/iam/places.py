"""Where a value stands: in a source text, or by its path in a plain value.

The parser walks plain values and carries a place along, so that one grammar serves both: texts (positions in every
entry and message) and values made by a program (no positions, and a path only once something is wrong).
"""

from typing import Protocol

from opswright.tools.iam.document import NOWHERE, Span
from opswright.tools.iam.json_text import JsonText, Node
from opswright.tools.iam.words import plain


class Place(Protocol):
    """The place of one value."""

    @property
    def span(self) -> Span: ...

    def member(self, name: str) -> "Place":
        """The place of an object's member."""
        ...

    def name(self, name: str) -> "Place":
        """The place of a member's name."""
        ...

    def item(self, index: int) -> "Place":
        """The place of an array's item."""
        ...

    def where(self) -> str:
        """For a message: `policy.json:3:14` or `policy Statement[0].Action`."""
        ...


class SourcePlace:
    """A node of a text that was read."""

    __slots__ = ("_node", "_range", "_text")

    def __init__(self, text: JsonText, node: Node, range_: tuple[int, int] | None = None) -> None:
        self._text = text
        self._node = node
        self._range = range_ or (node.start, node.end)

    @property
    def span(self) -> Span:
        return self._text.lines.span(*self._range)

    def member(self, name: str) -> "SourcePlace":
        return SourcePlace(self._text, self._node.members[name])

    def name(self, name: str) -> "SourcePlace":
        return SourcePlace(self._text, self._node, self._node.names[name])

    def item(self, index: int) -> "SourcePlace":
        return SourcePlace(self._text, self._node.items[index])

    def where(self) -> str:
        return f"{plain(self._text.name, 1000)}:{self.span}"


class PathPlace:
    """A path in a plain value."""

    __slots__ = ("_name", "_path")
    span = NOWHERE

    def __init__(self, name: str, path: str = "") -> None:
        self._name = name
        self._path = path

    def member(self, name: str) -> "PathPlace":
        return PathPlace(self._name, f"{self._path}.{name}" if self._path else name)

    def name(self, name: str) -> "PathPlace":
        return self.member(name)

    def item(self, index: int) -> "PathPlace":
        return PathPlace(self._name, f"{self._path}[{index}]")

    def where(self) -> str:
        return plain(f"{self._name}: {self._path}" if self._path else self._name, 1000)


class Nowhere:
    """No place at all: nothing is computed."""

    __slots__ = ()
    span = NOWHERE

    def member(self, name: str) -> "Nowhere":
        return self

    def name(self, name: str) -> "Nowhere":
        return self

    def item(self, index: int) -> "Nowhere":
        return self

    def where(self) -> str:
        return ""

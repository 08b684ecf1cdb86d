"""HTML, by the standard library's parser: blocks under headings; an item of a definition list is one entry."""

import re
from html.parser import HTMLParser

from opswright.knowledge.ingest.blocks import Block, Manual, heading
from opswright.knowledge.ingest.cleaning import clean
from opswright.knowledge.ingest.reading import Unreadable, text_of

VERSION = 1
LARGEST = 16 * 2**20  # bytes
_SILENT = {"script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "select", "button"}
_ENDS = {
    "p", "div", "section", "article", "main", "ul", "ol", "table", "blockquote", "pre", "dl", "figure", "header",
    "footer", "aside", "form", "hr", "body", "details", "summary", "address", "tr", "caption", "figcaption",
}  # fmt: skip
_HEADINGS = {f"h{level}" for level in range(1, 7)}


def read(data: bytes) -> Manual:
    """The manual in an HTML page."""
    if len(data) > LARGEST:
        raise Unreadable(f"it has {len(data) / 2**20:.0f} MiB, and {LARGEST // 2**20} MiB of HTML are read at most")
    page = _Page()
    page.feed(clean(_decoded(data)))
    page.close()
    page.end_block()
    return Manual(heading(page.title), tuple(page.blocks))


def _decoded(data: bytes) -> str:
    named = re.search(rb"<meta[^>]+charset=[\"']?\s*([\w-]+)", data[:4096], re.I)
    if named:
        try:
            return data.decode(named[1].decode("ascii"), "strict")
        except (LookupError, ValueError):  # no such encoding, or it is in another
            pass
    return text_of(data)


class _Page(HTMLParser):
    """Collects blocks as tags come by; unclosed tags are closed by what follows them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.title = ""
        self._path: list[tuple[int, str]] = []
        self._parts: list[str] = []
        self._silent: list[str] = []
        self._level = 0  # of the heading that is being read
        self._in_title = False
        self._preformatted = 0
        self._entry = 0  # depth of definition lists
        self._defining = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag == "title":
            self._in_title = True
        elif tag in _HEADINGS:
            self.end_block()
            self._level = int(tag[1])
        elif tag == "dl":
            if self._entry == 0:
                self.end_block()
            self._entry += 1
        elif tag == "dt" and self._entry == 1:
            if self._defining:  # several names of one entry stand before its definition
                self.end_block()
            self._defining = False
            self._parts.append("\n")
        elif tag == "dd":
            self._defining = True
            self._parts.append("\n")
        else:
            self._open(tag)

    def _open(self, tag: str) -> None:
        if tag == "pre":
            self._preformatted += 1
        if tag == "br":
            self._parts.append("\n")
        elif tag in ("td", "th"):
            self._parts.append("\t")
        elif tag == "li":
            self._gap()
            self._parts.append("- ")
        elif tag in _ENDS:
            self._gap()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass
        elif tag == "title":
            self._in_title = False
        elif tag in _HEADINGS and self._level:
            self._end_heading()
        elif tag == "dl" and self._entry:
            if self._entry == 1:
                self.end_block()
                self._defining = False
            self._entry -= 1
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
            self._gap()
        elif tag in _ENDS or tag == "li":
            self._gap()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            text = data if self._preformatted else re.sub(r"\s+", " ", data)
            begins = not self._parts or self._parts[-1].endswith("\n")
            self._parts.append(text.lstrip() if begins and not self._preformatted else text)

    def end_block(self) -> None:
        """What was collected becomes a block."""
        text = re.sub(r"[ \t]+\n", "\n", "".join(self._parts))
        text = re.sub(r"\n{3,}", "\n\n", text).strip("\n ")
        self._parts = []
        if text and self._level == 0:
            self.blocks.append(Block(tuple(name for _, name in self._path), text, entry=self._entry > 0))

    def _gap(self) -> None:
        """The end of a paragraph: a block of its own, unless it is within an entry or a heading."""
        if self._entry or self._level:
            self._parts.append("\n")
        elif self._parts:
            self.end_block()

    def _end_heading(self) -> None:
        name = heading("".join(self._parts).replace("¶", ""))
        level, self._level, self._parts = self._level, 0, []
        if name:
            self._path = [*((depth, other) for depth, other in self._path if depth < level), (level, name)]
            self.title = self.title or name

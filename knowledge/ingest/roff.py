"""Man pages, in the man and mdoc macros: a reader of our own, so that every machine makes the same chunks of a page.

No macro is ever executed: definitions are skipped, requests that read files or run programs are not followed. An entry
(.TP, .IP with a tag, .It) is one chunk; entries within an entry carry the name of the one around them.
"""

import re
from dataclasses import dataclass, field

from opswright.knowledge.ingest.blocks import Block, Manual, heading
from opswright.knowledge.ingest.cleaning import clean
from opswright.knowledge.ingest.mdoc import words_of
from opswright.knowledge.ingest.reading import Unreadable, text_of
from opswright.knowledge.ingest.roff_text import arguments, logical_lines, spoken

VERSION = 1
LONGEST_TAG = 160  # characters
_KEPT = "\0"  # a space of literal text, until the block is whole; nothing that is read has one
DEEPEST = 20  # indentations
_FONTS = {
    "B",
    "I",
    "R",
    "SM",
    "SB",
    "BI",
    "BR",
    "IB",
    "IR",
    "RB",
    "RI",
    "UR",
    "MT",
    "ME",
    "UE",
    "SY",
    "OP",
    "CW",
    "URL",
    "MTO",
}
_BREAKS = {"br", "sp", "YS", "ti", "in", "ce", "fi", "bp"}
_PARAGRAPHS = {"PP", "P", "LP", "HP", "Pp", "Lp"}
_LITERAL_START, _LITERAL_END = {"nf", "EX", "Vb", "Bd", "TS", "DS", "verb"}, {"fi", "EE", "Ve", "Ed", "TE", "DE"}


def read(data: bytes) -> Manual:
    """The manual in a man page. Raises Unreadable for one that only points to another page."""
    lines = logical_lines(clean(text_of(data)))
    if (other := _pointer(lines)) is not None:
        raise Unreadable(f"it only points to {other}, which is read under its own name")
    page = _Page()
    for line in lines:
        page.take(line)
    page.end_block()
    return Manual(page.title, tuple(page.blocks))


def _pointer(lines: list[str]) -> str | None:
    said = [line for line in lines if line.strip()]
    return said[0].split()[1] if len(said) == 1 and re.match(r"\.\s*so\s+\S", said[0]) else None


@dataclass
class _Page:
    """Where the reader stands in a page."""

    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    section: str = ""
    subsection: str = ""
    name: str = ""  # the page's own name, which mdoc's .Nm says
    tags: list[str] = field(default_factory=list)  # of the entries around this place, the outermost first
    depths: list[int] = field(default_factory=list)  # how many tags there were at each .RS or .Bl
    parts: list[str] = field(default_factory=list)
    awaiting: bool = False  # the next line of text is the tag of a new entry
    literal: int = 0
    beyond: int = 0  # indentations beyond the deepest that is followed

    def take(self, line: str) -> None:
        """One line of the source."""
        if line[:1] not in (".", "'"):
            self._say(spoken(line) if line.strip() else ("\n" if self.literal else "\n\n"), bool(line.strip()))
            return
        request = re.match(r"[.']\s*(\S+)\s*(.*)", line)
        if request is None:
            return
        macro, rest = request[1], request[2]
        if macro in ("RS", "RE", "Bl", "El") and self._too_deep(macro):
            return
        if not (self._structure(macro, rest) or self._layout(macro, rest)):
            self._inline(macro, rest)

    def end_block(self) -> None:
        """What was collected becomes a block."""
        text = re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[ \t]+", " ", "".join(self.parts)))
        text = re.sub(r"\n{3,}", "\n\n", text).strip("\n ").replace(_KEPT, " ")
        self.parts = []
        if text:
            where = tuple(name for name in (self.section, self.subsection, *self._around()) if name)
            self.blocks.append(Block(where, text, entry=bool(self.tags)))

    def _too_deep(self, macro: str) -> bool:
        """Whether this opens or closes an indentation beyond the deepest that is followed."""
        if macro in ("RS", "Bl") and len(self.depths) >= DEEPEST:
            self.beyond += 1
            return True
        if macro in ("RE", "El") and self.beyond:
            self.beyond -= 1
            return True
        return False

    def _around(self) -> list[str]:
        return [heading(tag) for tag in self.tags[:-1] if tag]

    def _structure(self, macro: str, rest: str) -> bool:
        """Titles, headings, entries and their nesting."""
        words = arguments(rest)
        if macro in ("TH", "Dt"):
            self.title = f"{words[0]}({words[1]})" if len(words) > 1 else " ".join(words)
        elif macro in ("SH", "Sh", "SS", "Ss"):
            self._heading(macro.upper() == "SH", " ".join(words))
        elif macro in ("TP", "TQ"):
            self._entry("", awaiting=True, another=macro == "TQ")
        elif macro == "IP":
            self._marked(words)
        elif macro == "It":
            self._entry(words_of(rest, self.name))
        elif macro == "RS":
            self._indent()
        elif macro == "Bl":
            self.depths.append(len(self.tags))
        elif macro in ("RE", "El"):
            self._leave()
        else:
            return False
        return True

    def _layout(self, macro: str, rest: str) -> bool:
        """Paragraphs, literal text, and what says nothing."""
        if macro in _PARAGRAPHS:
            self._paragraph()
        elif macro in _LITERAL_START:
            self._say("\n", False)
            self.literal += 1
        elif macro in _LITERAL_END:
            self.literal = max(0, self.literal - 1)
            self._say("\n", False)
        elif macro in _BREAKS:
            self._say("\n\n" if macro == "sp" else "\n", False)
        elif macro == "Nm" and not self.name and rest.strip():
            self.name = spoken(rest.split()[0])
            self._say(self.name, True)
        else:
            return False
        return True

    def _inline(self, macro: str, rest: str) -> None:
        """Text in a font, or an mdoc macro; every other request is layout and says nothing."""
        if macro in _FONTS:
            words = arguments(rest)
            together = len(macro) == 2 and macro not in ("SM", "SB", "UR", "MT", "UE", "ME", "SY", "OP", "CW")
            if macro == "SY":
                self._say("\n", False)
            text = ("" if together else " ").join(words)
            self._say(f"[{text}]" if macro == "OP" else text, bool(text))
        elif re.fullmatch(r"[A-Z][a-z][a-z0-9]?|Brq|D1", macro):
            text = words_of(f"{macro} {rest}", self.name)
            self._say(text, bool(text))

    def _say(self, text: str, is_text: bool) -> None:
        if self.awaiting and is_text and self.tags:
            self.awaiting = False
            tag = text.strip()
            self.tags[-1] = f"{self.tags[-1]}, {tag}" if self.tags[-1] else tag
            self.parts.append(f"{text}\n")
            return
        if not is_text:
            self.parts.append(text)
        else:
            kept = text.expandtabs().replace(" ", _KEPT)
            self.parts.append(f"{kept}\n" if self.literal else f"{text} ")

    def _heading(self, top: bool, text: str) -> None:
        self.end_block()
        self.tags, self.depths, self.awaiting, self.literal, self.beyond = [], [], False, 0, 0
        if top:
            self.section, self.subsection = heading(text), ""
        else:
            self.subsection = heading(text)

    def _marked(self, words: list[str]) -> None:
        """.IP: an entry where it has a tag in words, a point of a list where it has a bullet, else a paragraph."""
        tag = words[0].strip() if words else ""
        if re.search(r"\w", tag) and not re.fullmatch(r"\(?\w{1,2}[.)]?", tag):
            self._entry(tag)
        elif self.tags:
            self.parts.append(f"\n{tag or ''} ")
        else:
            self.end_block()
            self.parts.append(f"{tag} " if tag else "")

    def _entry(self, tag: str, awaiting: bool = False, another: bool = False) -> None:
        if another and self.tags:
            self.awaiting = True
            return
        self.end_block()
        floor = self.depths[-1] if self.depths else 0
        self.tags = [*self.tags[:floor], tag]
        self.awaiting = awaiting
        if tag:
            self.parts.append(f"{tag}\n")

    def _indent(self) -> None:
        """A short line and an indented text below it are an entry too, as other formats are turned into man pages."""
        floor = len(self.tags)
        before, gap, line = "".join(self.parts).rstrip().rpartition("\n\n")
        if 0 < len(line.strip()) <= LONGEST_TAG and "\n" not in line and not self.awaiting and not self.literal:
            tag = " ".join(line.split())
            self.parts = [before] if gap else []
            if not self.tags or gap:
                self.end_block()
                self.tags.append(tag)
            self.parts.append(f"{tag}\n")
        self.depths.append(floor)

    def _leave(self) -> None:
        self.awaiting = False
        floor = self.depths.pop() if self.depths else 0
        if len(self.tags) > floor:
            self.end_block()
            self.tags = self.tags[:floor]

    def _paragraph(self) -> None:
        floor = self.depths[-1] if self.depths else 0
        self.awaiting = False
        if len(self.tags) > floor and not self.depths:
            self.end_block()  # a paragraph at the outer level ends the entry
            self.tags = self.tags[:floor]
        elif self.tags:
            self.parts.append("\n\n")
        else:
            self.end_block()

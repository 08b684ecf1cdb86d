"""Plain text: paragraphs between blank lines, headings where they are underlined or stand in capitals alone."""

import re

from opswright.knowledge.ingest.blocks import Block, Manual, heading
from opswright.knowledge.ingest.cleaning import clean
from opswright.knowledge.ingest.reading import text_of

VERSION = 1
_UNDERLINE = re.compile(r"([=\-~^\"'#*+])\1{2,}\s*$")
_CAPITALS = re.compile(r"(?=.*[A-Z]{2})[A-Z0-9 .,:()/&'-]{3,80}$")


def read(data: bytes) -> Manual:
    """The manual in a text file."""
    paragraphs = re.split(r"\n[ \t]*\n+", clean(text_of(data)))
    blocks: list[Block] = []
    section: tuple[str, ...] = ()
    marks: list[str] = []  # underline characters, one a level, in the order they are met (as reStructuredText has it)
    for paragraph in paragraphs:
        title, mark, rest = _headed(paragraph.strip("\n"))
        if title:
            level = marks.index(mark) if mark in marks else len(marks)
            marks = [*marks[:level], mark]
            section = (*section[:level], heading(title))
        if rest.strip():
            blocks.append(Block(section, rest))
    return Manual(_title(blocks), tuple(blocks))


def _headed(paragraph: str) -> tuple[str, str, str]:
    """The heading that a paragraph begins with, the kind of its mark, and what follows."""
    lines = paragraph.split("\n")
    over = bool(_UNDERLINE.match(lines[0])) and len(lines) > 2 and bool(_UNDERLINE.match(lines[2]))
    if over:
        lines = lines[1:]
    if len(lines) > 1 and lines[0].strip() and _UNDERLINE.match(lines[1]) and len(lines[0]) <= 120:
        return lines[0].strip(), lines[1][0] * (1 + over), "\n".join(lines[2:])
    if _CAPITALS.match(lines[0]) and lines[0].strip() == lines[0]:
        return lines[0], "capitals", "\n".join(lines[1:])
    return "", "", paragraph


def _title(blocks: list[Block]) -> str:
    return blocks[0].section[0] if blocks and blocks[0].section else ""

"""What every reader gives: blocks under headings, and how they are cut into chunks.

An entry (an option of a definition list, of a man page, of a table of options) is a chunk by itself, so that an answer
is the whole of it. Paragraphs of one section are packed together up to `TARGET` characters. What is longer than
`LONGEST` is cut between lines, then sentences, then words.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opswright.knowledge.ingest.cleaning import clean
from opswright.redaction import Redactor

TARGET = 1200  # characters
LONGEST = 4000  # characters of one chunk; what search answers is bounded by it
LONGEST_HEADING = 200
_CUTS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?;])\s+"), re.compile(r"\s+"))


@dataclass(frozen=True)
class Block:
    """A piece of a manual that should stay whole, under the headings it stands under."""

    section: tuple[str, ...]
    text: str
    entry: bool = False


@dataclass(frozen=True)
class Manual:
    """What a reader made of a file."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Chunk:
    """A part of a manual as it is kept; `position` counts from 0 in the order of the manual."""

    section: str
    position: int
    text: str


def heading(text: str) -> str:
    """A heading on one line, of bounded length."""
    return clean(" ".join(text.split()))[:LONGEST_HEADING]


def chunks(blocks: Iterable[Block], redactor: Redactor) -> tuple[Chunk, ...]:
    """The chunks of a manual, cleaned and without secrets."""
    cut = [(" > ".join(block.section), piece) for block in _packed(blocks) for piece in _pieces(block.text)]
    return tuple(
        Chunk(redactor.text(heading(section)), position, redactor.text(text))
        for position, (section, text) in enumerate(cut)
    )


def _packed(blocks: Iterable[Block]) -> Iterator[Block]:
    """Neighbours of one section joined while they fit; entries stay by themselves."""
    waiting: Block | None = None
    for block in (Block(one.section, clean(one.text).strip(), one.entry) for one in blocks):
        if not block.text:
            continue
        if waiting is not None and _fit(waiting, block):
            waiting = Block(waiting.section, f"{waiting.text}\n\n{block.text}")
            continue
        if waiting is not None:
            yield waiting
        waiting = block
    if waiting is not None:
        yield waiting


def _fit(first: Block, second: Block) -> bool:
    alike = first.section == second.section and not first.entry and not second.entry
    return alike and len(first.text) + len(second.text) + 2 <= TARGET


def _pieces(text: str, cuts: tuple[re.Pattern[str], ...] = _CUTS) -> Iterator[str]:
    """The text in parts of at most LONGEST characters, cut at the widest kind of gap that serves."""
    if len(text) <= LONGEST:
        yield text
        return
    if not cuts:
        yield from (text[start : start + LONGEST] for start in range(0, len(text), LONGEST))
        return
    pending = ""
    for part in _kept(cuts[0], text):
        if len(pending) + len(part) > LONGEST and pending.strip():
            yield from _pieces(pending.strip(), cuts[1:])
            pending = ""
        pending += part
    if pending.strip():
        yield from _pieces(pending.strip(), cuts[1:])


def _kept(gap: re.Pattern[str], text: str) -> Iterator[str]:
    """The parts between gaps, each with the gap that follows it."""
    start = 0
    for found in gap.finditer(text):
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]

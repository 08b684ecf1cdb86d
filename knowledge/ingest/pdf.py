"""PDF, by pypdf: paragraphs by page, headings from the outline where there is one."""

import io
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opswright.knowledge.ingest.blocks import Block, Manual, heading
from opswright.knowledge.ingest.cleaning import clean
from opswright.knowledge.ingest.reading import Unreadable

if TYPE_CHECKING:
    from pypdf import PdfReader

VERSION = 1
MOST_PAGES = 5000


def read(data: bytes) -> Manual:
    """The manual in a PDF. Raises Unreadable for one that is encrypted, damaged or a scan without text."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it reports every oddity of a file, line by line
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("it is encrypted; save it without a password first")
        if len(reader.pages) > MOST_PAGES:
            raise Unreadable(f"it has {len(reader.pages)} pages, and {MOST_PAGES} are read at most; split it")
        headings = _outline(reader)
        blocks = tuple(_blocks(reader, headings))
        title = str((reader.metadata.title if reader.metadata else None) or "")
    # What pypdf lets through on damaged files is whatever the damage leads to.
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, OSError,
            AssertionError, NotImplementedError, MemoryError) as error:  # fmt: skip
        raise Unreadable(f"it is a damaged PDF ({type(error).__name__}: {clean(str(error))[:120]})") from None
    if not blocks:
        raise Unreadable("its pages have no text (a scan?)")
    return Manual(title, blocks)


def _blocks(reader: "PdfReader", headings: Mapping[int, tuple[str, ...]]) -> Iterator[Block]:
    section: tuple[str, ...] = ()
    for number, page in enumerate(reader.pages):
        section = headings.get(number, section)
        text = clean(page.extract_text()).strip()
        where = (*section, f"page {number + 1}")
        yield from (Block(where, part) for part in text.split("\n\n") if part.strip())


def _outline(reader: "PdfReader") -> dict[int, tuple[str, ...]]:
    """The headings that hold from each page on where one begins."""
    found: dict[int, tuple[str, ...]] = {}

    def walk(items: list[Any], above: tuple[str, ...]) -> None:
        last = above
        for item in items:
            if isinstance(item, list):
                walk(item, last)
                continue
            last = (*above, heading(str(item.title)))
            page = reader.get_destination_page_number(item)
            if page is not None and page >= 0:
                found[page] = last

    walk(reader.outline, ())
    return found

"""Markdown (CommonMark with tables): blocks under headings; code stays with the paragraph before it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from opswright.knowledge.ingest.blocks import Block, Manual, heading
from opswright.knowledge.ingest.cleaning import clean
from opswright.knowledge.ingest.reading import text_of

if TYPE_CHECKING:
    from markdown_it.token import Token

VERSION = 1
_FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.S)
_HTML = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>", re.S)


def read(data: bytes) -> Manual:
    """The manual in a Markdown file."""
    from markdown_it import MarkdownIt

    text = _FRONT_MATTER.sub("", clean(text_of(data)))
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    blocks = list(_blocks(tokens, lines))
    title = next((block.section[0] for block in blocks if block.section), "")
    return Manual(title, tuple(_with_code(blocks)))


def _blocks(tokens: "list[Token]", lines: list[str]) -> Iterator[Block]:
    path: list[tuple[int, str]] = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            level = int(token.tag[1])
            name = heading(_words(tokens[index + 1]))
            path = [*((depth, other) for depth, other in path if depth < level), (level, name)]
            continue
        if not _whole(token):
            continue
        section = tuple(name for _, name in path)
        start, end = token.map or (0, 0)
        source = "\n".join(lines[start:end])
        text = token.content if token.type in ("fence", "code_block") else _HTML.sub("", source)
        yield Block(section, text.strip("\n"))


def _whole(token: "Token") -> bool:
    """Is this a block that is kept whole: a paragraph, an item of an outer list, a table, code, a quotation?"""
    if token.map is None or token.nesting < 0:
        return False
    if token.type == "list_item_open":
        return token.level == 1
    return token.level == 0 and token.type in (
        "paragraph_open", "table_open", "fence", "code_block", "blockquote_open", "html_block",
    )  # fmt: skip


def _words(inline: "Token") -> str:
    children = inline.children or []
    return " ".join(part.content for part in children if part.type in ("text", "code_inline")) or inline.content


def _with_code(blocks: list[Block]) -> Iterator[Block]:
    """A paragraph that ends with a colon and what it announces are one block."""
    pending: Block | None = None
    for block in blocks:
        if pending is not None and pending.section == block.section and pending.text.rstrip().endswith(":"):
            pending = Block(block.section, f"{pending.text}\n\n{block.text}")
            continue
        if pending is not None:
            yield pending
        pending = block
    if pending is not None:
        yield pending

"""The XML of `gluster volume set help-xml`: one entry an option, with its default."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from opswright.knowledge.ingest.blocks import Block, Manual
from opswright.knowledge.ingest.reading import Unreadable, text_of

VERSION = 1
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.I)


def read(data: bytes) -> Manual:
    """The options of the help text. Raises Unreadable for any other XML."""
    text = text_of(data)
    if _DECLARATION.search(text):  # entities could make gigabytes out of a few bytes
        raise Unreadable("its XML declares a document type or entities, which are not read")
    try:
        root = ElementTree.fromstring(re.sub(r"\A\s*<\?xml.*?\?>", "", text, flags=re.S))
    except (ElementTree.ParseError, ValueError) as error:
        raise Unreadable(f"its XML is damaged ({error})") from None
    blocks = tuple(_entries(root))
    if not blocks:
        raise Unreadable("of XML, only the options of `gluster volume set help-xml` are read")
    return Manual("GlusterFS volume options", blocks)


def _entries(root: ElementTree.Element) -> Iterator[Block]:
    for option in root.iter("option"):
        name = " ".join((option.findtext("name") or "").split())
        if not name:
            continue
        default = " ".join((option.findtext("defaultValue") or "").split())
        description = " ".join((option.findtext("description") or "").split())
        known = [f"Default: {default}"] if default and default != "(null)" else []
        said = [description] if description and description != "(null)" else []
        yield Block((name,), "\n".join([name, *known, *said]), entry=True)

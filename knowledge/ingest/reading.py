"""One file into a manual: which reader, how big it may be, and what is said of one that cannot be read."""

import errno
import hashlib
import importlib
import os
import re
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import InputError
from opswright.knowledge.ingest.blocks import Chunk, Manual, chunks, heading
from opswright.redaction import Redactor

LARGEST = 32 * 2**20  # bytes of a file, and of what a compressed one holds
_ROFF_NAME = re.compile(r"\.(?:[1-9n][a-z]*|man|mdoc|roff)$")
_SUFFIXES = {
    ".md": "markdown", ".markdown": "markdown", ".mdown": "markdown", ".html": "html", ".htm": "html",
    ".xhtml": "html", ".pdf": "pdf", ".xml": "options", ".txt": "plain", ".text": "plain", ".rst": "plain",
    ".adoc": "plain", ".asciidoc": "plain",
}  # fmt: skip
_NAMES = re.compile(r"(?:README|INSTALL|HOWTO|FAQ|MANUAL|NEWS|CHANGES)$")  # usual manuals without a suffix
_ROFF = re.compile(rb"(?:\A|\n)(?:\.\\\"|'\\\"|\.TH |\.Dd |\.Dt |\.so )")


class Unreadable(InputError):
    """A file that no manual can be made of; the message says why in one line."""


@dataclass(frozen=True)
class Reading:
    """A file as it is kept: `hash` is the SHA-256 of its bytes, `reader` the format and version of what read it."""

    source: str
    hash: str
    reader: str
    title: str
    chunks: tuple[Chunk, ...]
    size_bytes: int


def read_manual(path: Path, redactor: Redactor | None = None) -> Reading:
    """Reads one file with the reader for its name, or for its content where the name says nothing.

    Raises Unreadable for a file that is missing, not a file, empty, binary, encrypted, damaged or too large.
    """
    data = _bytes(path)
    hash = hashlib.sha256(data).hexdigest()
    if not data.strip():
        raise Unreadable("the file is empty", str(path))
    plain = _decompressed(path, data)
    name = _reader_name(path, plain)
    reader = importlib.import_module(f"opswright.knowledge.ingest.{name}")
    read: Callable[[bytes], Manual] = reader.read
    try:
        manual = read(plain)
    except Unreadable as error:
        raise Unreadable(str(error), str(path)) from None
    except RecursionError:
        raise Unreadable("it is nested too deeply to be read", str(path)) from None
    redactor = redactor or Redactor()
    found = chunks(manual.blocks, redactor)
    if not found:
        raise Unreadable("there is no text in it", str(path))
    title = redactor.text(heading(manual.title)) or _spelled(path.name)
    return Reading(_spelled(str(path.absolute())), hash, f"{name}/{reader.VERSION}", title, found, len(data))


def _spelled(name: str) -> str:
    """A file's name as text that is harmless and can be stored: what cannot be printed is spelled out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


def looks_like_manual(path: Path) -> bool:
    """Whether a file found in a folder is taken in; one that is named is always tried."""
    return _by_name(path) is not None or bool(_NAMES.match(path.name))


def text_of(data: bytes) -> str:
    """UTF-8 or UTF-16 by its mark, else Latin-1, as older man pages are written. Raises Unreadable for binary junk."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise Unreadable("it says that it is UTF-16 and is not") from None
    if _binary(data):
        raise Unreadable("it is a binary file, in no format that is read here")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _binary(data: bytes) -> bool:
    start = data[:65536]
    odd = sum(start.count(bytes([code])) for code in range(32) if code not in b"\t\n\r\f\x08\x1b")
    return b"\0" in data or odd * 20 > len(start)


def _bytes(path: Path) -> bytes:
    try:
        # Opened without waiting, so that a named pipe does not hold us; the file that was opened is the one looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
                raise Unreadable(f"it is {kind}", str(path))
            if status.st_size > LARGEST:
                raise Unreadable(_too_large(status.st_size), str(path))
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(LARGEST + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Unreadable(f"it cannot be read: {why}", str(path)) from None
    if len(data) > LARGEST:
        raise Unreadable(_too_large(len(data)), str(path))
    return data


def _too_large(size: int) -> str:
    return f"it has {size / 2**20:.0f} MiB, and {LARGEST // 2**20} MiB are read at most; split it"


def _decompressed(path: Path, data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    engine = zlib.decompressobj(wbits=31)
    try:
        plain = engine.decompress(data, LARGEST + 1)
    except zlib.error:
        raise Unreadable("it is a damaged gzip file", str(path)) from None
    if len(plain) > LARGEST:
        raise Unreadable(f"unpacked it has more than {LARGEST // 2**20} MiB", str(path))
    if not engine.eof:
        raise Unreadable("it is a gzip file that ends too early", str(path))
    if not plain.strip():
        raise Unreadable("the file is empty", str(path))
    return plain


def _by_name(path: Path) -> str | None:
    name = path.name.lower().removesuffix(".gz")
    if _ROFF_NAME.search(name):
        return "roff"
    return _SUFFIXES.get(Path(name).suffix)


def _reader_name(path: Path, data: bytes) -> str:
    """By content where that is certain, since names lie; else by name; else as plain text."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"%pdf-" in data[:1024].lower():
        return "pdf"
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start[:1024]:
        return "html"
    named = _by_name(path)
    if named == "roff" and not _ROFF.search(data[:65536]):
        return "plain"  # notes.1 and the like
    if named is None and _ROFF.search(data[:4096]):
        return "roff"
    if named is None and start.startswith(b"<?xml"):
        return "options"
    return named or "plain"

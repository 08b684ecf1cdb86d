"""Which libraries does a program need? Read from the file (ELF), as the loader does, without running anything."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_DYNAMIC, _INTERPRETER, _LOAD = 2, 3, 1  # kinds of program headers
_NEEDED, _STRINGS, _RPATH, _RUNPATH = 1, 5, 15, 29  # tags of the dynamic section
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")


@dataclass(frozen=True)
class Wants:
    """What one file asks the loader for: sonames, folders to search first, and the loader's own path."""

    names: tuple[str, ...]
    folders: tuple[str, ...]
    interpreter: str


def wants(content: bytes) -> Wants | None:
    """None for what is no 64-bit little-endian ELF file (a script, a data file). Raises ValueError for a broken one."""
    if content[:6] != b"\x7fELF\x02\x01":
        return None
    try:
        return _read(content)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"a broken ELF file: {error}") from None


def closure(programs: Iterable[Path], lenient: bool = False) -> tuple[Path, ...]:
    """Every library and loader the programs need, as the paths they are found by, sorted.

    Raises ValueError naming a library that is not there; with `lenient` it is left out (a module that cannot be loaded
    on this machine cannot be loaded there either).
    """
    found: set[Path] = set()
    waiting = list(programs)
    while waiting:
        file = waiting.pop()
        with file.open("rb") as opened:
            if opened.read(4) != b"\x7fELF":
                continue
        needed = wants(file.read_bytes())
        if needed is None:
            raise ValueError(f"{file} is for another kind of machine")
        for name, library in _libraries(file, needed):
            if library is None and not lenient:
                raise ValueError(f"{file} needs {name}, which is not in the usual folders")
            if library is not None and library not in found:
                found.add(library)
                waiting.append(library)
    return tuple(sorted(found))


def _libraries(file: Path, needed: Wants) -> Iterator[tuple[str, Path | None]]:
    if needed.interpreter:
        yield needed.interpreter, Path(needed.interpreter)
    origin = str(file.resolve().parent)
    own = [folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin) for folder in needed.folders]
    for name in needed.names:
        places = [Path(folder, name) for folder in (*own, *_system_folders())]
        if "/" in name:
            places = [Path(name)]
        yield name, next((place for place in places if place.exists()), None)


def _system_folders() -> tuple[str, ...]:
    """Where the loader looks by itself: Debian's folder of the machine's kind, then everybody's."""
    import sysconfig

    kind = sysconfig.get_config_var("MULTIARCH")
    multi = (f"/lib/{kind}", f"/usr/lib/{kind}") if kind else ()
    return (*multi, "/lib64", "/usr/lib64", "/lib", "/usr/lib")


def _read(content: bytes) -> Wants:
    header = _HEADER.unpack_from(content)
    start, size, count = header[5], header[9], header[10]
    segments = [_SEGMENT.unpack_from(content, start + size * at) for at in range(count)]
    interpreter = ""
    entries: list[tuple[int, int]] = []
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind == _INTERPRETER:
            interpreter = _text(content, offset)
        elif kind == _DYNAMIC:
            if offset + length > len(content):
                raise IndexError("its end is missing")
            entries = list(_ENTRY.iter_unpack(content[offset : offset + length - length % _ENTRY.size]))
    address = next((value for tag, value in entries if tag == _STRINGS), None)
    if address is None:  # linked statically
        return Wants((), (), interpreter)
    strings = _offset(segments, address)
    named = [(tag, _text(content, strings + value)) for tag, value in entries if tag in (_NEEDED, _RPATH, _RUNPATH)]
    folders = [folder for tag, text in named if tag != _NEEDED for folder in text.split(":") if folder]
    return Wants(tuple(text for tag, text in named if tag == _NEEDED), tuple(folders), interpreter)


def _offset(segments: list[tuple[int, ...]], address: int) -> int:
    """An address in memory as a place in the file."""
    for kind, _, offset, start, _, length, _, _ in segments:
        if kind == _LOAD and start <= address < start + length:
            return offset + address - start
    raise IndexError("its strings are in no segment")


def _text(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode("utf-8")

"""What is in the image: this machine's shell, its basic programs and Python, with the libraries they need.

No registry and no package archive is asked; an ordinary user may read all of it. The same files give the same digest.
"""

import hashlib
import io
import os
import re
import shutil
import stat
import sys
import sysconfig
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opswright.sandboxes.commands import NOBODY
from opswright.sandboxes.container.elf import closure
from opswright.sandboxes.ports import WORKING_FOLDER

# Without these no call can be made; an image of one's own needs them too.
NEEDED = ("sh", "cat", "env", "head", "mkdir", "mkfifo", "rm", "tar")
PROGRAMS = (
    *NEEDED, "awk", "base64", "basename", "bash", "bzip2", "chmod", "cmp", "comm", "cp", "cut", "date", "dd", "df",
    "diff", "dirname", "du", "echo", "egrep", "expand", "expr", "false", "find", "flock", "fold", "grep", "gunzip",
    "gzip", "hostname", "id", "join", "kill", "ln", "ls", "md5sum", "mktemp", "mv", "nice", "nl", "nohup", "nproc",
    "od", "paste", "patch", "printf", "ps", "pwd", "readlink", "realpath", "rmdir", "sed", "seq", "setsid",
    "sha256sum", "shuf", "sleep", "sort", "split", "stat", "stdbuf", "tac", "tail", "tee", "test", "timeout", "touch",
    "tr", "true", "truncate", "uname", "uniq", "wc", "which", "whoami", "xargs", "xz", "yes", "zcat",
)  # fmt: skip
_WHERE = "/usr/bin:/bin:/usr/sbin:/sbin"  # not PATH: a user's own programs are not this machine's
_SKIPPED = re.compile(r"/(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|config-[^/]*)$")
_NOT_CODE = re.compile(r"/(site-packages|dist-packages)$")
_TEXTS: Mapping[str, str] = {
    "/etc/passwd": f"root:x:0:0:root:/:/bin/sh\nnobody:x:{NOBODY}:{NOBODY}:nobody:/work:/bin/sh\n",
    "/etc/group": f"root:x:0:\nnogroup:x:{NOBODY}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_FOLDERS: Mapping[str, int] = {"/tmp": 0o1777, "/dev": 0o755, "/proc": 0o755, "/sys": 0o755}


@dataclass(frozen=True)
class Entry:
    """One thing in the image: a folder (no content, no target), a symbolic link, a copy of a file here, or a text."""

    path: str
    mode: int = 0o755
    target: str = ""
    copy_of: Path | None = None
    text: bytes | None = None


WORK_LINK = Entry(WORKING_FOLDER, 0o777, target=f"/tmp{WORKING_FOLDER}")


def entries() -> tuple[Entry, ...]:
    """All entries, parents first. Raises ValueError when this machine cannot give a working image."""
    missing = [name for name in NEEDED if shutil.which(name, path=_WHERE) is None]
    if missing:
        raise ValueError(f"this machine has no {', '.join(missing)}")
    found: dict[str, Entry] = {}
    for path, mode in _FOLDERS.items():
        _put(found, Entry(path, mode))
    _put(found, WORK_LINK)
    for path, text in _TEXTS.items():
        _put(found, Entry(path, 0o644, text=text.encode()))
    places = [shutil.which(name, path=_WHERE) for name in PROGRAMS]
    programs = [Path(place) for place in places if place and os.access(place, os.R_OK)]
    interpreter, library = python()
    code = [*_python_files(library)]
    for file in (*programs, interpreter, *code, Path("/bin/sh")):  # scripts name /bin/sh, wherever `sh` was found
        _copy(found, file)
    modules = [file for file in code if file.suffix == ".so"]
    for file in (*closure([*programs, interpreter]), *closure(modules, lenient=True)):
        _copy(found, file)
    _python_link(found, interpreter)
    return tuple(found[path] for path in sorted(found))


def digest(all_entries: tuple[Entry, ...]) -> str:
    """SHA-256 over paths, modes, links and contents, in hexadecimal."""
    whole = hashlib.sha256()
    for entry in all_entries:
        content = entry.text if entry.text is not None else entry.copy_of.read_bytes() if entry.copy_of else b""
        one = hashlib.sha256(content).hexdigest()
        whole.update(f"{entry.path}\0{entry.mode:o}\0{entry.target}\0{_time(entry)}\0{one}\n".encode())
    return whole.hexdigest()


def archive(all_entries: tuple[Entry, ...]) -> Iterator[bytes]:
    """The entries as a tar stream, owned by root, one file in memory at a time."""
    for entry in all_entries:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _write(tar, entry)
            yield buffer.getvalue()  # before the archive's end is written
    yield bytes(2 * tarfile.BLOCKSIZE)


def python() -> tuple[Path, Path]:
    """The interpreter and its library: the system's where there is one, else the one that runs this program."""
    system = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib", system.name)
    if (library / "os.py").exists():
        return system, library
    own = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    return own, Path(sysconfig.get_path("stdlib"))


def _python_files(library: Path) -> Iterator[Path]:
    cached = f".{sys.implementation.cache_tag}.pyc"
    for child in sorted(library.iterdir()):
        path = str(child)
        if _SKIPPED.search(path) or _NOT_CODE.search(path):
            continue
        if child.is_dir():
            yield from _python_files(child)
        elif child.suffix in (".py", ".so", ".json", ".txt") or path.endswith(cached):
            yield child


def _python_link(found: dict[str, Entry], interpreter: Path) -> None:
    if "/usr/bin/python3" not in found and str(interpreter) != "/usr/bin/python3":
        _put(found, Entry("/usr/bin/python3", 0o777, target=str(interpreter)))


def _copy(found: dict[str, Entry], file: Path) -> None:
    """A file of this machine under its own path, with every link on the way to it."""
    path = Path("/")
    for part in file.parts[1:]:
        path = path / part
        if path.is_symlink():
            target = path.readlink()
            _put(found, Entry(str(path), 0o777, target=str(target)))
            rest = file.relative_to(path)
            _copy(found, Path(_normal(path.parent / target), rest))
            return
    mode = 0o755 if stat.S_IMODE(file.stat().st_mode) & 0o100 else 0o644  # never set-user-id, always readable
    _put(found, Entry(str(file), mode, copy_of=file))


def _normal(path: Path) -> Path:
    """Without `..`; what comes before one here is never a link itself (links are followed one by one)."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)


def _put(found: dict[str, Entry], entry: Entry) -> None:
    for parent in reversed(Path(entry.path).parents[:-1]):
        found.setdefault(str(parent), Entry(str(parent)))
    found.setdefault(entry.path, entry)


def _time(entry: Entry) -> int:
    """Seconds; Python believes a compiled file only while its source has the time that is written in it."""
    return int(entry.copy_of.stat().st_mtime) if entry.copy_of and entry.path.endswith(".py") else 0


def _write(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mode = entry.mode
    info.mtime = _time(entry)
    if entry.target:
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
        tar.addfile(info)
        return
    if entry.copy_of is None and entry.text is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
        return
    content = entry.text if entry.text is not None else entry.copy_of.read_bytes() if entry.copy_of else b""
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))

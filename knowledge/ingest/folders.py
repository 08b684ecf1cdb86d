"""Which files of a folder are manuals; what was left out, and why."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opswright.knowledge.ingest.reading import looks_like_manual

MOST_FILES = 100_000
_HIDDEN = "."


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that was not taken in."""

    path: Path
    why: str


def manuals_in(folder: Path) -> Iterator[Path | LeftOut]:
    """Every manual below a folder in the order of names, and what is left out.

    Links to folders are not followed, so that none can lead in a circle; a link to a file is, where the file is below
    the folder too: what somebody else's folder links to elsewhere is not ours to read. Hidden files are not looked at.
    """
    root = folder.resolve()
    pending = [folder]
    count = 0
    while pending:
        here = pending.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            yield LeftOut(here, f"the folder cannot be read: {error.strerror}")
            continue
        deeper = []
        for entry in entries:
            if entry.name.startswith(_HIDDEN):
                continue
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                deeper.append(path)
            elif found := _file(entry, path, root):
                count += isinstance(found, Path)
                if count > MOST_FILES:
                    yield LeftOut(folder, f"more than {MOST_FILES:,} files; the rest of it was not looked at")
                    return
                yield found
        pending += reversed(deeper)


def _file(entry: "os.DirEntry[str]", path: Path, root: Path) -> Path | LeftOut | None:
    if entry.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a circle, before Python 3.13
            return LeftOut(path, "a link that leads nowhere")
        if target.is_dir():
            return LeftOut(path, "a link to a folder, which is not followed")
        if target.is_relative_to(root):
            return None  # the file itself is met under its own name
        return LeftOut(path, "a link that leads out of the folder") if looks_like_manual(path) else None
    if not entry.is_file(follow_symlinks=False):
        return LeftOut(path, "no regular file")
    return path if looks_like_manual(path) else LeftOut(path, OTHER)


OTHER = "not in a format of manuals"  # said once for all such files of a folder

"""Opens an environment in one of its three backings."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opswright.errors import ConfigError, InputError, RecordingMissing
from opswright.redaction import Redactor
from opswright.sandboxes.environments.ports import Environment, Gridded, Open
from opswright.sandboxes.environments.surface import Surface
from opswright.sandboxes.environments.surface_recorder import SurfaceRecorder
from opswright.sandboxes.environments.transcript import Transcript, TranscriptRecorder

Mode = Literal["live", "recording", "recorded"]
MODES: tuple[Mode, ...] = ("live", "recording", "recorded")
TRANSCRIPT, SURFACE = ".transcript.jsonl", ".surface.jsonl"
COMMAND = "the same command with the environment live and recorded"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


@dataclass(frozen=True)
class About:
    """What a new recording says of itself, and how it is played back.

    `description`: what was recorded, where and under which circumstances, in words; `command`: what records it again;
    `seed`: which of a surface's samples are drawn.
    """

    description: str = ""
    command: str = COMMAND
    seed: int = 0


def open_environment(name: str, live: Open, mode: str, folder: Path | None, about: About = About()) -> Environment:
    """The environment `name`: what `live()` opens, the same while it is recorded into `folder`, or its recording.

    `live` is not called for a recorded one. Raises InputError for an unknown mode, a name that is none, and a file that
    is no recording of it; ConfigError without a folder; RecordingMissing naming the command that records it.
    """
    if not _NAME.fullmatch(name):
        raise InputError("must be lower-case letters, digits, - and _", f"environment {name[:60]!r}")
    if mode == "live":
        return live()
    if mode not in MODES:
        raise InputError(f"must be one of {', '.join(MODES)}, not {mode!r}", "environments")
    if folder is None:
        raise ConfigError(f"environments are to be {mode}, and no folder of recordings is given", "environments")
    return _record(name, live(), folder, about) if mode == "recording" else _replay(name, folder, about)


def _record(name: str, opened: Environment, folder: Path, about: About) -> Environment:
    try:
        if isinstance(opened, Gridded):
            return SurfaceRecorder(
                folder / f"{name}{SURFACE}",
                opened,
                name=name,
                description=about.description,
                command=about.command,
                redactor=Redactor(),
            )
        return TranscriptRecorder(
            folder / f"{name}{TRANSCRIPT}",
            opened,
            name=name,
            description=about.description,
            command=about.command,
            redactor=Redactor(),
        )
    except BaseException:
        opened.close()
        raise


def _replay(name: str, folder: Path, about: About) -> Environment:
    transcript, surface = folder / f"{name}{TRANSCRIPT}", folder / f"{name}{SURFACE}"
    there = [path for path in (transcript, surface) if path.exists()]
    if len(there) > 1:
        raise InputError(f"has both a {TRANSCRIPT} and a {SURFACE}; remove one", str(folder / name))
    if not there:
        raise RecordingMissing(f"{folder}: no recording of {name} is there; record it with {about.command}")
    if there == [surface]:
        return Surface(surface, name=name, seed=about.seed)
    return Transcript(transcript, name=name, redactor=Redactor())

"""A suite's folder of recorded answers: begun, described, and quoted beside what was measured with them."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from opswright.errors import InputError
from opswright.evals.product import ANSWERS
from opswright.evals.results import write_whole
from opswright.evals.suites import Setup
from opswright.nouns import Json

ABOUT = "recording.toml"
_UNKNOWN = "a model through an OpenAI-compatible endpoint"
_HEAD = """\
# What the answers beside this file are: request hashes, replies and usage, never the text of a prompt.
# Written by `opswright eval run {suite} --record`; `answered_by` is a person's to say.
"""


def prepare_recording(setup: Setup, fresh: bool) -> None:
    """The folder; with `fresh`, without the answers of before."""
    setup.recordings.mkdir(parents=True, exist_ok=True)
    if fresh:
        for name in (ANSWERS, ABOUT):
            (setup.recordings / name).unlink(missing_ok=True)


def write_about(setup: Setup, answered_by: str | None = None) -> None:
    """Says what was recorded: when, by whom, to which prompts, and whether tokens are estimates. Nothing where nothing
    was asked. Who answers stays as it is where nobody says otherwise.
    """
    from opswright.tools.models.recording import Recording

    header = Recording(setup.recordings / ANSWERS).header()
    if not header:
        return
    before = read_about(setup.recordings)
    values = {
        "suite": setup.suite,
        "recorded": header["recorded"],
        "answered_by": answered_by or before.get("answered_by", _UNKNOWN),
        "models": {tier: group["model"] for tier, group in sorted(header.get("groups", {}).items())},
        "prompts": header.get("prompts", []),
        "token_counts": header.get("token_counts", "estimated"),
    }
    text = _HEAD.format(suite=setup.suite) + "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())
    write_whole(setup.recordings / ABOUT, text)


def read_about(folder: Path) -> dict[str, Json]:
    """What the recording says of itself; empty where there is none. Raises InputError for a broken file."""
    path = folder / ABOUT
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"does not describe a recording: {error}", str(path)) from None


def quoted(setup: Setup) -> str:
    """A note for whoever reads the figures; empty where nothing is recorded."""
    about = read_about(setup.recordings)
    if not about:
        return ""
    models = set(about.get("models", {}).values())
    told = f"Answers recorded {about.get('recorded')}, by {about.get('answered_by')}; token counts "
    told += f"{about.get('token_counts', 'estimated')}."
    if len(models) == 1:
        told += " One model answers for all tiers: this compares pipelines and prompts, not model sizes, and costs are "
        told += "estimates."
    return told


def _toml(value: Json) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A JSON string is a TOML string, but for DEL and for characters beyond the first plane that are spelt in halves.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")

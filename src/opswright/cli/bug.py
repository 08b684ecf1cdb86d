"""The report a bug leaves: what ran and where it broke, without the user's data or secrets."""

import os
import platform
import re
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from opswright import __version__
from opswright.errors import OpswrightError

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|DSN|AUTH", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_SHAPES = re.compile(r"\b(sk-[\w-]{8,}|AKIA\w{12,}|gh[pousr]_\w{20,}|eyJ[\w-]{10,}\.[\w.-]+)|(?<=Bearer )\S+")


def write_report(error: Exception, arguments: Sequence[str]) -> str:
    """Writes it (mode 0600) and says where; says so too when it cannot be written anywhere."""
    text = report_text(error, arguments)
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(".txt", time.strftime("bug-%Y%m%d-%H%M%S-"), folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except OSError:
            continue
        return f"please send the report in {name} (it holds no secrets) to the maintainers"
    return "no report could be written: neither the state folder nor the temporary one can be written to"


def report_text(error: Exception, arguments: Sequence[str]) -> str:
    """The report. Of the arguments only the names of options are kept: their values are the user's."""
    options = [word.partition("=")[0] if word.startswith("-") else "..." for word in arguments]
    trace = "".join(traceback.format_exception(error))
    lines = [
        f"opswright {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"command: {' '.join(options)}",
        "",
        scrub(trace, os.environ),
    ]
    return "\n".join(lines)


def scrub(text: str, environment: Mapping[str, str]) -> str:
    """The text without what looks like a secret, or is the value of a variable named like one."""
    for name, value in environment.items():
        if len(value) >= 6 and _SECRET_NAME.search(name):
            text = text.replace(value, f"<{name}>")
    return _SHAPES.sub("<secret>", _USER_INFO.sub("<user>@", text))


def _folders() -> list[Path]:
    try:
        from opswright.settings import load_settings

        return [load_settings().reports_dir, Path(tempfile.gettempdir())]
    except (OpswrightError, OSError):
        return [Path(tempfile.gettempdir())]

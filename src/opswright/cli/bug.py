"""The report a bug leaves: what ran and where it broke, without the user's data or secrets."""

import os
import platform
import re
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from opswright import __version__
from opswright.errors import OpswrightError
from opswright.redaction import Redactor

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|DSN|AUTH", re.IGNORECASE)


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
        Redactor(_secret_values()).text(trace),
    ]
    return "\n".join(lines)


def _secret_values() -> list[str]:
    return [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]


def _folders() -> list[Path]:
    try:
        from opswright.settings import load_settings

        return [load_settings().reports_dir, Path(tempfile.gettempdir())]
    except (OpswrightError, OSError):
        return [Path(tempfile.gettempdir())]

"""Probes of the machine itself: Python, the state folder, control groups, and programs that tools need."""

import platform
import shutil
import sys
import tempfile
from pathlib import Path

from opswright.cli.doctor.finding import Finding, ask, broken, missing, ok
from opswright.settings import Settings

_LOW_SPACE_BYTES = 500 * 1024**2


def python(settings: Settings) -> Finding:
    """The interpreter and the system."""
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        system = platform.system()
    return ok("Python", f"{platform.python_version()} ({sys.executable}) on {system}, {platform.machine()}")


def state_folder(settings: Settings) -> Finding:
    """Really writes a file where the journal and the receipts go."""
    name, folder = "State folder", settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"doctor")
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "make it writable, or choose another with OPSWRIGHT_STATE_DIR"
        return broken(name, f"{folder} cannot be written to: {error.strerror}", advice)
    if free < _LOW_SPACE_BYTES:
        return broken(name, f"{folder} has {_size(free)} free", "make room: runs stop when the journal cannot grow")
    return ok(name, f"{folder}, {_size(free)} free")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1024**3:.1f} GiB" if size_bytes >= 1024**3 else f"{size_bytes / 1024**2:.0f} MiB"


def control_groups(settings: Settings) -> Finding:
    """Which version of control groups limits memory and CPU here."""
    name = "Control groups"
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    if unified.is_file():
        return ok(name, f"version 2 ({' '.join(unified.read_text().split()) or 'no controllers'})")
    if Path("/sys/fs/cgroup/memory").is_dir():
        return ok(name, "version 1")
    return missing(name, "not mounted", "limits on memory and CPU of sandboxes need /sys/fs/cgroup")


def fio(settings: Settings) -> Finding:
    """The storage benchmark."""
    answer = ask(["fio", "--version"])
    if answer.code == 0:
        return ok("fio", answer.first_line)
    return missing("fio", answer.first_line, "apt-get install fio; storage workloads need it")


def chromium(settings: Settings) -> Finding:
    """A browser without a display."""
    for program in ("chromium", "chromium-browser", "google-chrome"):
        answer = ask([program, "--version"], timeout_s=8)
        if answer.code == 0:
            return ok("Chromium", answer.version_line)
    return missing("Chromium", answer.first_line, "apt-get install chromium; browser tests of web reports need it")


def glusterfs(settings: Settings) -> Finding:
    """Installed, and its daemon answering."""
    name = "GlusterFS"
    answer = ask(["gluster", "--version"])
    if answer.code != 0:
        return missing(name, answer.first_line, "apt-get install glusterfs-server; tuning a GlusterFS volume needs it")
    pool = ask(["gluster", "--mode=script", "pool", "list"])
    if pool.code == 0:
        return ok(name, f"{answer.first_line}; glusterd answers")
    return missing(name, f"{answer.first_line}; glusterd does not answer", "start it: systemctl start glusterd")

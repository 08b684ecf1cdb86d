"""What live tests need, started when it can be; skipped where it cannot, failed where live tests are required."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = "OPSWRIGHT_REQUIRE_LIVE"
POSTGRES = "OPSWRIGHT_POSTGRES_DSN"


def unavailable(reason: str) -> NoReturn:
    """Skips the test with the reason; fails it with OPSWRIGHT_REQUIRE_LIVE=1."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"live tests are required, and {reason}", pytrace=False)
    pytest.skip(reason)


def chromium(page: Path, folder: Path, *options: str) -> str:
    """The document of a page as headless Chromium has it once its scripts ran; `folder` takes the browser's profile."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        unavailable("there is no Chromium (apt-get install chromium)")
    quiet = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'chromium'}"]
    quiet += ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [program, *quiet, *options, "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def postgres_server() -> Iterator[str]:
    """The connection string of a real server: OPSWRIGHT_POSTGRES_DSN's, or one of our own for as long as it lasts.

    Ours listens on a Unix socket alone and wants a password, as a production server would.
    """
    given = os.environ.get(POSTGRES)
    if given:
        yield given
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(programs[-1]) if programs else shutil.which("initdb")
    if initdb is None:
        unavailable(f"there is neither {POSTGRES} nor an installed PostgreSQL (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="opswright-pg-") as folder:
        yield from _serve(Path(initdb).parent, Path(folder))


def _serve(programs: Path, folder: Path) -> Iterator[str]:
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = next(name for name in ("postgres", "nobody") if _exists(name))
        shutil.chown(folder, user)
    password = secrets.token_hex(16)
    password_file = folder / "password"
    password_file.write_text(password)
    if user:
        shutil.chown(password_file, user)
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}{log.read_text() if log.exists() else ''}"

    run("initdb", "-D", str(data), "-U", "opswright", "-A", "scram-sha-256", "--pwfile", str(password_file), "-N")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-D", str(data), "-l", str(log), "-o", options, "-w", "start")
    try:
        yield f"postgresql://opswright:{password}@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def docker_engine() -> None:
    """Returns when an engine answers where DOCKER_HOST says, or at the usual socket; an engine is started by CI."""
    from opswright.errors import SandboxUnavailable
    from opswright.sandboxes.container.engine import connect

    try:
        connect().close()
    except SandboxUnavailable as error:
        unavailable(str(error))

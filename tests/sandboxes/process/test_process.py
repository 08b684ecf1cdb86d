"""What is particular to the process sandbox as root: what it shows, what it hides, what it says when it cannot work."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opswright.errors import InputError, SandboxUnavailable
from opswright.sandboxes.ports import MIB, Command, Limit, MemoryAsk, Mount
from opswright.sandboxes.process import layout
from opswright.sandboxes.process.sandbox import ProcessSandbox
from tests.live import unavailable
from tests.processes import Child, wait_for
from tests.sandboxes.host import new_mark, own_groups, processes_with, python
from tests.sandboxes.memory import SMALL
from tests.sandboxes.ordinary import QUICK
from tests.sandboxes.owner import groups_of

pytestmark = pytest.mark.live
_NEEDS_80 = "bytearray(80 << 20)"
_HOG_AND_LOOP = """
import os
if os.fork():
    bytearray(80 << 20)
    print("done", flush=True)
    os._exit(0)
while True:
    pass
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    if shutil.which("bwrap") is None:
        unavailable("bubblewrap is not installed (apt-get install bubblewrap)")
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


def test_the_network_is_there_when_it_is_asked_for(sandbox: ProcessSandbox) -> None:
    code = "import json, os, socket; print(json.dumps([os.path.exists('/etc/resolv.conf'), socket.if_nameindex()]))"
    with_network, interfaces = json.loads(sandbox.run(python(code), replace(QUICK, network=True)).stdout)
    without, _ = json.loads(sandbox.run(python(code), QUICK).stdout)
    here = json.loads(json.dumps(__import__("socket").if_nameindex()))
    assert (with_network, without) == (Path("/etc/resolv.conf").exists(), False)
    assert interfaces == here


def test_neither_arguments_nor_environment_stand_in_the_starters_command_line(
    sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    """Whoever may list processes would read them there for as long as the call runs."""
    tmp_path.chmod(0o777)
    secret, mark = new_mark(), new_mark()
    seen: list[bool] = []

    def look(question: MemoryAsk) -> None:
        seen.extend([bool(processes_with(secret)), bool(processes_with(mark))])

    command = replace(python(_NEEDS_80, mark), environment={"SECRET": secret})
    if not sandbox.freezes:
        pytest.skip("nothing stops the call where it could be looked at")
    sandbox.run(command, SMALL, look)
    assert seen == [False, True]
    assert len(processes_with(mark)) == 0


def test_every_byte_arrives(sandbox: ProcessSandbox) -> None:
    """The command goes through a shell's quoting, and shells keep bytes of their own."""
    every = bytes(range(1, 256))
    done = sandbox.run(Command(["printf", "%s", os.fsdecode(every)]), QUICK)
    assert done.stdout == every
    assert sandbox.run(Command(["printf", "%s", "'\"$(id)`id`\\\n;#go\n"]), QUICK).stdout == b"'\"$(id)`id`\\\n;#go\n"


def test_half_a_character_is_an_input_error(sandbox: ProcessSandbox) -> None:
    with pytest.raises(InputError):
        sandbox.run(Command(["true", "\ud800"]), QUICK)


def test_an_argument_that_is_too_long_for_the_system_is_the_commands_failure(sandbox: ProcessSandbox) -> None:
    done = sandbox.run(Command(["true", "x" * (1 << 20)]), QUICK)
    assert done.exit_code in (126, 127) and not done.stopped_by


def test_descriptors_that_were_left_open_for_children_are_not_the_commands(
    sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    descriptor = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        done = sandbox.run(python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"), QUICK)
    finally:
        os.close(descriptor)
    assert done.stdout == b"[0, 1, 2, 3]\n"  # 3 is the listing's own


def test_everything_stands_still_while_somebody_is_asked(sandbox: ProcessSandbox) -> None:
    if not sandbox.freezes:
        pytest.skip("calls cannot be frozen here: that takes control groups of version 1, and root")
    states: list[str] = []

    def ask(question: MemoryAsk) -> int:
        (group,) = [path for path in own_groups() if "freezer" in str(path)]
        states.append((group / "freezer.state").read_text().strip())
        return 200 * MIB

    done = sandbox.run(python(_HOG_AND_LOOP), SMALL, ask)
    assert done.stdout == b"done\n" and states and set(states) <= {"FROZEN", "FREEZING"}


def test_an_owner_that_is_killed_while_it_asks_leaves_a_call_that_the_next_one_ends(sandbox: ProcessSandbox) -> None:
    if not sandbox.freezes:
        pytest.skip("calls cannot be frozen here: that takes control groups of version 1, and root")
    mark = new_mark()

    def work(say: Callable[[str], None]) -> None:
        def ask(question: MemoryAsk) -> None:
            say("asked")
            wait_for(lambda: False, "the end")

        sandbox.run(python(_NEEDS_80, mark), SMALL, ask)

    child = Child(work)
    assert child.line() == "asked"
    assert processes_with(mark)
    child.kill()
    assert groups_of(child.pid)
    ProcessSandbox().close()
    wait_for(lambda: not processes_with(mark), "the call to end")
    assert groups_of(child.pid) == []


def test_all_but_the_working_folder_is_mounted_read_only(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    """Whoever a file belongs to."""
    tmp_path.chmod(0o755)
    command = Command(["cat", "/proc/self/mountinfo"], mounts=[Mount(tmp_path, "/data")])
    options = {}
    for line in sandbox.run(command, QUICK).stdout.decode().splitlines():
        fields = line.split()
        options[fields[4]] = set(fields[5].split(","))
    writable = {place for place, words in options.items() if "ro" not in words}
    assert writable == {"/tmp", "/proc"} | {f"/dev/{name}" for name in layout.DEVICES}
    assert {"/", "/usr", "/data", "/dev"} <= options.keys()
    assert {place for place, words in options.items() if not {"nosuid"} <= words} == set()
    assert {place for place, words in options.items() if "nodev" not in words} <= writable - {"/tmp", "/proc"}


@pytest.mark.usefixtures("sandbox")  # which says where there can be none
def test_a_killed_owners_call_ends_at_once_without_anybody_sweeping() -> None:
    mark = new_mark()

    def work(say: Callable[[str], None]) -> None:
        ProcessSandbox().run(Command(["sh", "-c", "trap '' TERM; setsid sleep 600 $0 & while :; do :; done", mark]))

    child = Child(work)
    wait_for(lambda: bool(processes_with(mark)), "the call to run")
    child.kill()
    wait_for(lambda: not processes_with(mark), "the call to end")
    ProcessSandbox().close()
    assert groups_of(child.pid) == []


def test_mounts_go_below_the_working_folder_and_beside_the_files(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given")
    (tmp_path / "given").chmod(0o644)
    tmp_path.chmod(0o755)
    command = Command(
        ["sh", "-c", "cat in/here/given in/own && pwd -P && touch ok"],
        mounts=[Mount(tmp_path, "/work/in/here")],
        files={"in/own": b" own "},
        collect=["ok", "in/here/given"],
    )
    done = sandbox.run(command, QUICK)
    assert done.succeeded, done.stderr
    assert done.stdout == f"given own {layout.FOLDER}\n".encode()
    assert done.collected == {"ok": b""}  # what is mounted is on the host anyway


def test_a_home_below_a_system_folder_is_hidden_too(sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    home = next(path for path in Path("/usr/share").iterdir() if path.is_dir() and any(path.iterdir()))
    monkeypatch.setenv("HOME", str(home))
    assert sandbox.run(Command(["ls", "-A", str(home)]), QUICK).stdout != b""
    assert ProcessSandbox().run(Command(["ls", "-A", str(home)]), QUICK).stdout == b""


def test_without_bubblewrap_it_is_unavailable_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="bubblewrap") as caught:
        ProcessSandbox()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "script, says",
    [
        ("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n", "uid map: Permission denied"),
        ("#!/bin/sh\nexit 0\n", "no reason given"),
        ("no program", "does not start"),
    ],
)
def test_a_bubblewrap_that_may_not_work_is_unavailable_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, says: str
) -> None:
    (tmp_path / "bwrap").write_text(script)
    (tmp_path / "bwrap").chmod(0o755)
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=says) as caught:
        ProcessSandbox()
    assert "\n" not in str(caught.value)
    assert own_groups() == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_empty_files_count_as_memory(sandbox: ProcessSandbox) -> None:
    code = "import itertools\nfor number in itertools.count(): open(f'f{number}', 'w').close()"
    done = sandbox.run(python(code), replace(SMALL, seconds=20.0))
    assert done.stopped_by in (Limit.MEMORY, Limit.DISK)

"""Contract of a sandbox, first part: what commands get, what they give back, and what is no command at all."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opswright.errors import InputError
from opswright.sandboxes.ports import MIB, Command, Limit, Limits, Mount, Sandbox
from tests.sandboxes.host import PYTHON, python

QUICK = Limits(memory_bytes=128 * MIB, disk_bytes=16 * MIB, seconds=30.0)

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_ECHO = "import json,os,sys; json.dump([sys.argv[1:], dict(os.environ)], sys.stdout)"


class OrdinaryCalls:
    """Commands that mean no harm. `opened_by`: the user that the sandbox's own process runs as."""

    opened_by: ClassVar[int] = os.geteuid()

    @pytest.mark.parametrize(
        "argv, code",
        [
            (["true"], 0),
            (["sh", "-c", "exit 3"], 3),
            (["sh", "-c", "kill -9 $$"], 137),
            (["sh", "-c", "kill -TERM $$"], 143),
            (["no-such-program"], 127),
            (["./no-such-program"], 127),
            (["a=b"], 127),
            (["-x"], 127),
            (["/etc/passwd"], 126),
        ],
    )
    def test_the_exit_code_is_a_shells(self, sandbox: Sandbox, argv: list[str], code: int) -> None:
        done = sandbox.run(Command(argv), QUICK)
        assert (done.exit_code, done.stopped_by, done.succeeded) == (code, None, code == 0)

    def test_both_streams_come_back_apart(self, sandbox: Sandbox) -> None:
        done = sandbox.run(Command(["sh", "-c", "printf out; printf err >&2"]), QUICK)
        assert (done.stdout, done.stderr, done.cut) == (b"out", b"err", frozenset())

    @pytest.mark.parametrize("given", [b"", b"a line\n", bytes(range(256)) * 4096])
    def test_stdin_is_given_whole_and_ends(self, sandbox: Sandbox, given: bytes) -> None:
        done = sandbox.run(Command(["cat"], stdin=given), replace(QUICK, output_bytes=2 * MIB))
        assert done.succeeded and done.stdout == given

    def test_stdin_may_be_a_file_that_only_we_can_read(self, sandbox: Sandbox, tmp_path: Path) -> None:
        given = bytes(range(256)) * (12 * 4096)
        log = tmp_path / "log"
        log.write_bytes(given)
        log.chmod(0o600)
        (tmp_path / "empty").touch()
        for file in (log, tmp_path / "empty"):
            os.chown(file, self.opened_by, -1)
        done = sandbox.run(Command(["sha256sum"], stdin=log), QUICK)
        assert done.succeeded, done.stderr
        assert done.stdout.split()[0].decode() == hashlib.sha256(given).hexdigest()
        assert sandbox.run(Command(["wc", "-c"], stdin=tmp_path / "empty"), QUICK).stdout.strip() == b"0"
        assert sandbox.run(Command(["true"], stdin=log), QUICK).succeeded, "it need not read it"

    def test_stdout_may_go_into_a_file_of_ours(self, sandbox: Sandbox, tmp_path: Path) -> None:
        to = tmp_path / "out"
        to.write_bytes(b"old" * 100)
        os.chown(to, self.opened_by, -1)
        done = sandbox.run(Command(["sh", "-c", "printf out; printf err >&2"], stdout_to=to), QUICK)
        assert (done.stdout, done.stderr, done.cut, to.read_bytes()) == (b"", b"err", frozenset(), b"out")
        limits = replace(QUICK, output_bytes=1000)
        done = sandbox.run(Command(["head", "-c", "9000", "/dev/zero"], stdout_to=to), limits)
        assert (done.stdout, done.cut, Limit.OUTPUT in done.met) == (b"", frozenset({"stdout"}), True)
        assert to.read_bytes() == bytes(1000)

    def test_files_of_ours_that_cannot_be_are_input_errors(self, sandbox: Sandbox, tmp_path: Path) -> None:
        for stdin in (tmp_path / "none", tmp_path, Path("/dev/zero")):
            with pytest.raises(InputError):
                sandbox.run(Command(["true"], stdin=stdin), QUICK)
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        for to in (tmp_path, tmp_path / "no/folder", tmp_path / "link"):
            with pytest.raises(InputError):
                sandbox.run(Command(["true"], stdout_to=to), QUICK)
        assert not (tmp_path / "elsewhere").exists()

    def test_stdin_that_nobody_reads_does_no_harm(self, sandbox: Sandbox) -> None:
        assert sandbox.run(Command(["true"], stdin=b"x" * MIB), QUICK).succeeded

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(arguments=st.lists(_TEXT, max_size=3), value=_TEXT)
    def test_arguments_and_environment_arrive_as_they_are(
        self, sandbox: Sandbox, arguments: list[str], value: str
    ) -> None:
        done = sandbox.run(Command([PYTHON, "-c", _ECHO, *arguments], environment={"GIVEN": value}), QUICK)
        seen, environment = json.loads(done.stdout)
        assert seen == arguments
        assert environment["GIVEN"] == value

    def test_the_environment_is_what_was_asked_for_and_a_few_defaults(self, sandbox: Sandbox) -> None:
        _, environment = json.loads(sandbox.run(python(_ECHO), QUICK).stdout)
        environment.pop("LC_CTYPE", None)  # Python's own
        assert set(environment) <= {"PATH", "HOME", "LANG", "TMPDIR", "HOSTNAME", "PWD"}
        assert environment["HOME"] == "/work"

    def test_files_go_in_and_come_out(self, sandbox: Sandbox) -> None:
        command = Command(
            ["sh", "-c", "cat a/b/c > out && mkdir d && cp run.sh d && ./run.sh > d/said"],
            files={"a/b/c": b"\0\xff", "run.sh": b"#!/bin/sh\necho ran\n"},
            collect=["out", "d/said", "nothing", "d", "a/b/c"],
        )
        done = sandbox.run(command, QUICK)
        assert done.succeeded, done.stderr
        assert done.collected == {"out": b"\0\xff", "d/said": b"ran\n", "a/b/c": b"\0\xff"}

    def test_only_ordinary_files_are_collected(self, sandbox: Sandbox) -> None:
        code = "ln -s /etc/passwd link; ln -s /etc folder; mkfifo pipe; mkdir real; echo x > real/x; ln -s real alias"
        paths = ["link", "folder/passwd", "pipe", "alias/x", "real/x"]
        done = sandbox.run(Command(["sh", "-c", code], collect=paths), QUICK)
        assert done.succeeded, done.stderr
        assert done.collected == {"real/x": b"x\n"}

    def test_no_more_is_collected_than_the_disk_holds(self, sandbox: Sandbox) -> None:
        """Files with holes claim more than there is room for."""
        code = "for name in 'abc': open(name, 'wb').truncate(700 << 10)"
        done = sandbox.run(replace(python(code), collect=["a", "b", "c"]), replace(QUICK, disk_bytes=MIB))
        assert done.succeeded, done.stderr
        assert done.collected == {"a": bytes(700 << 10)}
        assert Limit.DISK in done.met

    def test_files_of_a_stopped_call_come_out_too(self, sandbox: Sandbox) -> None:
        command = Command(["sh", "-c", "echo so far > log; while :; do sleep 1; done"], collect=["log"])
        done = sandbox.run(command, replace(QUICK, seconds=1.0))
        assert (done.stopped_by, done.exit_code) == (Limit.TIME, 137)
        assert done.collected == {"log": b"so far\n"}

    def test_the_working_folder_is_the_same_everywhere(self, sandbox: Sandbox) -> None:
        done = sandbox.run(
            Command(["sh", "-c", "cat /work/f && cd /tmp && touch t && test -w /dev/null"], files={"f": b"f"})
        )
        assert done.succeeded and done.stdout == b"f", done.stderr

    def test_nothing_is_carried_to_the_next_call(self, sandbox: Sandbox) -> None:
        places = "/tmp /work /dev/shm /var/tmp /run"
        left = f"for d in {places}; do touch $d/left 2>/dev/null; done; true"
        assert sandbox.run(Command(["sh", "-c", left]), QUICK).succeeded
        found = sandbox.run(Command(["sh", "-c", f"for d in {places}; do ls $d/left 2>/dev/null; done; true"]), QUICK)
        assert found.succeeded and found.stdout == b""

    def test_mounts_are_read_only_unless_asked(self, sandbox: Sandbox, tmp_path: Path) -> None:
        for name in ("open", "shut"):
            (tmp_path / name).mkdir(mode=0o777)
            (tmp_path / name).chmod(0o777)
            (tmp_path / name / "file").write_text(name)
            (tmp_path / name / "file").chmod(0o666)  # whatever is refused is refused by the mount alone
        mounts = [
            Mount(tmp_path / "open", "/data/open", writable=True),
            Mount(tmp_path / "shut", "/data/shut"),
            Mount(tmp_path / "shut/file", "/work/one"),
        ]
        code = """
        cat /data/open/file /data/shut/file one
        echo new > /data/open/new
        for file in /data/shut/new /data/shut/file one; do (echo x > $file) 2>/dev/null && echo written $file; done
        true
        """
        done = sandbox.run(Command(["sh", "-c", code], mounts=mounts), QUICK)
        assert done.succeeded and done.stdout == b"openshutshut", done
        assert (tmp_path / "open/new").read_text() == "new\n"
        assert (tmp_path / "shut/file").read_text() == "shut"
        assert sorted(path.name for path in (tmp_path / "shut").iterdir()) == ["file"]

    def test_what_it_used_is_told_where_the_backing_can(self, sandbox: Sandbox) -> None:
        done = sandbox.run(python("b = bytearray(40 << 20); sum(range(200000))"), QUICK)
        assert done.succeeded and done.seconds > 0
        if done.peak_memory_bytes is not None:
            assert 40 * MIB < done.peak_memory_bytes < 128 * MIB
        if done.cpu_seconds is not None:
            assert 0 < done.cpu_seconds < 20

    def test_many_at_once_do_not_mix(self, sandbox: Sandbox) -> None:
        def call(number: int) -> bytes:
            argv = ["sh", "-c", "cat; cat own; echo $GIVEN; sleep 0.2; ls"]
            given, own = f"in{number} ".encode(), f"file{number} ".encode()
            command = Command(argv, stdin=given, environment={"GIVEN": f"env{number}"}, files={"own": own})
            return sandbox.run(command, QUICK).stdout

        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(call, range(16)))
        assert said == [f"in{number} file{number} env{number}\nown\n".encode() for number in range(16)]

    @pytest.mark.parametrize(
        "command",
        [
            pytest.param(Command([]), id="no program"),
            pytest.param(Command([""]), id="a program without a name"),
            pytest.param(Command(["true", "a\0b"]), id="NUL in an argument"),
            pytest.param(Command(["true"], environment={"A=B": "c"}), id="= in a variable's name"),
            pytest.param(Command(["true"], environment={"": "c"}), id="a variable without a name"),
            pytest.param(Command(["true"], environment={"A": "\0"}), id="NUL in a variable"),
            pytest.param(Command(["true"], files={"../out": b""}), id="a file outside"),
            pytest.param(Command(["true"], files={"/etc/passwd": b""}), id="an absolute file"),
            pytest.param(Command(["true"], files={"": b""}), id="a file without a name"),
            pytest.param(Command(["true"], files={"a": b"", "a/b": b""}), id="a file as a folder"),
            pytest.param(Command(["true"], files={"large": bytes(17 * MIB)}), id="files that do not fit"),
            pytest.param(Command(["true"], collect=["a/../../etc/passwd"]), id="collecting outside"),
            pytest.param(Command(["true"], collect=["/etc/passwd"]), id="collecting an absolute path"),
            pytest.param(Command(["true"], mounts=[Mount(Path("/no/such/folder"), "/data")]), id="nothing to mount"),
            pytest.param(Command(["true"], mounts=[Mount(Path("/usr"), "data")]), id="mounting at a relative path"),
            pytest.param(Command(["true"], mounts=[Mount(Path("/usr"), "/data/../etc")]), id="mounting with dots"),
            pytest.param(Command(["true"], mounts=[Mount(Path("/usr"), "/")]), id="mounting over the root"),
            pytest.param(Command(["true"], mounts=[Mount(Path("/usr"), "/usr/lib")]), id="mounting over the system"),
        ],
    )
    def test_what_cannot_be_a_command_is_an_input_error(self, sandbox: Sandbox, command: Command) -> None:
        with pytest.raises(InputError):
            sandbox.run(command, QUICK)

    @pytest.mark.parametrize("mode, writable", [(0o700, False), (0o750, False), (0o755, True), (0o744, False)])
    def test_what_its_user_could_not_use_is_an_input_error(
        self, sandbox: Sandbox, tmp_path: Path, mode: int, writable: bool
    ) -> None:
        if os.geteuid() != 0:
            pytest.skip("commands run as the same user")
        (tmp_path / "mine").mkdir(mode=mode)
        with pytest.raises(InputError, match="may not be"):
            sandbox.run(Command(["true"], mounts=[Mount(tmp_path / "mine", "/data", writable)]), QUICK)

    @pytest.mark.parametrize("limits", [replace(QUICK, pids=0), replace(QUICK, seconds=-1.0), replace(QUICK, cpus=0.0)])
    def test_limits_are_above_zero(self, sandbox: Sandbox, limits: Limits) -> None:
        with pytest.raises(InputError):
            sandbox.run(Command(["true"]), limits)

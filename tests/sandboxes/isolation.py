"""Contract of a sandbox, second part: what a command can see, reach and change of the machine it runs on."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from opswright.sandboxes.ports import Command, Mount, Sandbox
from tests.sandboxes.host import Traces, new_mark, processes_with, python
from tests.sandboxes.ordinary import QUICK

_WRITE = """
import os, sys
for path in sys.argv[1:]:
    try:
        with open(path, "w") as file:
            file.write("x")
        print(path)
    except OSError:
        pass
"""
_SECRETS = """
import json, os, sys
mark, *places = sys.argv[1].encode(), *sys.argv[2:]
found = [name for name, value in os.environ.items() if mark in value.encode()]
for pid in filter(str.isdecimal, os.listdir("/proc")):
    if int(pid) == os.getpid():
        continue
    for name in ("environ", "cmdline"):
        try:
            if mark in open(f"/proc/{pid}/{name}", "rb").read():
                found.append(f"/proc/{pid}/{name}")
        except OSError:
            pass
listed = {}
for place in places:
    try:
        listed[place] = os.listdir(place)
    except NotADirectoryError:
        listed[place] = ["a file"]
    except OSError:
        pass
json.dump([found, listed], sys.stdout)
"""
_RIGHTS = """
import ctypes, json, os, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
libc = ctypes.CDLL(None, use_errno=True)
refused = {}
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("network", 0x40000000)):
    refused[name] = libc.unshare(flag) == -1
refused["mount a tmpfs"] = libc.mount(b"t", b"/tmp", b"tmpfs", 0, None) == -1
def fails(action):
    try:
        action()
    except OSError:
        return True
    return False
refused["become root"] = fails(lambda: os.setuid(0))
refused["make a device"] = fails(lambda: os.mknod("dev", 0o60600, os.makedev(8, 0)))
refused["change the host's name"] = fails(lambda: __import__("socket").sethostname("x"))
refused["change the root"] = fails(lambda: os.chroot("/"))
keys = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
json.dump([{key: status[key] for key in keys}, os.getuid(), refused], sys.stdout)
"""


class Isolation:
    """What is shut, whoever asks."""

    def test_the_root_is_read_only(self, sandbox: Sandbox) -> None:
        places = ["/x", "/usr/x", "/bin/x", "/etc/x", "/etc/passwd", "/dev/x", "/proc/sys/kernel/hostname", "/proc/x"]
        places += ["/var/x", "/home/x", "/root/x", "/sys/x", "/mnt/x", "/opt/x", "/srv/x", "/proc/sysrq-trigger"]
        done = sandbox.run(python(_WRITE, *places), QUICK)
        assert done.succeeded and done.stdout == b""
        assert (
            sandbox.run(python(_WRITE, "/tmp/x", "x"), QUICK).stdout == b"/tmp/x\nx\n"
        )  # the probe can find something

    def test_there_is_no_network(self, sandbox: Sandbox) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            code = (
                "import socket, sys\n"
                "print([name for _, name in socket.if_nameindex() if name != 'lo'])\n"
                "for place in (('127.0.0.1', int(sys.argv[1])), ('192.0.2.1', 80)):\n"
                "    try: socket.create_connection(place, 2); print('reached', place)\n"
                "    except OSError: pass\n"
            )
            done = sandbox.run(python(code, str(listening.getsockname()[1])), QUICK)
        interfaces = [name for name in done.stdout.decode().strip("[]\n").replace("'", "").split(", ") if name]
        tunnels = ("tunl", "sit", "gre", "erspan", "ip6", "ip_vti")  # some kernels show these, down, in every namespace
        assert done.succeeded and not [name for name in interfaces if not name.startswith(tunnels)], done.stdout

    def test_secrets_of_the_user_are_hidden(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = new_mark()
        monkeypatch.setenv("OPSWRIGHT_TEST_SECRET", secret)
        (tmp_path / "key").write_text(secret)
        home, project = Path.home(), Path(__file__).parents[2]
        places = [str(place) for place in (home, home / ".ssh", tmp_path, project, "/etc/shadow", "/etc/ssh", "/run")]
        done = sandbox.run(python(_SECRETS, secret, *places, "/var/run/docker.sock", "/home", "/root"), QUICK)
        found, listed = json.loads(done.stdout)
        assert found == []
        assert {place: names for place, names in listed.items() if names} == {}

    def test_there_are_no_rights_to_be_had(self, sandbox: Sandbox) -> None:
        done = sandbox.run(python(_RIGHTS), QUICK)
        assert done.succeeded, done.stderr
        rights, uid, refused = json.loads(done.stdout)
        assert rights.pop("NoNewPrivs") == "1"
        assert rights.pop("Seccomp") == "2"
        assert {name: value for name, value in rights.items() if int(value, 16)} == {}
        assert uid != 0
        assert all(refused.values()), refused

    def test_processes_of_the_host_are_out_of_reach(self, sandbox: Sandbox) -> None:
        code = (
            "import os, sys\n"
            "try: os.kill(int(sys.argv[1]), 0); print('reached')\n"
            "except ProcessLookupError: pass\n"
            "print(len([name for name in os.listdir('/proc') if name.isdecimal()]))"
        )
        done = sandbox.run(python(code, str(os.getpid())), QUICK)
        assert int(done.stdout) < 8, done  # itself, the first process, and what the backing puts between

    def test_abstract_sockets_of_the_host_are_out_of_reach(self, sandbox: Sandbox) -> None:
        name = f"\0{new_mark()}"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(name)
            listening.listen()
            code = "import socket, sys; socket.socket(socket.AF_UNIX).connect('\\0' + sys.argv[1])"
            assert sandbox.run(python(code, name[1:]), QUICK).exit_code == 1

    def test_nothing_is_left_on_the_host(self, sandbox: Sandbox, tmp_path: Path) -> None:
        mark = new_mark()
        tmp_path.chmod(0o755)
        assert sandbox.run(Command(["true"]), QUICK).succeeded  # whatever stays open between calls is open now
        before = Traces.now()
        for code in ("exit 0", "exit 7", "while :; do :; done", "sleep 100 & setsid sleep 100 & exit 0"):
            argv, mount = ["sh", "-c", code, mark], Mount(tmp_path, "/data")
            command = Command(argv, files={"f": b"x"}, mounts=[mount], collect=["f"])
            sandbox.run(command, replace(QUICK, seconds=0.5))
        assert Traces.now() == before
        assert processes_with(mark) == []

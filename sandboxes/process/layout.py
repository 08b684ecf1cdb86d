"""What a command sees: the arguments of bubblewrap, and the programs that stand between it and the command.

Visible are the system's own folders, read-only, and the mounts that were asked for. All that can be written is one
tmpfs at /tmp with the working folder in it, so that one size limits both.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from opswright.sandboxes.commands import environment, mount_source
from opswright.sandboxes.ports import WORKING_FOLDER, Command, Limits, Mount

FOLDER = f"/tmp{WORKING_FOLDER}"  # the working folder's true place; WORKING_FOLDER is a link to it

_LINKED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf", "protocols", "services",
    "ssl/certs", "ssl/openssl.cnf",
)  # fmt: skip
_ETC_NETWORK = ("hosts", "resolv.conf")
DEVICES = ("null", "zero", "full", "random", "urandom")
# Descriptors of the programs inside, below 10 since a plain shell knows no others.
GATE, READY, OPTIONS, SECCOMP, PASSWD, GROUP, INFO = range(3, 10)
# Says that all is set up, then waits for the line to run. When its end does not come (we died), nothing is run.
_GATE = """
printf r >&4; exec 4>&-
exec 5<&- 6<&- 7<&- 8<&- 9<&-
line=$(cat <&3); exec 3<&-
case $line in *'#go') eval "$line" ;; *) exit 125 ;; esac
"""


def bubblewrap_options(command: Command, limits: Limits, as_root: bool, home: Path | None, filtered: bool) -> list[str]:
    """Namespaces and mounts. `home`, the user's own folder, stays hidden also where it is below a system folder;
    `filtered`: there is a filter of system calls to read.
    """
    options = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    options += [] if limits.network else ["--unshare-net"]
    options += ["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    if as_root:  # what setpriv needs to become nobody; it drops them with everything else
        options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    else:
        options += ["--unshare-user"]
    options += [*_system(limits.network, home), *_devices(), "--proc", "/proc"]
    options += ["--perms", "0644", "--file", str(PASSWD), "/etc/passwd"]
    options += ["--perms", "0644", "--file", str(GROUP), "/etc/group"]
    options += ["--perms", "1777", "--size", str(limits.disk_bytes), "--tmpfs", "/tmp"]
    options += ["--perms", "0700", "--dir", FOLDER, "--symlink", FOLDER, WORKING_FOLDER]
    for mount in command.mounts:
        options += _mount(mount)
    options += ["--seccomp", str(SECCOMP)] if filtered else []
    return [*options, "--remount-ro", "/", "--chdir", "/", "--info-fd", str(INFO)]


def accounts(uid: int, gid: int) -> tuple[bytes, bytes]:
    """/etc/passwd and /etc/group as the command sees them: root, and whoever it runs as."""
    passwd = f"root:x:0:0:root:/:/usr/sbin/nologin\nsandbox:x:{uid}:{gid}:sandbox:{WORKING_FOLDER}:/bin/sh\n"
    return passwd.encode(), f"root:x:0:\nsandbox:x:{gid}:\n".encode()


def programs(user: int | None, resources: Sequence[str]) -> list[str]:
    """What runs inside until the gate opens: limits, then another user, then the gate; none of it sees the command.
    `user`: None stays who we are.
    """
    chain = ["/usr/bin/prlimit", *resources, "--", "/usr/bin/setpriv", "--no-new-privs", "--inh-caps=-all"]
    if user is not None:
        chain += [f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all"]
    return [*chain, "/bin/sh", "-c", _GATE]


def line(command: Command) -> bytes:
    """What the gate is to run: the command with its own environment and nothing else.

    It goes through a pipe, so that neither the environment nor the arguments stand in the command line of bubblewrap,
    and through a shell's quoting, so that no character of it means anything.
    """
    settings = [f"{name}={value}" for name, value in environment(command).items()]
    # env takes a word with "=" for a setting, so that the program's name must not come right after it.
    words = ["exec", "/usr/bin/env", "-i", *settings, "/usr/bin/setpriv", "--no-new-privs", "--", *command.argv]
    text = f"cd {WORKING_FOLDER} || exit 125\n{' '.join(shlex.quote(word) for word in words)}\n#go"
    return text.encode("utf-8", "surrogateescape")


def _system(network: bool, home: Path | None) -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc")
    for name in _LINKED:
        folder = Path("/", name)
        if folder.is_symlink():
            yield from ("--symlink", str(folder.readlink()), str(folder))
        elif folder.is_dir():
            yield from ("--ro-bind", str(folder), str(folder))
    for name in (*_ETC, *(_ETC_NETWORK if network else ())):
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    if home is not None and home.is_relative_to("/usr"):
        yield from ("--tmpfs", str(home), "--remount-ro", str(home))


def _devices() -> Iterator[str]:
    yield from ("--tmpfs", "/dev")
    for name in DEVICES:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        yield from ("--symlink", f"/proc/self/fd/{number}", f"/dev/{name}")
    yield from ("--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/tmp", "/dev/shm", "--remount-ro", "/dev")


def _mount(mount: Mount) -> list[str]:
    inside = PurePosixPath(mount.inside)
    if inside.is_relative_to(WORKING_FOLDER):  # bubblewrap would follow the link on the host
        inside = FOLDER / inside.relative_to(WORKING_FOLDER)
    bind = "--bind" if mount.writable else "--ro-bind"
    return [*_folders_above(inside), bind, str(mount_source(mount)), str(inside)]


def _folders_above(inside: PurePosixPath) -> Iterator[str]:
    """Made by name, since those that bubblewrap makes by itself may be closed to others."""
    for folder in reversed(inside.parents):
        if folder not in map(PurePosixPath, ("/", "/tmp", FOLDER)):
            yield from ("--perms", "0755", "--dir", str(folder))

"""A container for one call: started ahead of it, used once, gone after it.

Its first process only waits for the end of its input, which is our connection: when we die, however we die, the
connection ends, the first process ends, and the kernel ends everything else in the container with it.
"""

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from opswright.sandboxes.cgroups.owners import new_name
from opswright.sandboxes.container.engine import asking
from opswright.sandboxes.ports import MIB, WORKING_FOLDER, Limits, Mount

if TYPE_CHECKING:
    from docker import APIClient

OWNER = "opswright.sandbox.owner"
OPEN_FILES = 1024  # of each process; an engine's own default may be a million
WAITER = 65533  # who waits: another user than the call, which therefore cannot touch it
PERIOD_US = 100_000
# As the first process it also buries what the call orphans: the dead would count as processes of the call for ever.
_WAIT = "exec 3<&0; cat <&3 >/dev/null & wait $!"
SCRATCH = "/tmp"  # all that can be written is here, so that one size limits it
_SHARED_MEMORY_BYTES = MIB  # /dev/shm is a tmpfs of its own, taken off the rest
_BYTES_PER_FILE = 4096  # more files than pages of room are an attack on the kernel's memory, not a use of the disk
_RECURSIVE = "1.44"  # engines before it make what is mounted below a read-only folder writable: it is left out there
_ENGINES_LEAST = 6 * MIB  # it refuses a container with less
_WAITING = 2  # processes of the one who waits
FOR_STARTING = 6  # threads that the engine needs for a moment to start a process in the container


@dataclass(frozen=True)
class Shape:
    """What cannot be changed any more once a container has started."""

    memory_bytes: int
    cpus: float
    pids: int
    disk_bytes: int
    network: bool
    mounts: tuple[tuple[Path, str, bool], ...] = ()

    @property
    def links(self) -> Mapping[str, str]:
        """Mounts below the working folder, which does not exist yet when they are made: relative path to true place."""
        return {
            str(PurePosixPath(inside).relative_to(WORKING_FOLDER)): place(inside, at)
            for at, (_, inside, _) in enumerate(self.mounts)
            if PurePosixPath(inside).is_relative_to(WORKING_FOLDER)
        }


def place(inside: str, number: int) -> str:
    """Where the engine mounts it."""
    below = PurePosixPath(inside).is_relative_to(WORKING_FOLDER)
    return f"/mnt/opswright-{number}" if below else inside


def shape_of(limits: Limits, mounts: tuple[Mount, ...], outer: Limits | None) -> Shape:
    """`outer`: the limits of the container when the call has narrower ones in a group of its own, else None."""
    from opswright.sandboxes.commands import mount_source

    bound = tuple((mount_source(mount), mount.inside, mount.writable) for mount in mounts)
    widest = limits if outer is None else outer
    return Shape(widest.memory_bytes, widest.cpus, widest.pids, limits.disk_bytes, limits.network, bound)


class Cell:
    """One started container. `pid`: its first process as the engine's machine numbers it."""

    def __init__(self, api: "APIClient", image: str, shape: Shape) -> None:
        self.api = api
        self.shape = shape
        self._gone = False
        self._lifeline: Any = None
        with asking("starting a container"):
            self.id = str(api.create_container_from_config(_config(api, image, shape))["Id"])
        try:
            with asking("starting a container"):
                self._lifeline = api.attach_socket(self.id, params={"stdin": 1, "stream": 1})
                api.start(self.id)
                self.pid = int(api.inspect_container(self.id)["State"]["Pid"])
        except BaseException:
            self.dispose()
            raise

    def lives(self) -> bool:
        """Has nobody ended it while it waited?"""
        import docker

        with asking("looking at a container"):
            try:
                return bool(self.api.inspect_container(self.id)["State"]["Running"])
            except docker.errors.NotFound:
                return False

    def dispose(self) -> None:
        """Ends everything in it and has it removed; returns when it is gone. Raises SandboxUnavailable."""
        import docker

        if self._gone:
            return
        self._gone = True
        if self._lifeline is not None:
            connection = raw(self._lifeline)
            with contextlib.suppress(OSError):  # shut for everybody: a child that was forked holds it too
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            self._lifeline.close()
        with asking("removing a container"):
            try:
                self.api.remove_container(self.id, force=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != 409:  # the engine is removing it already, since it has ended
                    raise
                with contextlib.suppress(docker.errors.NotFound):
                    self.api.wait(self.id, condition="removed")


def raw(connection: Any) -> socket.socket:
    """The socket itself of what the SDK hands out: a wrapper around it, or the socket."""
    found = getattr(connection, "_sock", connection)
    assert isinstance(found, socket.socket)
    return found


def _config(api: "APIClient", image: str, shape: Shape) -> dict[str, Any]:
    shared = min(_SHARED_MEMORY_BYTES, shape.disk_bytes // 16)
    files = max(shape.disk_bytes // _BYTES_PER_FILE, 64)
    host = api.create_host_config(
        auto_remove=True,
        network_mode="bridge" if shape.network else "none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=max(shape.memory_bytes, _ENGINES_LEAST),
        memswap_limit=max(shape.memory_bytes, _ENGINES_LEAST),
        cpu_period=PERIOD_US,
        cpu_quota=max(1000, round(shape.cpus * PERIOD_US)),
        pids_limit=max(shape.pids, FOR_STARTING) + _WAITING,
        tmpfs={SCRATCH: f"size={shape.disk_bytes - shared},nr_inodes={files},mode=1777,exec,nosuid,nodev"},
        shm_size=max(shared, 4096),
        mounts=[_mount(api, bound, at) for at, bound in enumerate(shape.mounts)],
        ulimits=[{"Name": "core", "Soft": 0, "Hard": 0}, {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES}],
        log_config={"Type": "none", "Config": {}},
    )
    config = api.create_container_config(
        image,
        ["/bin/sh", "-c", _WAIT],
        entrypoint=[],
        user=f"{WAITER}:{WAITER}",
        working_dir="/",
        hostname="sandbox",
        stdin_open=True,
        labels={OWNER: new_name()},
        host_config=host,
        healthcheck={"test": ["NONE"]},
    )
    config.update(StdinOnce=True, AttachStdin=True, AttachStdout=False, AttachStderr=False)
    return dict(config)


def _mount(api: "APIClient", bound: tuple[Path, str, bool], number: int) -> Any:
    from docker import utils
    from docker.types import Mount as EngineMount

    host, inside, writable = bound
    mount = EngineMount(place(inside, number), str(host), type="bind", read_only=not writable)
    if not writable and utils.version_lt(api.api_version, _RECURSIVE):
        mount["BindOptions"] = {"NonRecursive": True}
    return mount

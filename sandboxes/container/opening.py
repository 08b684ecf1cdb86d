"""Opens the container sandbox: the engine, the image, what dead owners left, and what control groups allow here."""

import os
import sys
from typing import TYPE_CHECKING

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.cgroups.opening import groups_freeze, open_group
from opswright.sandboxes.container.cell import Cell, shape_of
from opswright.sandboxes.container.engine import ANSWER_S, address, asking, connect, is_here
from opswright.sandboxes.container.execution import group_of
from opswright.sandboxes.container.image import Said, ensure
from opswright.sandboxes.container.leftovers import sweep
from opswright.sandboxes.container.sandbox import ContainerSandbox
from opswright.sandboxes.ports import MIB, Command, Limits
from opswright.settings.shape import SandboxSettings

if TYPE_CHECKING:
    from docker import APIClient

_PROBE = Limits(memory_bytes=64 * MIB, pids=8, disk_bytes=MIB, seconds=20.0, output_bytes=4096)


def open_container(
    settings: SandboxSettings, said: Said = lambda line: None, grouped: bool = True, answer_s: float = ANSWER_S
) -> ContainerSandbox:
    """A sandbox that works, since a first command has run in it. `said` is told of what takes long (building the
    image); `grouped=False` does without control groups for calls, as where we are not root; `answer_s`: how long the
    engine may take for one answer.

    Raises SandboxUnavailable in one line: no engine, no image, or the image cannot run a command.
    """
    from opswright.sandboxes.opening import most

    api = connect(answer_s)
    try:
        with asking("Docker's engine"):
            if (kind := api.version().get("Os")) != "linux":
                raise SandboxUnavailable(f"the engine's containers are for {kind}, not for Linux")
        sweep(api)
        image = ensure(api, settings.image, said)
        grouped = grouped and _may_group(api, image)
        if not grouped:
            _must_limit(api)
        sandbox = ContainerSandbox(api, image, most(settings), grouped, grouped and groups_freeze())
    except BaseException:
        api.close()
        raise
    _try(sandbox)
    return sandbox


def _try(sandbox: ContainerSandbox) -> None:
    try:
        probe = sandbox.run(Command(["true"]), _PROBE)
        if not probe.succeeded:
            reason = probe.stderr.decode("utf-8", "replace").strip().partition("\n")[0] or probe.exit_code
            raise SandboxUnavailable(f"the sandbox's image cannot run a command: {reason}")
    except BaseException:
        sandbox.close()
        raise


def _must_limit(api: "APIClient") -> None:
    """An engine without the right to control groups (some that run without root) only warns, and limits nothing."""
    with asking("Docker's engine"):
        able = api.info()
    needed = {"memory": "MemoryLimit", "processors": "CpuCfsQuota", "processes": "PidsLimit"}
    if lacking := [what for what, key in needed.items() if not able.get(key)]:
        raise SandboxUnavailable(f"the engine at {address()} cannot limit {', '.join(lacking)} of containers")


def _may_group(api: "APIClient", image: str) -> bool:
    """Tried out on a container: it depends on the user, on where the engine runs and on how groups are mounted."""
    if sys.platform != "linux" or os.geteuid() != 0 or not is_here(api):
        return False
    cell = Cell(api, image, shape_of(_PROBE, (), _PROBE))
    try:
        parent = group_of(cell.pid, cell.id)
        group = open_group(parent, _PROBE, freeze=False) if parent else None
        if group is None:
            return False
        group.close()
        return True
    finally:
        cell.dispose()

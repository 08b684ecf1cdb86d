"""Opens the sandbox that the settings name, or the better one of those that work here."""

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.capped import Capped
from opswright.sandboxes.ports import MIB, Limits, Sandbox
from opswright.settings.shape import SandboxSettings


def open_sandbox(settings: SandboxSettings) -> Sandbox:
    """A container where an engine answers, else a process; or the one that is demanded. No call of it gets more than
    the settings allow. Raises SandboxUnavailable.
    """
    return Capped(_opened(settings), most(settings))


def _opened(settings: SandboxSettings) -> Sandbox:
    if settings.backing == "process":
        return _process()
    if settings.backing == "container":
        return _container(settings)
    try:
        return _container(settings)
    except SandboxUnavailable as no_container:
        try:
            return _process()
        except SandboxUnavailable as no_process:
            raise SandboxUnavailable(f"commands cannot be run safely here: {no_container}; {no_process}") from None


def most(settings: SandboxSettings) -> Limits:
    """What no call may go beyond, whatever a task asks for: `Limits.within` takes it."""
    return Limits(
        memory_bytes=settings.memory_mb * MIB,
        cpus=settings.cpus,
        pids=settings.pids,
        disk_bytes=settings.disk_mb * MIB,
        seconds=settings.seconds,
        output_bytes=settings.output_kb * 1024,
        network=settings.network,
    )


def _process() -> Sandbox:
    from opswright.sandboxes.process.sandbox import ProcessSandbox

    return ProcessSandbox()


def _container(settings: SandboxSettings) -> Sandbox:
    from opswright.sandboxes.container.opening import open_container

    return open_container(settings)

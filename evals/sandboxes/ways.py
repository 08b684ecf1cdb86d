"""The ways in which one program can be run, each opened once and then timed call by call."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.ports import MIB, Command, Limits, Sandbox
from opswright.settings.shape import SandboxSettings

BARE, PROCESS, ENGINE = "bare process", "process sandbox", "docker run"
WARM, PLAIN, COLD = "container, ready", "container, ready, no groups", "container, started for it"
NEXT = "container, right after another call"  # the next container may not be ready yet
ALL = (BARE, PROCESS, WARM, PLAIN, NEXT, COLD, ENGINE)
LIMITS = Limits(memory_bytes=256 * MIB, disk_bytes=64 * MIB, seconds=60.0)
_TRUE = Command(["true"])


@dataclass
class Ways:
    """Every way that works here: by name, the call, and what is done before it but not timed. `settling`: ends what
    goes on behind earlier calls, of whichever way. `without`: why the others do not work.
    """

    calls: dict[str, Callable[[], None]] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    settling: list[Callable[[], None]] = field(default_factory=list)
    without: dict[str, str] = field(default_factory=dict)

    def timed(self, name: str) -> float:
        """Seconds of one call."""
        for settle in self.settling:
            settle()
        self.before.get(name, lambda: None)()
        began = time.perf_counter()
        self.calls[name]()
        return time.perf_counter() - began


@contextlib.contextmanager
def opened(settings: SandboxSettings) -> Iterator[Ways]:
    """All sandboxes that can be opened, closed in the end."""
    with contextlib.ExitStack() as stack:
        ways = Ways()
        program = shutil.which("true") or "true"
        ways.calls[BARE] = lambda: _ended_well(subprocess.run([program], check=False).returncode)
        _process(ways, stack)
        _containers(ways, stack, settings)
        yield ways


def _process(ways: Ways, stack: contextlib.ExitStack) -> None:
    from opswright.sandboxes.process.sandbox import ProcessSandbox

    try:
        sandbox = stack.enter_context(contextlib.closing(ProcessSandbox()))
    except SandboxUnavailable as error:
        ways.without[PROCESS] = str(error)
        return
    ways.calls[PROCESS] = _calling(sandbox, LIMITS)


def _containers(ways: Ways, stack: contextlib.ExitStack, settings: SandboxSettings) -> None:
    from opswright.sandboxes.container.opening import open_container

    try:
        grouped = stack.enter_context(contextlib.closing(open_container(settings)))
        plain = stack.enter_context(contextlib.closing(open_container(settings, grouped=False)))
        started = stack.enter_context(contextlib.closing(open_container(settings)))
    except SandboxUnavailable as error:
        ways.without.update(dict.fromkeys((WARM, PLAIN, NEXT, COLD, ENGINE), str(error)))
        return
    for name, sandbox in ((WARM, grouped), (PLAIN, plain), (NEXT, grouped)):
        ways.calls[name] = _calling(sandbox, LIMITS)
    ways.before[NEXT] = ways.calls[WARM]
    numbers = iter(range(1, 1 << 30))  # no container that was started ahead fits: each has another size of disk
    ways.calls[COLD] = lambda: _calling(started, replace(LIMITS, disk_bytes=LIMITS.disk_bytes + 4096 * next(numbers)))()
    ways.settling += [grouped.settle, plain.settle, started.settle]
    _engine(ways, grouped.image)


def _engine(ways: Ways, image: str) -> None:
    client = shutil.which("docker")
    if client is None:
        ways.without[ENGINE] = "the program docker is not installed"
        return
    command = [
        client,
        "run",
        "--rm",
        "--network=none",
        "--read-only",
        "--memory=256m",
        "--pids-limit=64",
        image,
        "true",
    ]
    ways.calls[ENGINE] = lambda: _ended_well(subprocess.run(command, check=False).returncode)


def _calling(sandbox: Sandbox, limits: Limits) -> Callable[[], None]:
    return lambda: _ended_well(sandbox.run(_TRUE, limits).exit_code)


def _ended_well(code: int) -> None:
    if code != 0:
        raise SandboxUnavailable(f"`true` ended with {code}")


def names(without: Mapping[str, str]) -> tuple[str, ...]:
    """Those that work here, in the order of the tables."""
    return tuple(name for name in ALL if name not in without)

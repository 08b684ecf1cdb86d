"""A real dask scheduler with real workers on loopback, for the length of a test."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import wait_for

CHECKOUT = Path(__file__).parents[2]


@dataclass
class Cluster:
    """Its processes and where it listens."""

    at: Path
    environment: Mapping[str, str]
    scheme: str = "tcp"
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """What the scheduler writes down for its workers."""
        return self.at / "scheduler.json"

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(json.loads(self.file.read_text())["address"])

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """One more process of dask's."""
        log = (self.at / "log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, **self.environment, "PYTHONPATH": str(CHECKOUT)},
            cwd=self.at,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.processes.append(process)
        return process

    def scheduler(self) -> "subprocess.Popen[bytes]":
        """The scheduler; returns when it listens."""
        place = ["--host", f"{self.scheme}://127.0.0.1", "--port", "0", "--no-dashboard"]
        process = self.start("distributed.cli.dask_scheduler", *place, "--scheduler-file", str(self.file))
        wait_for(lambda: self._written() or process.poll() is not None, f"the scheduler ({self.at / 'log'})")
        assert process.poll() is None, (self.at / "log").read_text()
        return process

    def worker(self) -> "subprocess.Popen[bytes]":
        """One more worker with one thread and no nanny that would start it again."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.at)]
        return self.start(
            "distributed.cli.dask_worker",
            *options,
            "--host",
            f"{self.scheme}://127.0.0.1",
            "--scheduler-file",
            str(self.file),
        )

    def registered(self) -> int:
        """How many workers have found the scheduler so far."""
        return (self.at / "log").read_text().count("Registered to:")

    def _written(self) -> bool:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return bool(self.address)
        return False

    def stop(self) -> None:
        """Ends all of it."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def cluster(at: Path, workers: int, scheme: str = "tcp", **environment: str) -> Iterator[Cluster]:
    """A scheduler and so many workers."""
    at.mkdir(exist_ok=True)
    found = Cluster(at, environment, scheme)
    try:
        found.scheduler()
        for _ in range(workers):
            found.worker()
        wait_for(lambda: found.registered() >= workers, f"the workers ({at / 'log'})")
        yield found
    finally:
        found.stop()

"""Cases in several processes of this machine. One that dies takes no other case with it; its own is tried again."""

import contextlib
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from opswright.evals.fanout.one import Load, Outcome, failed, portable, run_one
from opswright.evals.suites import Case

TRIES = 3  # of a case whose process dies
GRACE_S = 10.0  # for a case to clean up after it was stopped


@contextlib.contextmanager
def outcomes(load: Load, cases: Sequence[Case], jobs: int) -> Iterator[Iterator[Outcome]]:
    """Rows as cases end, in whatever order. Whoever leaves the block early stops what still runs.

    Raises what a case raised, other than failures of its environment.
    """
    pool = _Pool(load)
    try:
        yield pool.outcomes(cases, jobs)
    finally:
        pool.stop()


@dataclass
class _Worker:
    process: SpawnProcess
    connection: "Connection[Any, Any]"
    case: Case


class _Pool:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._workers: list[_Worker] = []

    def outcomes(self, cases: Sequence[Case], jobs: int) -> Iterator[Outcome]:
        todo, deaths = deque(cases), Counter[str]()
        while todo or self._workers:
            while todo and len(self._workers) < jobs:
                self._start(todo.popleft())
            ready = wait([worker.connection for worker in self._workers])
            for worker in [worker for worker in self._workers if worker.connection in ready]:
                case = worker.case
                outcome = self._outcome(worker)
                if outcome is not None:
                    self._go_on(worker, todo)
                    yield outcome
                    continue
                code = self._bury(worker)
                deaths[case.id] += 1
                if deaths[case.id] < TRIES:
                    todo.append(case)  # last, so that a case that kills its process holds nobody up
                else:
                    yield case.id, failed("WorkerDied", f"its process ended {TRIES} times, with {_ending(code)}")

    def _start(self, case: Case) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._load, theirs))
        worker = _Worker(process, ours, case)
        self._workers.append(worker)
        process.start()
        theirs.close()  # so that its end is noticed here
        _send(worker, case)

    def _go_on(self, worker: _Worker, todo: "deque[Case]") -> None:
        if todo:
            worker.case = todo.popleft()
            _send(worker, worker.case)
        else:
            self._bury(worker)

    def _outcome(self, worker: _Worker) -> Outcome | None:
        """A row; None when the process has died."""
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(said, Exception):
            raise said
        id, row = said
        return id, row

    def _bury(self, worker: _Worker) -> int | None:
        self._workers.remove(worker)
        worker.connection.close()  # an idle process ends when nobody is there to send it anything
        worker.process.join()
        return worker.process.exitcode

    def stop(self) -> None:
        """Ends every process: a case in the middle may clean up, and is killed when it takes too long."""
        for worker in self._workers:
            worker.connection.close()
            if worker.process.pid is not None:
                worker.process.terminate()
        for worker in self._workers:
            if worker.process.pid is not None:
                worker.process.join(GRACE_S)
                worker.process.kill()
                worker.process.join()
        self._workers.clear()


def _send(worker: _Worker, case: Case) -> None:
    with contextlib.suppress(OSError):  # it has died: reading from it says so
        worker.connection.send(case)


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _serve(load: Load, connection: "Connection[Any, Any]") -> None:
    """A worker process: one case after the other until nobody sends any more."""
    # Ctrl-C reaches every process of a terminal; the one that asked decides, and stops us with SIGTERM. A handler and
    # not SIG_IGN, which whatever a case starts would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):
        part = None
        while True:
            case = connection.recv()
            try:
                part = part or load()
                said: Any = run_one(part, case)
            except Exception as error:  # noqa: BLE001 - it is raised again in the process that asked
                said = portable(error)
            connection.send(said)


def _end_with_parent() -> None:
    """Whoever asked may be killed in the middle of our case: nobody would ever stop us."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _stop(*_: object) -> None:
    """Once: what a case does to clean up is not interrupted again."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt

"""Cases on the workers of a dask cluster that somebody else runs; TLS beyond this machine, and no server of ours."""

import contextlib
import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from opswright.errors import EnvironmentFailed
from opswright.evals.fanout.one import Load, Outcome, failed, run_one
from opswright.evals.suites import Case
from opswright.nouns import Json
from opswright.sandboxes.cluster import check_address, connect

CONNECT_S = 15.0
LOOK_S = 2.0  # how often it is looked whether there still are workers
GONE_S = 60.0  # how long there may be none, so that one which died can be started again
AHEAD = 2  # cases handed out for each thread of a worker
OPTION = "--workers"
_alone = threading.Lock()  # in a worker: cases measure time and set signals, so they run one after the other


@contextlib.contextmanager
def outcomes(
    load: Load,
    cases: Sequence[Case],
    address: str,
    fingerprint: Callable[[], Mapping[str, Json]],
    gone_s: float = GONE_S,
) -> Iterator[Iterator[Outcome]]:
    """Rows as cases end, in whatever order. A case whose worker dies runs again on another one.

    `fingerprint` is computed on every worker and must say the same as here: other code or data would give other rows.
    Raises EnvironmentFailed when the scheduler does not answer, has no workers or goes away; what a case raised.
    """
    client = connect(check_address(address, OPTION), CONNECT_S, OPTION)
    fan = _Fan(client, pickle.dumps((load, fingerprint)), fingerprint(), gone_s)
    try:
        with _plain_errors(address):
            fan.check_workers()
            yield fan.outcomes(cases)
    finally:
        fan.stop()


@contextlib.contextmanager
def _plain_errors(address: str) -> Iterator[None]:
    from concurrent.futures import CancelledError

    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CancelledError, CommClosedError, OSError, TimeoutError) as error:
        raise EnvironmentFailed(f"the dask scheduler at {address} went away ({type(error).__name__})") from error


class _Fan:
    def __init__(self, client: Any, work: bytes, expected: Mapping[str, Json], gone_s: float) -> None:
        self._client, self._work, self._expected, self._gone_s = client, work, dict(expected), gone_s
        self._pending: dict[Any, Case] = {}
        self._run = uuid.uuid4().hex[:12]

    def check_workers(self) -> None:
        """Raises EnvironmentFailed where there is no worker, or one that would give other rows."""
        with contextlib.suppress(TimeoutError):
            self._client.wait_for_workers(1, timeout=CONNECT_S)
        said = self._client.run(_fingerprint, self._work, on_error="return")
        if not said:
            raise EnvironmentFailed("the dask scheduler has no workers")
        for worker, found in sorted(said.items()):
            if isinstance(found, BaseException):
                raise EnvironmentFailed(f"worker {worker} cannot run the suite: {type(found).__name__}: {found}")
            if found != self._expected:
                raise EnvironmentFailed(
                    f"worker {worker} has another {_differing(found, self._expected)} than this machine"
                )

    def outcomes(self, cases: Sequence[Case]) -> Iterator[Outcome]:
        todo, seen = deque(cases), time.monotonic()
        while todo or self._pending:
            threads = sum(self._client.nthreads().values())
            seen = time.monotonic() if threads else seen
            if time.monotonic() - seen > self._gone_s:
                raise EnvironmentFailed(f"the dask scheduler has had no workers for {self._gone_s:g} seconds")
            while todo and len(self._pending) < AHEAD * max(threads, 1):
                self._submit(todo.popleft())
            for future in self._ended():
                outcome = self._outcome(future, self._pending[future])
                if outcome is not None:
                    del self._pending[future]
                    yield outcome

    def _submit(self, case: Case) -> None:
        key = f"opswright-eval-{self._run}-{case.id}"
        self._pending[self._client.submit(_run, self._work, self._expected, case, key=key, pure=False)] = case

    def _ended(self) -> Sequence[Any]:
        import distributed

        wait: Any = distributed.wait
        with contextlib.suppress(TimeoutError):
            wait(list(self._pending), timeout=LOOK_S, return_when="FIRST_COMPLETED")
        return [future for future in self._pending if future.done()]

    def _outcome(self, future: Any, case: Case) -> Outcome | None:
        """A row; None when its worker died with it, and it is measured again."""
        from distributed import KilledWorker

        try:
            outcome: Outcome = future.result(timeout=LOOK_S)
            return outcome
        except TimeoutError:
            return None
        except KilledWorker:
            return case.id, failed("WorkerDied", "every worker that ran it died")

    def stop(self) -> None:
        """Takes back what nobody waits for any more; a case that runs on a worker runs to its end."""
        with contextlib.suppress(Exception):  # the scheduler may be gone, and we are leaving anyway
            if self._pending:
                self._client.cancel(list(self._pending))
        self._pending.clear()
        with contextlib.suppress(Exception):
            self._client.close(timeout=LOOK_S)


def _differing(found: Mapping[str, Json], expected: Mapping[str, Json]) -> str:
    return ", ".join(name for name in expected if found.get(name) != expected[name]) or "set of digests"


# What follows runs on a worker.


@lru_cache(maxsize=4)
def _opened(work: bytes) -> tuple[Any, dict[str, Json]]:
    """The part and the fingerprint of this machine, once a process."""
    load, fingerprint = pickle.loads(work)
    return load(), dict(fingerprint())


def _fingerprint(work: bytes) -> dict[str, Json]:
    return dict(pickle.loads(work)[1]())


def _run(work: bytes, expected: Mapping[str, Json], case: Case) -> Outcome:
    with _alone:
        part, found = _opened(work)
        if found != dict(expected):  # a worker that joined after the others were asked
            return case.id, failed("EnvironmentFailed", f"its worker has another {_differing(found, expected)}")
        return run_one(part, case)

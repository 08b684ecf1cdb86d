"""A process sandbox that runs as nobody, for a test run that is root: a forked process serves it over a socket."""

import os
import signal
import threading
import traceback
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import NoReturn

from opswright.errors import OpswrightError
from opswright.sandboxes.commands import NOBODY
from opswright.sandboxes.ports import DEFAULT_LIMITS, Command, Completed, Halted, Limits, OnMemory, never
from opswright.sandboxes.process.sandbox import ProcessSandbox


class AsNobody:
    """A Sandbox whose calls another process makes, which gave up root for good. `folder`: where the socket goes."""

    name = "process"
    freezes = False

    def __init__(self, folder: Path) -> None:
        ProcessSandbox(grouped=False)  # loads all that it takes: nobody may not be able to read the libraries
        self._address = str(folder / "socket")
        self._listening = Listener(self._address, "AF_UNIX", backlog=64)
        self._pid = os.fork()
        if self._pid == 0:
            _serve(self._listening)

    def run(
        self,
        command: Command,
        limits: Limits = DEFAULT_LIMITS,
        on_memory: OnMemory | None = None,
        halted: Halted = never,
    ) -> Completed:
        with Client(self._address, "AF_UNIX") as connection:
            connection.send((command, limits))
            while not connection.poll(0.05):
                if halted():
                    connection.send("stop")
                    break
            answer = connection.recv()
        if isinstance(answer, Completed):
            return answer
        assert isinstance(answer, BaseException)
        raise answer

    def close(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._listening.close()
            self._pid = 0


def become_nobody() -> None:
    """Gives up root for good."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _serve(listening: Listener) -> NoReturn:
    try:
        become_nobody()
        sandbox = ProcessSandbox()
        while True:
            threading.Thread(target=_answer, args=(sandbox, listening.accept()), daemon=True).start()
    finally:
        traceback.print_exc()
        os._exit(1)  # never back into the test run


def _answer(sandbox: ProcessSandbox, connection: "Connection[object, tuple[Command, Limits]]") -> None:
    with connection:
        try:
            connection.send(sandbox.run(*connection.recv(), halted=connection.poll))
        except (OpswrightError, KeyboardInterrupt) as error:
            connection.send(error)

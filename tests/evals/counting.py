"""A part of a suite for the runner's tests, and a program that runs it and may be killed in the middle."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import ToolFailed
from opswright.evals.results import ResultFile
from opswright.evals.runner import run_part
from opswright.evals.suites import Case, Summary
from opswright.nouns import Json


@dataclass(frozen=True)
class Counting:
    """Ten cases, each leaving a line in `log`; case `kill_at` kills the process it runs in, once."""

    log: Path
    kill_at: int = -1
    fail_at: int = -1
    name: str = "counting"

    def cases(self) -> Sequence[Case]:
        """Numbers."""
        return [Case(f"n{at}", {"at": at}) for at in range(10)]

    def run(self, case: Case) -> Json:
        """The square."""
        at = case.data["at"]
        if at == self.kill_at and str(at) not in self.log.read_text().split():
            self.log.write_text(self.log.read_text() + f"{at} ")
            os.kill(os.getpid(), signal.SIGKILL)
        if at == self.fail_at:
            raise ToolFailed("no square today")
        with self.log.open("a") as log:
            log.write(f"{at} ")
        return {"square": at * at}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """The rows as they are."""
        return Summary(self.name, (), (), dict(rows))


HEADER = {"suite": "counting", "seed": 1}


def main(folder: Path, kill_at: int) -> None:
    """Runs the part over a result file in `folder`."""
    results = ResultFile(folder / "rows.jsonl", HEADER)
    results.open()
    run_part(Counting(folder / "log", kill_at), results, jobs=1, limit=None, progress=lambda *_: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

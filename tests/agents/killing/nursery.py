"""One real process for each run, without the imports each time: `python -m tests.agents.killing.nursery`.

Reads one JSON order a line from stdin and forks: the child starts or resumes a run, writes how it ended to a file, and
may be killed (-9) at the order's point. The parent answers with the child's wait status. No thread runs before a fork.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from opswright.agents.checkpoints import open_checkpoints
from opswright.agents.runs import resume, start
from opswright.agents.wiring import Choices, Doors
from opswright.knowledge.journal import Journal
from opswright.nouns import Json, Task
from opswright.settings import ApprovalRules, ApprovalSettings, CheckpointSettings, Settings
from tests.agents.killing.points import VARIABLE, point

HERE = Path(__file__).parent
DSN = "OPSWRIGHT_TEST_NURSERY_DSN"


class DyingJournal(Journal):
    """Dies before or after a record, by its number."""

    records = 0

    def _insert(self, kind: str, payload: Json, run: str, task: str, key: str | None) -> tuple[int, bool]:
        type(self).records += 1
        number = type(self).records
        point(f"record:{number}:before")
        done = super()._insert(kind, payload, run, task, key)
        point(f"record:{number}:after")
        return done


class DyingSaver(BaseCheckpointSaver[str]):
    """Dies before or after a checkpoint, by its number."""

    checkpoints = 0

    def __init__(self, inner: "BaseCheckpointSaver[str]") -> None:
        super().__init__(serde=inner.serde)
        self._inner = inner

    def put(self, *arguments: Any) -> Any:
        type(self).checkpoints += 1
        number = type(self).checkpoints
        point(f"checkpoint:{number}:before")
        done = self._inner.put(*arguments)
        point(f"checkpoint:{number}:after")
        return done

    def put_writes(self, config: Any, writes: Sequence[Any], task_id: str, task_path: str = "") -> None:
        self._inner.put_writes(config, writes, task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        self._inner.delete_thread(thread_id)

    def get_tuple(self, config: Any) -> Any:
        return self._inner.get_tuple(config)

    def list(self, config: Any, **values: Any) -> Any:
        return self._inner.list(config, **values)

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self._inner.get_next_version(current, channel)


@contextmanager
def dying_checkpoints(settings: Settings) -> "Iterator[BaseCheckpointSaver[str]]":
    """The configured saver, wrapped."""
    with open_checkpoints(settings) as saver:
        yield DyingSaver(saver)


def settings_in(folder: Path, postgres: str) -> Settings:
    """Everything in one folder, and every action of the test allowed."""
    allowed = ApprovalRules(reversible="allow", disruptive="allow", irreversible="allow")
    os.environ[DSN] = postgres
    return Settings(
        checkpoints=CheckpointSettings(backend="postgres" if postgres else "sqlite", dsn_env=DSN),
        state_dir=folder / "state",
        cache_dir=folder / "cache",
        config_dir=folder / "config",
        approvals=ApprovalSettings(environments={"local": allowed}),
    )


def work(order: dict[str, Any]) -> None:
    """One run in this process."""
    settings = settings_in(Path(order["folder"]), order["postgres"])
    doors = Doors(
        specialists=[HERE / "specialists"],
        effects=HERE / "effects",
        checkpoints=dying_checkpoints,
        journal=DyingJournal,
    )
    if order["do"] == "start":
        result = start(Task("t1", "press", "press it", order["inputs"]), settings, Choices(), doors)
    else:
        result = resume(order["run"], settings, Choices(), doors)
    counts = {"records": DyingJournal.records, "checkpoints": DyingSaver.checkpoints}
    told = {"run": result.run_id, "status": result.status, "exit_code": result.exit_code, "receipts": result.receipts}
    Path(order["told"]).write_text(json.dumps({**told, **counts, "waiting": (result.result or {}).get("waiting")}))


def main() -> None:
    """Serves orders until stdin ends."""
    for name in ("langgraph.graph", "langgraph.types", "langgraph.checkpoint.sqlite", "opswright.tools.files.write"):
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ[VARIABLE] = order.get("kill", "")
            code = 99  # an error: its traceback goes to stderr
            try:
                work(order)
                code = 0
            finally:
                if code:
                    traceback.print_exc()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()

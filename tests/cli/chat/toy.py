"""A toy specialist, copied into a plug-in folder of the test under the folder's name. What it does is in the request:

`write FILE` adopts a change, `try FILE` makes one in its trial, `wait` blocks on an event that nobody sets, `patiently`
waits for the person to stop it, `reject` is rejected. `blocks` is in a library's call that no signal ends, and can be
called off; `deaf` in one that cannot.
"""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opswright.agents.ports import Context, Specialist, accepted, rejected
from opswright.nouns import Observation, Proposal
from opswright.tools.files import write

NAME = Path(__file__).parent.name


def build(context: Context) -> Specialist:
    """The specialist."""
    ports: Any = Toy(context)
    return Specialist(NAME, "1", ports, ports, ports, ports, ports, ports)


def inputs(goal: str, files: Sequence[Any]) -> dict[str, Any]:
    """What the request says, and the names of its files."""
    return {"goal": goal, "files": [file.name for file in files]}


def _path_after(word: str, task: Any) -> Path | None:
    words = str(task.inputs["goal"]).split()
    return Path(words[words.index(word) + 1].strip(".,")) if word in words else None


def _block(context: Context | None) -> None:
    base = sqlite3.connect(":memory:", check_same_thread=False)
    unregister = context.on_halt(base.interrupt) if context else lambda: None
    try:
        base.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n").fetchone()
    finally:
        unregister()


class Toy:
    """All ports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ask(self, task: Any, history: Any, tier: Any) -> Proposal | None:
        said = {"by": NAME, "files": task.inputs["files"], "earlier": task.inputs.get("earlier", [])}
        return None if history else Proposal(tier, said)

    def precheck(self, task: Any, proposal: Any) -> Any:
        return accepted("fine")

    def trial_actions(self, task: Any, proposal: Any) -> Sequence[Any]:
        path = _path_after("try", task)
        return () if path is None else (write.action(path.absolute(), "tried\n"),)

    def trial(self, task: Any, proposal: Any, performer: Any, permits: Mapping[str, Any]) -> Observation:
        for action in self.trial_actions(task, proposal):
            performer.perform(action, permits[action.hash])
        goal = str(task.inputs["goal"])
        self._context.say(f"{NAME} is at it")
        words = {word.strip(".,") for word in goal.split()}
        if "wait" in words:
            threading.Event().wait()
        while "patiently" in words and not self._context.halted(60.0):
            pass
        if words & {"blocks", "deaf"}:
            _block(self._context if "blocks" in words else None)
        return Observation(proposal.id, {})

    def judge(self, task: Any, history: Any) -> Any:
        return rejected(f"{NAME} says no") if "reject" in task.inputs["goal"] else accepted(f"{NAME} is done")

    def adoption(self, task: Any, proposal: Any) -> Sequence[Any]:
        path = _path_after("write", task)
        return () if path is None else (write.action(path.absolute(), "written\n"),)

    def result(self, task: Any, history: Any, verdict: Any) -> Any:
        content = history[-1].proposal.content if history else {}
        earlier = len(content.get("earlier", []))
        said = f"{NAME} had files {content.get('files')} and {earlier} earlier results"
        return {"by": NAME, "summary": said}

    def verify(self, task: Any, proposal: Any) -> Any:
        return accepted("there")

    def reflect(self, task: Any, history: Any, verdict: Any) -> Sequence[Any]:
        return ()

    def replay(self, task: Any, result: Any, evidence: Any) -> Any:
        return accepted("again")

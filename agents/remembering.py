"""The memory a specialist sees in one task, which notes what it handed out so that uses can be counted afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

from opswright.agents.episode import Episode
from opswright.agents.ports import Lesson
from opswright.knowledge.reflections import Evidence, Reflection, Reflections
from opswright.nouns import Outcome, Task, Verdict

RECALLED = "recalled"


@dataclass(frozen=True)
class TaskMemory:
    """Implements the Memory port over the reflections, for one task of one run."""

    store: Reflections
    episode: Episode

    def recall(self, specialist: str, scope: str, query: str, limit: int = 5) -> Sequence[Reflection]:
        """Active lessons of a scope, most useful first."""
        found = self.store.recall(specialist, scope, query, limit)
        for one in found:
            self.episode.write(f"{RECALLED}/{one.id}", {"id": one.id})
        return found

    def recalled(self) -> Sequence[str]:
        """Ids of all that was handed out in this task, by earlier processes of the run too."""
        records = self.episode.journal.read_below(RECALLED, self.episode.run, self.episode.task_id)
        return [record.payload["id"] for record in records]

    def learn(self, task: Task, lessons: Sequence[Lesson], verdict: Verdict, receipt: str) -> None:
        """Stores the lessons of a judged episode and whether the lessons that it was given helped."""
        evidence = Evidence(run=self.episode.run, receipt=receipt)
        self.store.learn(task.specialist, lessons, verdict, evidence, task.id)
        if verdict.outcome is not Outcome.UNDECIDED:
            self.store.used(self.recalled(), verdict.accepted, self.episode.run, task.id)

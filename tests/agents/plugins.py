"""Writes a minimal specialist as a folder of its own: nothing of the program knows of it."""

from pathlib import Path

MANIFEST = """
name = "{name}"
summary = "Does {name}."
specialist = ".specialist:build"
[routing]
keywords = ["{name}", "{name} it"]
inputs = ".specialist:inputs"
[risk]
"files.write" = "reversible"
"""

SPECIALIST = '''
"""Proposes what the task says, and accepts what is not bad."""
import json
from pathlib import Path
from opswright import errors
from opswright.agents.ports import Specialist, accepted, rejected, undecided
from opswright.nouns import Observation, Proposal
from opswright.tools.files import write

NAME = {name!r}


def build(context):
    ports = Ports()
    return Specialist(NAME, "1", ports, ports, ports, ports, ports, ports)


def inputs(goal, files):
    return {{"goal": goal, "files": [file.name for file in files]}}


class Ports:
    def ask(self, task, history, tier):
        if task.inputs.get("raises"):
            raise getattr(errors, task.inputs["raises"])("it went wrong")
        return None if history else Proposal(tier, {{"by": NAME, "inputs": json.loads(json.dumps(dict(task.inputs)))}})

    def precheck(self, task, proposal):
        return accepted("fine")

    def trial_actions(self, task, proposal):
        return ()

    def trial(self, task, proposal, performer, permits):
        return Observation(proposal.id, {{}})

    def judge(self, task, history):
        verdicts = {{"bad": rejected("it is bad"), "unclear": undecided("it is unclear")}}
        return verdicts.get(task.inputs.get("is"), accepted(NAME + " is done"))

    def adoption(self, task, proposal):
        writes = task.inputs.get("writes")
        return [write.action(Path(writes), "written")] if writes else []

    def result(self, task, history, verdict):
        return {{"by": NAME, "proposal": history[-1].proposal.content if history else None}}

    def verify(self, task, proposal):
        return accepted("there")

    def reflect(self, task, history, verdict):
        return ()

    def replay(self, task, result, evidence):
        return accepted("again")
'''


def make_specialist(root: Path, name: str) -> Path:
    """Makes the folder under `root` and returns `root`."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "agent.toml").write_text(MANIFEST.format(name=name))
    (folder / "specialist.py").write_text(SPECIALIST.format(name=name))
    return root

"""A real gateway over a scripted server, tool files in a folder, and a task's journal: what a conversation needs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from opswright.agents.dialogue.conversation import Bounds, Ended, Topic, Use, converse
from opswright.agents.dialogue.toolfiles import DeclaredTools
from opswright.agents.effects import Effects
from opswright.agents.episode import Episode
from opswright.agents.manifests import Manifest
from opswright.agents.ports import Context
from opswright.agents.remembering import TaskMemory
from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import Reflections
from opswright.nouns import Json, Tier
from tests.tools.models.conftest import Bench
from tests.tools.models.server import Step, completion

SCALE = '''"""Weighs a fruit
by its name.

What stands here is for people."""

from pydantic import BaseModel, ConfigDict
from opswright.nouns import Risk

RISK = Risk.READ


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")
    fruit: str


def run(arguments, on):
    return on(arguments.fruit)
'''
EATER = '''"""Eats a fruit."""

from pydantic import BaseModel
from opswright.nouns import Risk

RISK = Risk.IRREVERSIBLE


class Arguments(BaseModel):
    fruit: str


def run(arguments, on):
    raise AssertionError("it was eaten")
'''


class Verdict(BaseModel):
    """The answer's shape."""

    model_config = ConfigDict(extra="forbid")

    heavy: bool


def calls(*made: tuple[str, Mapping[str, Json]]) -> Step:
    """A reply that calls tools."""
    return completion(None, [(name, json.dumps(arguments)) for name, arguments in made], finish="tool_calls")


def weigh(fruit: str) -> Step:
    """A reply that weighs."""
    return calls(("fruit_scale", {"fruit": fruit}))


def answer(heavy: bool = True) -> Step:
    """A reply that ends it."""
    return calls(("answer", {"heavy": heavy}))


@dataclass
class Talk:
    """One task's conversation. `on` is what the scale weighs with."""

    bench: Bench
    folder: Path
    on: Callable[[str], Json] = lambda fruit: {"grams": len(fruit)}
    declared: tuple[str, ...] = ("fruit",)
    traced: list[tuple[str, Mapping[str, Json]]] = field(default_factory=list)
    halted: Callable[[float], bool] = lambda seconds: False
    inputs: Mapping[str, Json] = field(default_factory=lambda: {"count": 1, "basket": "a pear"})

    def __post_init__(self) -> None:
        self.tool("scale", SCALE)
        self.tool("eater", EATER)

    def tool(self, name: str, source: str) -> None:
        """Writes a tool file."""
        (self.folder / "tools" / "fruit").mkdir(parents=True, exist_ok=True)
        (self.folder / "tools" / "fruit" / f"{name}.py").write_text(source)

    @property
    def context(self) -> Context:
        """What a specialist would be built with; the journal is opened anew each time, as by another process."""
        journal = Journal(self.folder / "journal.sqlite3")
        episode = Episode(journal, "r1", "t1")
        manifest = Manifest("fruit", "Fruit.", ".x:y", self.folder, "", tools=self.declared)
        return Context(
            models=self.bench.gateway,
            memory=TaskMemory(Reflections(journal), episode),
            tools=DeclaredTools(manifest, Effects(self.folder / "tools")),
            note=episode.note,
            halted=self.halted,
            trace=lambda kind, payload: self.traced.append((kind, payload)),
        )

    def hold(self, *uses: str, bounds: Bounds | None = None, **topic: Any) -> Ended[Verdict]:
        """The conversation, with the scale unless other tools are named."""
        tools = [Use(name, self.on) for name in uses or ("fruit.scale",)]
        return converse(
            self.context, Tier.LOW, Topic("test/fruit", self.inputs, Verdict, **topic), tools, bounds or Bounds()
        )

    def results(self, request: int) -> list[str]:
        """The tools' results in the n-th request that arrived."""
        messages = self.bench.server.requests[request]["messages"]
        return [message["content"] for message in messages if message["role"] == "tool"]

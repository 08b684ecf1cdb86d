"""One bounded conversation: a model calls tools, sees what they gave, and ends with an answer in a shape.

What a tool gives goes back fenced and labelled as data, cut to a length. A tool that fails, an unknown tool and
arguments that do not fit are told to the model. Budgets are the gateway's, and hard: a spent one ends the conversation.

A model's replies are noted in the journal under a digest of all that led to them. When the process is killed and the
task goes on, the conversation is walked again: the tools, which only read, are run once more, and as long as they give
the same, no reply is paid for twice. Where the world has changed in between, the model is asked anew from there on.
Only a kill between a reply and its note costs that one call, unless the gateway's cache has it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from opswright.agents.dialogue.toolfiles import ToolFile, read_tool
from opswright.agents.ports import Context
from opswright.errors import ConfigError, InputError, ModelRetry, ToolFailed
from opswright.nouns import Json, Tier, digest
from opswright.tools.models.prompts import fenced
from opswright.tools.models.structured import ANSWER_TOOL, read
from opswright.tools.models.talk import Answer, RawCall
from opswright.tools.models.toolcalls import Reply, Tool, ToolCall, definition, read_reply, result_turn

Shape = TypeVar("Shape")
ANSWER = f"Gives your final answer and ends the conversation. Call {ANSWER_TOOL} alone, once you know enough."
NO_CALLS = "No calls are left; give your answer."
PROPOSED = "Noted as a proposal. Nothing was done, and nothing will be before it was checked and approved."


@dataclass(frozen=True)
class Bounds:
    """How long a conversation may get. `rounds`: replies of the model, the answer among them; `calls`: of tools;
    `result_chars`: of one tool's result; `total_chars`: of all results together.
    """

    rounds: int = 8
    calls: int = 16
    result_chars: int = 8_000
    total_chars: int = 48_000


@dataclass(frozen=True)
class Use:
    """A tool file by name, and what it acts on (an environment, a sandbox, or nothing)."""

    name: str
    on: Any = None


@dataclass(frozen=True)
class Proposed:
    """What the model would have done: the tool file, and its arguments in its own shape. Nothing was done."""

    tool: str
    arguments: Any


@dataclass(frozen=True)
class Ended(Generic[Shape]):
    """How a conversation ended."""

    answer: Shape
    proposed: tuple[Proposed, ...]
    rounds: int
    calls: int


@dataclass(frozen=True)
class Topic(Generic[Shape]):
    """What a conversation is about: the prompt with its inputs, and the answer's shape and validator.

    The inputs must say what is different from an earlier conversation of the task (its history): equal ones are one
    conversation, whose replies are there already.
    """

    prompt_id: str
    inputs: Mapping[str, Json]
    shape: type[Shape]
    validator: Callable[[Shape], None] | None = None


def converse(
    context: Context, tier: Tier, topic: Topic[Shape], tools: Sequence[Use], bounds: Bounds = Bounds()
) -> Ended[Shape]:
    """Lets a model use tools until it answers.

    Raises ModelRetry when it gives no answer that holds within the bounds, ConfigError for a tool that cannot be
    offered, what the gateway and the tools' environments raise (BudgetSpent, EndpointFailed, EnvironmentFailed), and
    KeyboardInterrupt once a person has stopped the work.
    """
    offered = {}
    for use in tools:
        tool = read_tool(context.tools.find(use.name), use.name)
        offered[tool.offer.name] = (tool, use.on)
    if len(offered) < len(tools):
        raise ConfigError("a tool is offered twice", f"prompt {topic.prompt_id}")
    return _Conversation(context, tier, topic, offered, bounds).held()


@dataclass
class _Conversation(Generic[Shape]):
    context: Context
    tier: Tier
    topic: Topic[Shape]
    offered: Mapping[str, tuple[ToolFile, Any]]
    bounds: Bounds
    turns: list[Mapping[str, Json]] = field(default_factory=list)
    proposed: list[Proposed] = field(default_factory=list)
    calls: int = 0
    chars: int = 0

    def held(self) -> Ended[Shape]:
        """Round after round until the answer."""
        problem = "it never gave one"
        for round in range(1, self.bounds.rounds + 1):
            if self.context.halted(0.0):
                raise KeyboardInterrupt("the turn was stopped")
            reply = self._reply()
            self.turns.append(reply.turn())
            try:
                answer = self._answer(reply)
            except ModelRetry as error:
                problem = str(error)
                self._tell(reply, problem)
            else:
                if answer is not None:
                    return Ended(answer, tuple(self.proposed), round, self.calls)
                self._run(reply.calls, round)
            if round == self.bounds.rounds - 1:
                self.turns.append({"role": "user", "content": f"Now give your answer: call {ANSWER_TOOL}."})
        raise ModelRetry(f"no answer that holds after {self.bounds.rounds} rounds: {problem}")

    def _reply(self) -> Reply:
        """The model's next reply, paid for once."""
        tools = (*(tool.offer for tool, _ in self.offered.values()), Tool(ANSWER_TOOL, ANSWER, self.topic.shape))
        topic = self.topic

        def make() -> Json:
            reply = self.context.models.reply(self.tier, topic.prompt_id, topic.inputs, tools=tools, turns=self.turns)
            return {"text": reply.text, "calls": [asdict(call) for call in reply.raw_calls]}

        led = [self.tier, topic.prompt_id, dict(topic.inputs), [definition(tool) for tool in tools], self.turns]
        said = self.context.note(f"reply/{digest(led)}", make)
        return read_reply(Answer(said["text"], tuple(RawCall(**call) for call in said["calls"])), tools)

    def _answer(self, reply: Reply) -> Shape | None:
        """The answer in a reply; None while it calls tools. Raises ModelRetry for one that does not hold."""
        given = [call for call in reply.calls if call.name == ANSWER_TOOL]
        if not reply.calls:
            return read(reply.text, self.topic.shape, self.topic.validator)
        if not given:
            return None
        if len(reply.calls) > 1:
            raise ModelRetry(f"call {ANSWER_TOOL} alone, after you have seen what the other tools gave")
        answer: Shape = given[0].arguments
        if self.topic.validator is not None:
            self.topic.validator(answer)
        return answer

    def _tell(self, reply: Reply, problem: str) -> None:
        """Why a reply is no answer: to each call of it, or as a message where it made none."""
        for call in reply.calls:
            self.turns.append(result_turn(call, f"not done: {problem}"))
        if not reply.calls:
            told = f"That is no answer:\n{fenced('problem', problem)}\nCall {ANSWER_TOOL} with your answer."
            self.turns.append({"role": "user", "content": told})

    def _run(self, calls: Sequence[ToolCall], round: int) -> None:
        for call in calls:
            tool, on = self.offered[call.name]
            if self.calls >= self.bounds.calls:
                self.turns.append(result_turn(call, NO_CALLS))
                continue
            self.calls += 1
            text, failed = self._result(tool, on, call)
            shown = self._bounded(text)
            told = {"tool": tool.name, "prompt": self.topic.prompt_id, "round": round, "failed": failed}
            told |= {"arguments": digest(call.arguments.model_dump(mode="json")), "result": digest(text)}
            self.context.trace("tool.call", {**told, "chars": len(text), "shown": len(shown)})
            self.turns.append(result_turn(call, shown))

    def _result(self, tool: ToolFile, on: Any, call: ToolCall) -> tuple[str, bool]:
        """What a call gave as text, and whether it failed."""
        if tool.run is None:
            self.proposed.append(Proposed(tool.name, call.arguments))
            return PROPOSED, False
        self.context.say(f"looks at {tool.name}")
        try:
            found = tool.run(call.arguments, on)
        except ConfigError:
            raise
        except (ToolFailed, ModelRetry, InputError) as error:
            return f"failed: {error}", True
        return found if isinstance(found, str) else json.dumps(found, sort_keys=True, ensure_ascii=False), False

    def _bounded(self, text: str) -> str:
        """Cut to the bounds; what is missing is said."""
        room = max(0, min(self.bounds.result_chars, self.bounds.total_chars - self.chars))
        shown = text[:room]
        self.chars += len(shown)
        return shown if len(text) <= room else f"{shown}\n[{len(text) - room} more characters are not shown]"

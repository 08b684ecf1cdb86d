"""Models and memory that play a script."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NoReturn

from opswright.nouns import Json, Tier


@dataclass
class ScriptedModels:
    """Answers with the next of the script; an exception in it is raised. Unused answers fail `finished`."""

    answers: list[Any] = field(default_factory=list)
    tiers: tuple[Tier, ...] = (Tier.LOW, Tier.MID, Tier.HIGH)
    asked: list[tuple[Tier, str, Mapping[str, Json]]] = field(default_factory=list)

    def available(self) -> Sequence[Tier]:
        return self.tiers

    def ask(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        shape: type[Any],
        validator: Callable[[Any], None] | None = None,
    ) -> Any:
        assert self.answers, f"asked {prompt_id} after the end of the script"
        self.asked.append((tier, prompt_id, dict(inputs)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found = shape.model_validate(answer)
        if validator is not None:
            validator(found)
        return found

    def reply(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("nobody converses here")

    def finished(self) -> None:
        assert not self.answers, "answers were left over"


@dataclass(frozen=True)
class ScriptedMemory:
    """Hands out the given (kind, content) pairs."""

    lessons: tuple[tuple[str, Mapping[str, Json]], ...] = ()

    def recall(self, specialist: str, scope: str, query: str, limit: int = 5) -> Sequence[Any]:
        assert specialist == "policy"
        return [SimpleNamespace(kind=kind, content=content, text="ignored") for kind, content in self.lessons][:limit]

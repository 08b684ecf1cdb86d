"""The gateway: the one way to a language model. Metered, cached, recorded, redacted, and forbidden where it must be.

A question is rendered from a prompt file, redacted, and answered from a recording, the cache or an endpoint. An answer
counts only when it fits its shape and the caller's validator lets it pass; the model gets two chances to mend it.
Where the settings have a rule for a prompt, an answer to a similar question may serve, if it holds for this one too.
"""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from opswright.errors import BudgetSpent, ConfigError, EnvironmentFailed, ModelRetry, OpswrightError, RecordingMissing
from opswright.nouns import Json, Tier, Usage, as_json
from opswright.redaction import Redactor
from opswright.settings import Deployment, ModelSettings, Settings
from opswright.tools.models import groups, structured
from opswright.tools.models.cache import FILE, Cache, Keep
from opswright.tools.models.calls import OnText
from opswright.tools.models.endpoints import Endpoints
from opswright.tools.models.metering import Meter
from opswright.tools.models.prices import price_of
from opswright.tools.models.prompts import Prompts, Rendered
from opswright.tools.models.recording import Recording
from opswright.tools.models.similar import Embedding, Hit, Similar, Wording
from opswright.tools.models.structured import REPAIRS, Validator
from opswright.tools.models.talk import Answer, Question
from opswright.tools.models.toolcalls import Reply, Tool, definition, read_reply

Trace = Callable[[Mapping[str, Json]], None]
Shape = TypeVar("Shape")
Value = TypeVar("Value")
Inputs = Mapping[str, Json]
Check = Callable[[Answer], Value]  # what the answer means; raises ModelRetry where it does not hold


@dataclass(frozen=True)
class Stores:
    """Where answers come from and go to besides the endpoints. `replay`: from the recording alone, no call at all."""

    cache: Cache | None = None
    similar: Similar | None = None
    recording: Recording | None = None
    replay: bool = False


class _NotHeld(Exception):
    """An answer that did not hold, and why."""

    def __init__(self, answer: Answer, problem: ModelRetry) -> None:
        super().__init__(str(problem))
        self.answer, self.problem = answer, problem


class Gateway:
    """Implements the Models port for one task: one meter, one trace, over endpoints that many may share.

    `trace` is given one JSON object a model call: ids, hashes and usage, never the text of prompts or answers.
    """

    def __init__(
        self,
        models: ModelSettings,
        meter: Meter,
        *,
        stores: Stores = Stores(),
        trace: Trace | None = None,
        prompts: Prompts | None = None,
        environment: Mapping[str, str] | None = None,
        endpoints: Endpoints | None = None,
    ) -> None:
        environment = os.environ if environment is None else environment
        if stores.replay and stores.recording is not None:
            models = stores.recording.models()  # whatever is configured here, the recorded questions are to be asked
        self.models = models
        self._meter, self._stores, self._trace = meter, stores, trace
        self._prompts = prompts or Prompts()
        self._environment = environment
        self._redactor = Redactor(groups.key_values(models, environment))
        self._endpoints = endpoints or Endpoints(models, environment)

    def metered(self, meter: Meter, trace: Trace | None = None) -> "Gateway":
        """The same gateway for another task."""
        return Gateway(
            self.models,
            meter,
            stores=self._stores,
            trace=trace,
            prompts=self._prompts,
            environment=self._environment,
            endpoints=self._endpoints,
        )

    def available(self) -> Sequence[Tier]:
        """Tiers that can be asked, cheapest first; none where the settings forbid calls and nothing is replayed."""
        if self.models.calls == "forbid" and not self._stores.replay:
            return ()
        return self.models.tiers()

    def ask(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        shape: type[Shape],
        validator: Validator[Shape] | None = None,
    ) -> Shape:
        """An instance of `shape` that `validator` let pass.

        Raises ModelRetry when two repairs did not help, BudgetSpent, EndpointFailed, ConfigError, RecordingMissing and
        ModelCallsForbidden.
        """
        schema = structured.schema_of(shape)

        def asked(inputs: Mapping[str, Json]) -> Question:
            rendered = self._prompts.get(prompt_id).render(inputs)
            rendered = replace(rendered, system=f"{rendered.system}\n\n{structured.instruction(schema)}".strip())
            return self._question(tier, rendered, (), schema=schema)

        def check(answer: Answer) -> Shape:
            return structured.read(structured.text_of(answer), shape, validator)

        question = asked(inputs)
        return self._held(tier, question, check, None, self._wording(prompt_id, inputs, question, asked))

    def reply(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        *,
        tools: Sequence[Tool] = (),
        turns: Sequence[Mapping[str, Json]] = (),
        on_text: OnText | None = None,
    ) -> Reply:
        """Text and calls of the offered tools, typed. `turns`: earlier replies and tool results of this conversation.

        With `on_text` the answer is streamed, and each piece of text handed over as it comes (unredacted, unchecked).
        Raises the same as `ask`.
        """
        offered = tuple(definition(tool) for tool in tools)

        def asked(inputs: Mapping[str, Json]) -> Question:
            return self._question(tier, self._prompts.get(prompt_id).render(inputs), turns, tools=offered)

        question = asked(inputs)
        wording = self._wording(prompt_id, inputs, question, asked)
        return self._held(tier, question, lambda answer: read_reply(answer, tools), on_text, wording)

    def _question(self, tier: Tier, rendered: Rendered, turns: Sequence[Mapping[str, Json]], **more: Json) -> Question:
        deployment = self._deployment(tier)
        return Question(
            model=groups.name_of(deployment),
            prompt=rendered.id,
            prompt_hash=rendered.hash,
            messages=tuple(self._redactor.value([*rendered.messages, *turns])),
            temperature=deployment.temperature,
            reasoning=deployment.reasoning,
            max_tokens=groups.output_limit(deployment),
            **more,
        )

    def _deployment(self, tier: Tier) -> Deployment:
        """The tier's first choice: questions are asked in its name, whichever answers."""
        recording = self._stores.recording
        if self._stores.replay and recording is not None and tier not in self.models.tiers():
            raise RecordingMissing(f"{recording.path}: no tier {tier} is recorded; record it with {recording.command}")
        return groups.deployments(self.models, tier, self._endpoints.offered_model)[0]

    def _wording(
        self, prompt_id: str, inputs: Mapping[str, Json], question: Question, asked: Callable[[Inputs], Question]
    ) -> Wording | None:
        """How the similar cache sees a question; None where there is no rule for its prompt.

        Raises ConfigError for a rule whose prompt does not say what is wording.
        """
        stores = self._stores
        if stores.similar is None or stores.recording is not None or prompt_id not in stores.similar.rules:
            return None
        names = self._prompts.get(prompt_id).wording
        if not names:
            raise ConfigError(
                f"`{prompt_id}` has a rule, but its front matter names no `wording`", "models.semantic_cache"
            )
        rest = asked({**inputs, **dict.fromkeys(names, "")}).hash
        texts = tuple(str(self._redactor.value(inputs[name])) for name in names)
        return Wording(prompt_id, question.hash, rest, texts)

    def _held(
        self, tier: Tier, question: Question, check: Check[Value], on_text: OnText | None, wording: Wording | None
    ) -> Value:
        """What the first answer that holds means; the model is told why one does not, twice at most."""
        problem = ModelRetry("no answer")
        for turn in range(REPAIRS + 1):
            try:
                return self._answered(tier, question, check, on_text, turn, wording if turn == 0 else None)
            except _NotHeld as not_held:
                problem = not_held.problem
                mending = self._redactor.value(structured.repair(not_held.answer, str(problem)))
                question = replace(question, messages=(*question.messages, *mending))
        raise problem

    def _answered(
        self,
        tier: Tier,
        question: Question,
        check: Check[Value],
        on_text: OnText | None,
        turn: int,
        wording: Wording | None,
    ) -> Value:
        """One answer, from the caches where it still holds. Raises _NotHeld for one that does not."""
        kept = self._kept(question)
        if kept is not None:
            try:
                value = check(kept)
            except ModelRetry:
                self._forget(question)
            else:
                self._free_of_charge(tier, question, kept, turn)
                if on_text and kept.text:
                    on_text(kept.text)
                return value
        for hit in self._similar(wording):
            with contextlib.suppress(ModelRetry):
                value = check(hit.answer)
                self._use(tier, question, hit, on_text, turn)
                return value
        answer = self._replayed(tier, question, turn) if self._stores.replay else None
        if answer is None:
            answer = self._live(tier, question, on_text, turn)
        elif on_text and answer.text:
            on_text(answer.text)
        try:
            value = check(answer)
        except ModelRetry as problem:
            raise _NotHeld(answer, problem) from problem
        if self._stores.cache is not None and not self._stores.replay:
            self._stores.cache.put(question.hash, question.category, answer)
        if self._stores.similar is not None and wording is not None:
            with contextlib.suppress(
                EnvironmentFailed, BudgetSpent
            ):  # of the embedder: the answer is there all the same
                self._stores.similar.put(wording, answer)
        return value

    def _similar(self, wording: Wording | None) -> Sequence[Hit]:
        """Answers to similar questions; none where the embedder fails, which must not fail the work."""
        if self._stores.similar is not None and wording is not None:
            with contextlib.suppress(EnvironmentFailed, BudgetSpent):
                return self._stores.similar.find(wording)
        return ()

    def _use(self, tier: Tier, question: Question, hit: Hit, on_text: OnText | None, turn: int) -> None:
        """An answer to a similar question is this one's, too."""
        assert self._stores.similar is not None
        self._free_of_charge(tier, question, hit.answer, turn, "similar", distance=round(hit.distance, 4))
        self._stores.similar.used(hit)
        if on_text and hit.answer.text:
            on_text(hit.answer.text)

    def _kept(self, question: Question) -> Answer | None:
        # A recording has to be complete, so while one is made nothing comes from the cache.
        stores = self._stores
        if stores.cache is None or stores.recording is not None:
            return None
        return stores.cache.get(question.hash, question.category)

    def _forget(self, question: Question) -> None:
        if self._stores.cache is not None:
            self._stores.cache.drop(question.hash)

    def _free_of_charge(
        self, tier: Tier, question: Question, answer: Answer, turn: int, source: str = "cache", **more: Json
    ) -> None:
        usage = replace(answer.usage(0.0), cached_tokens=answer.tokens_in + answer.tokens_out, calls=0)
        self._charge(usage)
        self._say(tier, question, turn, source=source, usage=as_json(usage), **more)

    def _replayed(self, tier: Tier, question: Question, turn: int) -> Answer:
        """The recorded answer, charged as it was when it was recorded, so that budgets act as they did then."""
        if self._stores.recording is None:
            raise ConfigError("a replay needs a recording: set models.recordings")
        answer = self._stores.recording.replay(question)
        price = price_of(self._deployment(tier))
        counts = (answer.tokens_in, answer.cached_tokens, answer.tokens_out, answer.reasoning_tokens)
        usage = answer.usage(price.cost(*counts) if price else 0.0)
        self._charge(usage)
        self._say(tier, question, turn, source="recording", usage=as_json(usage))
        return answer

    def _charge(self, usage: Usage) -> None:
        with self._meter.reserve(usage, "a stored answer") as hold:
            hold.settle(usage)

    def _live(self, tier: Tier, question: Question, on_text: OnText | None, turn: int) -> Answer:
        try:
            reached = self._endpoints.answer(tier, question, self._meter, on_text)
        except OpswrightError as error:
            self._say(tier, question, turn, source="endpoint", failed=type(error).__name__)
            raise
        answer = Answer.from_json(self._redactor.value(reached.answer.as_json()))
        if self._stores.recording is not None:
            self._stores.recording.record(question, answer, tier, self._deployment(tier))
        how = {"answered_by": reached.model, "form": reached.mode, "attempts": reached.attempts}
        self._say(tier, question, turn, source="endpoint", usage=as_json(reached.usage), **how)
        return answer

    def _say(self, tier: Tier, question: Question, turn: int, **more: Json) -> None:
        if self._trace is not None:
            asked = {"prompt": question.prompt, "prompt_hash": question.prompt_hash, "question": question.hash}
            self._trace({"tier": str(tier), "model": question.model, "turn": turn, **asked, **more})


def open_gateway(
    settings: Settings,
    meter: Meter,
    *,
    trace: Trace | None = None,
    environment: Mapping[str, str] | None = None,
    recording: Path | None = None,
    embedding: Embedding | None = None,
) -> Gateway:
    """The gateway that the settings describe. `recording`: the file to record to or replay from, by the settings' mode.

    Without it that is `models.jsonl` in the settings' folder of recordings. `embedding` is what similar questions are
    found with; without it, and without `models.cache`, there are exact hits only.
    """
    models = settings.models
    mode, folder = models.recording, models.recordings
    if mode != "off" and recording is None:
        if folder is None:
            raise ConfigError(f"models.recording is {mode}, and models.recordings names no folder")
        recording = folder / "models.jsonl"
    keep, path = Keep(models.cache_days, models.cache_mb * 1024 * 1024), settings.cache_dir / FILE
    cache = Cache(path, keep) if models.cache else None
    rules = models.semantic_cache if cache is not None else {}
    stores = Stores(
        cache=cache,
        similar=Similar(path, rules, embedding) if rules and embedding is not None else None,
        recording=Recording(recording) if mode != "off" and recording is not None else None,
        replay=mode == "replay",
    )
    return Gateway(models, meter, stores=stores, trace=trace, environment=environment)

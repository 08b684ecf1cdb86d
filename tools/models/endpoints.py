"""A tier's endpoints: attempts with backoff, the next deployment where one fails, everything metered.

A refused response format or forced tool is asked for once: the next plainer form is tried, and remembered.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from opswright.errors import ConfigError, EndpointFailed, ModelCallsForbidden
from opswright.nouns import Json, Tier, Usage
from opswright.redaction import Redactor
from opswright.settings import Deployment, ModelSettings
from opswright.tools.models import groups
from opswright.tools.models.calls import OPENAI_URL, Attempt, OnText, call, offered_models
from opswright.tools.models.failures import CallFailed
from opswright.tools.models.metering import Meter, seconds_for, taken, worst_case
from opswright.tools.models.prices import price_of
from opswright.tools.models.structured import MODES, Mode, transport
from opswright.tools.models.talk import Answer, Question

BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 30.0
LISTING_S = 20.0


@dataclass(frozen=True)
class Reached:
    """An answer from an endpoint, what its attempt took, and the number of that attempt."""

    answer: Answer
    usage: Usage
    model: str
    mode: str
    attempts: int


@dataclass(frozen=True)
class Call:
    """One question on its way: to whom it is charged, until when it may take, who sees the text as it comes."""

    tier: Tier
    question: Question
    meter: Meter
    give_up: float
    on_text: OnText | None


class Endpoints:
    """All deployments of the settings. Shared by the gateways of a process; safe between threads."""

    def __init__(
        self,
        models: ModelSettings,
        environment: Mapping[str, str],
        *,
        forbid: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.models = models
        self._environment = environment
        self._forbid = forbid or groups.forbidden(models, environment)
        self._clock, self._now, self._sleep, self._jitter = clock, now, sleep, jitter
        self._redactor = Redactor(groups.key_values(models, environment))
        self._lock = threading.Lock()
        self._offered: str | None = None
        self._modes: dict[str, Mode] = {}

    def answer(self, tier: Tier, question: Question, meter: Meter, on_text: OnText | None = None) -> Reached:
        """Asks the tier's deployments in turn. Raises EndpointFailed, BudgetSpent, ConfigError, ModelCallsForbidden."""
        self._check_allowed()
        total_s = seconds_for(meter.remaining, self.models.timeout_s * (self.models.retries + 1))
        asked = Call(tier, question, meter, self._clock() + total_s, on_text)
        problems: list[str] = []
        for deployment in groups.deployments(self.models, tier, self.offered_model):
            try:
                return self._persist(asked, deployment)
            except CallFailed as failure:
                problems.append(f"model endpoint {self._address(deployment)} ({deployment.model}) {failure}")
        raise EndpointFailed(self._redactor.text("; ".join(problems)))

    def _persist(self, asked: Call, deployment: Deployment) -> Reached:
        """Attempts until one succeeds, none can, or the retries or the time are used up."""
        for tries in range(self.models.retries + 1):
            try:
                return self._plainer(asked, deployment, tries + 1)
            except CallFailed as failure:
                wait_s = self._wait(failure, tries)
                if not failure.again or tries == self.models.retries:
                    raise
                left_s = asked.give_up - self._clock()
                if wait_s >= left_s:
                    failure.add(f"and asks to wait {wait_s:.0f} s where {max(0.0, left_s):.0f} s are left")
                    raise
                self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, failure: CallFailed, tries: int) -> float:
        if failure.wait_s is not None:
            return failure.wait_s
        longest = min(LONGEST_BACKOFF_S, BACKOFF_S * 2.0**tries)
        return longest * (0.5 + self._jitter() / 2)

    def _plainer(self, asked: Call, deployment: Deployment, tries: int) -> Reached:
        """One attempt, in the best form the endpoint takes."""
        modes = self._forms(asked.question, deployment)
        for place, mode in enumerate(modes):
            try:
                reached = self._once(asked, deployment, mode, tries)
            except CallFailed as failure:
                if not failure.refused or place == len(modes) - 1:
                    raise
            else:
                if len(modes) > 1:
                    self._modes[deployment.model] = mode
                return reached
        raise AssertionError("the last form returns or raises")

    def _forms(self, question: Question, deployment: Deployment) -> tuple[Mode, ...]:
        if question.schema is None:
            return ("prompt",)
        if deployment.structured != "auto":
            return (deployment.structured,)
        return MODES[MODES.index(self._modes.get(deployment.model, MODES[0])) :]

    def _once(self, asked: Call, deployment: Deployment, mode: Mode, tries: int) -> Reached:
        """Reserves, calls, settles."""
        question, left = asked.question, asked.meter.remaining
        extra: dict[str, Json] = transport(mode, question.schema) if question.schema is not None else {}
        if question.tools:
            extra["tools"] = list(question.tools)
        price = price_of(deployment)
        limit_s = max(0.001, seconds_for(left, min(self.models.timeout_s, asked.give_up - self._clock())))
        worst = worst_case(question, extra, deployment, price, left, limit_s)
        started = self._clock()
        with asked.meter.reserve(worst, f"a call of {deployment.model}") as hold:
            attempt = self._attempt(deployment, limit_s, worst.tokens_out, extra, asked.on_text)
            try:
                answer = call(question, attempt)
            except CallFailed as failure:
                if not failure.charged:
                    hold.settle(Usage(calls=1, seconds=self._clock() - started))
                elif failure.counted is not None:
                    hold.settle(taken(failure.counted, question, price, self._clock() - started)[1])
                raise
            if self.models.token_counts == "estimated":
                answer = replace(answer, estimated=True)
            answer, usage = taken(answer, question, price, self._clock() - started)
            hold.settle(usage)
        return Reached(answer, usage, deployment.model, mode, tries)

    def _attempt(
        self, deployment: Deployment, limit_s: float, max_tokens: int, extra: Mapping[str, Json], on_text: OnText | None
    ) -> Attempt:
        base_url = deployment.base_url or self.models.base_url
        return Attempt(deployment, base_url, limit_s, max_tokens, extra, self._environment, self._now, on_text)

    def _address(self, deployment: Deployment) -> str:
        """Host and port only: no path, no user, no password."""
        parts = urlsplit(deployment.base_url or self.models.base_url or OPENAI_URL)
        return parts.netloc.rpartition("@")[2] or "?"

    def _check_allowed(self) -> None:
        if self._forbid:
            raise ModelCallsForbidden(
                f"model calls are forbidden here ({groups.FORBID} or models.calls); use a recording, or allow them"
            )

    def offered_model(self) -> str:
        """The one model of the endpoint. Raises ConfigError where it offers several or none, EndpointFailed."""
        with self._lock:
            if self._offered is not None:
                return self._offered
            self._check_allowed()
            base_url = self.models.base_url or OPENAI_URL
            nameless = Deployment(model="(unnamed)")
            try:
                names = offered_models(base_url, self._attempt(nameless, LISTING_S, 0, {}, None))
            except CallFailed as failure:
                text = f"model endpoint {self._address(nameless)} {failure} when asked for its models"
                raise EndpointFailed(self._redactor.text(text)) from None
            if len(names) != 1:
                some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                raise ConfigError(f"the endpoint offers {len(names)} models ({some}); choose one with OPSWRIGHT_MODEL")
            self._offered = names[0]
            return names[0]

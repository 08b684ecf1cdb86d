"""How an attempt can fail, in one line, and what follows from it: a charge, another try, a plainer request."""

import re

from opswright.tools.models.talk import Answer
from opswright.tools.models.wire import Facts

STEP_DOWN = (400, 422, 501)  # what servers answer to a parameter they do not know
FATAL = (401, 402, 403, 404, 405, 413)
_NO_STATUS = ("APIConnectionError", "Timeout", "MidStreamFallbackError")
_WRAPPING = re.compile(r"^(?:litellm\.)?(?:\w+(?:Error|Failed): )*(?:\w+Exception - )?(?:LiteLLM: )?")


class CallFailed(Exception):
    """An attempt without an answer; never leaves this package.

    `charged`: it may have cost tokens. `again`: the same request may succeed later. `wait_s`: how long the endpoint
    asked to wait. `refused`: it does not take the request as it is (perhaps in a plainer form). `counted`: the token
    counts that came with a useless answer.
    """

    def __init__(
        self,
        message: str,
        *,
        charged: bool,
        again: bool,
        wait_s: float | None = None,
        refused: bool = False,
        counted: Answer | None = None,
    ) -> None:
        super().__init__(message)
        self.charged, self.again, self.wait_s, self.refused, self.counted = charged, again, wait_s, refused, counted

    def add(self, more: str) -> None:
        """Adds to the message."""
        self.args = (f"{self.args[0]} {more}",)


def read_failure(error: Exception, facts: Facts, key_name: str, timeout_s: float, watched: bool) -> CallFailed:
    """Reads a failure off the wire where it was watched, else off the exception."""
    status = facts.status if watched else getattr(error, "status_code", None)
    if not watched and type(error).__name__ in _NO_STATUS:
        status = None  # LiteLLM gives these a status of its own making
    said = _one_line(error)
    if facts.too_large:
        return CallFailed("sent an answer beyond any size", charged=True, again=False)
    if watched and not facts.sent:
        return CallFailed(f"cannot be reached ({_cause(error)})", charged=False, again=True)
    if facts.late or (status is None and "timeout" in type(error).__name__.lower()):
        return CallFailed(f"did not answer within {timeout_s:.3g} s", charged=True, again=True)
    if status is None:
        return CallFailed(f"broke the connection ({_cause(error)})", charged=True, again=True)
    if 200 <= status < 300:
        return CallFailed(f"sent an answer that cannot be read ({_cause(error)})", charged=True, again=True)
    return _refusal(status, said, facts, key_name, type(error).__name__)


def _refusal(status: int, said: str, facts: Facts, key_name: str, kind: str) -> CallFailed:
    if status in (401, 403):
        return CallFailed(f"answered {status}: the key in {key_name} is missing or refused", charged=False, again=False)
    if status == 404:
        return CallFailed(f"answered 404: check the address and the model's name ({said})", charged=False, again=False)
    if kind == "ContextWindowExceededError":
        return CallFailed(f"cannot take a prompt of this length ({said})", charged=False, again=False)
    if status in STEP_DOWN:
        return CallFailed(
            f"refused the request with {status} ({said})", charged=False, again=status == 501, refused=True
        )
    if status in FATAL or 300 <= status < 400:
        return CallFailed(f"answered {status} ({said})", charged=False, again=False)
    what = "is asked too often" if status == 429 else "failed"
    return CallFailed(f"{what} ({status})", charged=False, again=True, wait_s=facts.retry_after_s)


def _cause(error: BaseException) -> str:
    """The innermost cause says most: LiteLLM wraps the client library, which wraps the HTTP library."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return _one_line(error)


def _one_line(error: BaseException) -> str:
    said = _WRAPPING.sub("", " ".join(str(error).split()))[:160]
    return said if len(said) > 3 else f"{type(error).__name__} {said}".strip()

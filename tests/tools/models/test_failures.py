"""Failures of providers whose wire is not watched: read off LiteLLM's exceptions."""

import pytest

from opswright.tools.models.calls import load
from opswright.tools.models.failures import read_failure
from opswright.tools.models.wire import Facts, retry_after_s


@pytest.mark.parametrize(
    "name, charged, again, said",
    [
        ("APIConnectionError", True, True, "broke the connection"),
        ("Timeout", True, True, "did not answer within 5 s"),
        ("AuthenticationError", False, False, "the key in K is missing or refused"),
        ("RateLimitError", False, True, "is asked too often"),
        ("InternalServerError", False, True, "failed (500)"),
        ("ContextWindowExceededError", False, False, "cannot take a prompt of this length"),
        ("BadRequestError", False, False, "refused the request with 400"),
    ],
)
def test_an_exception_says_what_follows(name: str, charged: bool, again: bool, said: str) -> None:
    error = getattr(load().exceptions, name)(message="no", model="m", llm_provider="p")
    failure = read_failure(error, Facts(), "K", 5.0, watched=False)
    assert (failure.charged, failure.again) == (charged, again)
    assert said in str(failure)


@pytest.mark.parametrize(
    "header, seconds",
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-3", 0.0),
        ("soon", None),
        ("inf", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now=60.0) == seconds

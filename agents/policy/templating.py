"""Policy variables read off requests: where every value repeats another context key's, the key itself was meant."""

from collections.abc import Callable, Iterator

from opswright.agents.policy.evidence import Evidence, bits
from opswright.agents.policy.setting import Setting
from opswright.tools.iam.document import Request

SHORTEST = 2  # a value of one character is in any text


def templated(
    evidence: Evidence, mask: int, text_of: Callable[[Request], str | None], setting: Setting, but: str = ""
) -> Iterator[tuple[list[str], int]]:
    """The requests' texts with one context key's value replaced by its variable, for each key that is in all of them;
    and how many different values the key had.

    `but`: a key that is not to be used. Nothing in a policy whose Version has no variables.
    """
    requests = [evidence.requests[at] for at in bits(mask)]
    texts = [text_of(request) for request in requests]
    if not requests or not setting.policy.variables or any(text is None for text in texts):
        return
    shared = set(requests[0].context)
    for request in requests[1:]:
        shared &= set(request.context)
    for key in sorted(shared - {but}):
        made = []
        for request, text in zip(requests, texts, strict=True):
            values = request.context[key]
            if len(values) == 1 and len(values[0]) >= SHORTEST and text is not None and values[0] in text:
                variable = f"${{{setting.spelled_key(key, (request.action,))}}}"
                made.append(text.replace(values[0], variable))
        if len(made) == len(requests):
            yield list(dict.fromkeys(made)), len({request.context[key] for request in requests})

"""Cutting secrets out of what is sent, stored or shown.

Patterns cover the forms secrets take in operations work: cloud keys, vendor tokens, PEM blocks, passwords in URLs and
in assignments, authorisation headers. The values of configured key variables are cut literally, wherever they stand.
Identifiers that only look secret (ARNs, account numbers, IAM unique ids) stay, since the work is about them.
"""

import json
import re
from collections.abc import Iterable
from functools import partial
from urllib.parse import quote

from opswright.nouns import Json

_NAMES = (
    r"(?:[a-z0-9]+[_-])*(?:password|passwd|passphrase|pwd|secret|secret[_-]?access[_-]?key|secret[_-]?key|"
    r"client[_-]?secret|access[_-]?token|refresh[_-]?token|auth[_-]?token|session[_-]?token|security[_-]?token|token|"
    r"api[_-]?key|private[_-]?key)"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# (what it is, pattern); a group named `keep` is left standing before the cut.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private key",
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.S),
    ),
    ("url password", re.compile(r"(?P<keep>[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@\"']*:)[^\s/@\"']+(?=@)")),
    (
        "authorization",
        re.compile(r"(?P<keep>authorization[\"']?\s*[:=]\s*[\"']?(?:\w+\s+)?)(?!\w+\s)[A-Za-z0-9+/=._~-]{8,}", re.I),
    ),
    ("authorization", re.compile(r"(?P<keep>\bbearer\s+)(?=\S*\d)[A-Za-z0-9+/=._~-]{16,}", re.I)),
    ("aws access key", re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b")),
    (
        "token",
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,})"),
    ),
    ("token", re.compile(r"(?<![\w:/.-])(?:sk|rk|pk)[-_](?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}")),
    ("token", re.compile(r"\b(?:AIza[\w-]{30,}|hf_\w{20,}|npm_\w{20,}|pypi-[\w-]{20,}|dop_v1_\w{20,})")),
    ("token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
    # `name: value` needs a space or a quote after the colon: `secret:prod/db` is part of an ARN.
    (
        "secret",
        re.compile(
            rf"(?P<keep>(?<![\w:/-]){_NAMES}(?:\\?[\"'])?\s*(?:=\s*|:(?=[\s\\\"'])\s*)(?:\\?[\"'])?)"
            r"(?!\[redacted )[^\s\"'\\,;&<>{}\[\]()]{4,}",
            re.IGNORECASE,
        ),
    ),
)
SHORTEST_KEY = 6  # a shorter configured value would cut innocent text to pieces


class Redactor:
    """Cuts by pattern, and cuts the given literal values (of configured key variables) first."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        spelled = {form for value in values if len(value) >= SHORTEST_KEY for form in _spellings(value)}
        self._literal = (
            re.compile("|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))) if spelled else None
        )

    def text(self, text: str) -> str:
        """The text with every secret replaced by `[redacted KIND]`; the same text always gives the same result."""
        if self._literal is not None:
            text = self._literal.sub("[redacted key]", text)
        for kind, pattern in _PATTERNS:
            text = pattern.sub(partial(_cut, kind), text)
        return text

    def value(self, value: Json) -> Json:
        """The same for JSON: every string, every key, and whole strings under a key that names a secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._under(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def _under(self, key: str, item: Json) -> Json:
        if isinstance(item, str) and item and _SECRET_NAME.fullmatch(key):
            return "[redacted secret]"
        return self.value(item)


def _cut(kind: str, found: re.Match[str]) -> str:
    return f"{found.groupdict().get('keep') or ''}[redacted {kind}]"


def _spellings(value: str) -> set[str]:
    return {value, quote(value, safe=""), json.dumps(value)[1:-1]}

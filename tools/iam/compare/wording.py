"""Readable texts for patterns: what a person would write as an example."""

import re
from collections.abc import Iterable

from opswright.tools.iam.actions import EXAMPLE_ACCOUNT, EXAMPLE_REGION
from opswright.tools.iam.compare.patterns import Many, One, Pattern, Unknown

FILLER = "example"
_ARN_PARTS = ("arn", "aws", "service", EXAMPLE_REGION, EXAMPLE_ACCOUNT)
_BY_NAME = {
    "account": EXAMPLE_ACCOUNT,
    "region": EXAMPLE_REGION,
    "orgid": "o-exampleorgid",
    "arn": f"arn:aws:iam::{EXAMPLE_ACCOUNT}:user/{FILLER}",
}


def examples(key: str, union: Iterable[Pattern] = ()) -> list[str]:
    """Likely values of a context key, given patterns one of which it matches."""
    name = re.split(r"[:/]", key)[-1]
    lower = name.lower()
    known = next((text for end, text in _BY_NAME.items() if lower.endswith(end)), None)
    found = [] if known is None else [known]
    for one in list(union)[:4]:
        found.extend(fills(one))
    found.append(f"{FILLER}-{re.sub('[^a-z0-9]+', '-', lower).strip('-') or 'value'}")
    return list(dict.fromkeys(found))


def fills(one: Pattern) -> list[str]:
    """The pattern with its wildcards filled in: as an ARN where it is one, with a word, with nothing."""
    if one.literal is not None:
        return [one.literal]
    found = [_fill(one, FILLER, True), _fill(one, FILLER, False), _fill(one, "", False)]
    return list(dict.fromkeys(text for text in found if text))


def _fill(one: Pattern, word: str, as_arn: bool) -> str:
    text = ""
    for token in one.tokens:
        if isinstance(token, str):
            text += token[0]
        elif isinstance(token, One):
            text += "x"
        elif isinstance(token, Many) and not token.allowed:
            text += _arn_part(text, word) if as_arn else word
        elif isinstance(token, Unknown):
            text += word
    return text


def _arn_part(before: str, word: str) -> str:
    """What stands at this place of an ARN."""
    parts = before.split(":")
    if parts[0] != "arn" or len(parts) > len(_ARN_PARTS):
        return word
    usual = _ARN_PARTS[len(parts) - 1]
    return usual.removeprefix(parts[-1]) if usual.startswith(parts[-1]) else word


def mended(text: str) -> list[str]:
    """Likelier forms of a text that a search found: no empty or one-letter components, a word at the end."""
    parts = text.split(":", len(_ARN_PARTS))
    found = []
    if parts[0] == "arn" and len(parts) > len(_ARN_PARTS):
        usual = [own if len(own) > 1 else known for own, known in zip(parts, _ARN_PARTS, strict=False)]
        last = _mended_end(parts[-1])
        found += [":".join([*usual, last]), ":".join([*parts[:3], *usual[3:], last]), ":".join([*parts[:-1], last])]
    return [*found, _mended_end(text)]


def _mended_end(text: str) -> str:
    return "/".join(FILLER if word in ("", "x") else word for word in text.split("/"))

"""Requesting principals near those a policy names."""

import re
from random import Random

from opswright.evals.policy.drawing.text import word
from opswright.tools.iam.document import Policy, PrincipalEntry

ACCOUNTS = ("111122223333", "444455556666")
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([^/]+)")
_ACCOUNT = re.compile(r"(?:arn:(aws[a-z-]*):iam::)?(\d{12})(?::root)?")


def has_principals(policy: Policy) -> bool:
    """Whether any statement has a principal element: then every request names who asks."""
    return any(statement.principals is not None for statement in policy.statements)


def named_by(entry: PrincipalEntry, rng: Random) -> str:
    """A principal that an entry names."""
    if entry.text == "*":
        return stranger(rng)
    if entry.kind != "AWS":
        return entry.text
    account = _ACCOUNT.fullmatch(entry.text)
    if account:
        return _member(account.group(2), account.group(1) or "aws", rng)
    role = _ROLE.fullmatch(entry.text)
    if role and rng.random() < 0.3:
        return f"arn:{role.group(1)}:sts::{role.group(2)}:assumed-role/{role.group(3)}/session-{word(rng)}"
    return entry.text


def stranger(rng: Random) -> str:
    """A principal that no policy is likely to name."""
    return _member(rng.choice(ACCOUNTS), "aws", rng)


def near(entry: PrincipalEntry, rng: Random) -> str:
    """Somebody close to an entry: another user of its account, the same name in another account, another service."""
    text = entry.text
    account = re.search(r"\d{12}", text)
    ways = [stranger(rng)]
    if entry.kind == "AWS" and account:
        ways.append(_member(account.group(), "aws", rng))
        other = rng.choice(ACCOUNTS)
        moved = text[: account.start()] + other + text[account.end() :]
        ways.append(_member(other, "aws", rng) if _ACCOUNT.fullmatch(text) else moved)
    if entry.kind == "Service":
        ways += ["lambda.amazonaws.com", "ec2.amazonaws.com", "events.amazonaws.com"]
    return rng.choice(ways)


def _member(account: str, partition: str, rng: Random) -> str:
    kind = rng.choice(("user", "role"))
    return f"arn:{partition}:iam::{account}:{kind}/{word(rng)}"

"""Whom a principal element names.

IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal". Wildcards count only as the lone `*`; a role
also names its sessions, an account (its number or its root ARN) every principal in it.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from opswright.tools.iam.document import PrincipalEntry

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/(?:.*/)?([^/]+)")
_IN_ACCOUNT = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):.+")


@lru_cache(maxsize=8192)
def account_of(principal: str) -> str | None:
    """The account a requesting principal belongs to; None for services, federated and anonymous ones."""
    match = _IN_ACCOUNT.fullmatch(principal) or _ACCOUNT.fullmatch(principal)
    return match.group(1) if match else None


def names(entry: PrincipalEntry, principal: str) -> bool:
    """Whether the entry of a Principal element names the requesting principal."""
    return lower_principals((entry,))(principal)


@lru_cache(maxsize=8192)
def lower_principals(entries: tuple[PrincipalEntry, ...]) -> Callable[[str], bool]:
    """The entries as one function of the requesting principal, prepared once."""
    if any(entry.kind == "*" or (entry.kind == "AWS" and entry.text == "*") for entry in entries):
        return lambda principal: True
    exact = frozenset(entry.text for entry in entries)
    accounts = frozenset(m.group(1) for e in entries if e.kind == "AWS" and (m := _ACCOUNT.fullmatch(e.text)))
    sessions = tuple(
        f"arn:{m.group(1)}:sts::{m.group(2)}:assumed-role/{m.group(3)}/"
        for e in entries
        if e.kind == "AWS" and (m := _ROLE.fullmatch(e.text))
    )

    def test(principal: str) -> bool:
        if principal in exact or (sessions and principal.startswith(sessions)):
            return True
        return bool(accounts) and account_of(principal) in accounts

    return test

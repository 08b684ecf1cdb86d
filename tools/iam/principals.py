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
SERVICES = ("iam", "sts")
KINDS = ("user", "role", "assumed-role", "federated-user")  # of the principals in an account
_IN_ACCOUNT = re.compile(rf"arn:aws[a-z-]*:(?:{'|'.join(SERVICES)})::([0-9]{{12}}):(?:{'|'.join(KINDS)})/.+")


@lru_cache(maxsize=8192)
def account_of(principal: str) -> str | None:
    """The account a requesting principal belongs to; None for services, federated and anonymous ones."""
    match = _IN_ACCOUNT.fullmatch(principal) or _ACCOUNT.fullmatch(principal)
    return match.group(1) if match else None


def named_account(entry: PrincipalEntry) -> str | None:
    """The account an entry names as a whole (its number or its root ARN)."""
    match = _ACCOUNT.fullmatch(entry.text) if entry.kind == "AWS" else None
    return match.group(1) if match else None


def sessions_prefix(entry: PrincipalEntry) -> str | None:
    """What the ARN of every session of the role an entry names begins with."""
    match = _ROLE.fullmatch(entry.text) if entry.kind == "AWS" else None
    return f"arn:{match.group(1)}:sts::{match.group(2)}:assumed-role/{match.group(3)}/" if match else None


def names(entry: PrincipalEntry, principal: str) -> bool:
    """Whether the entry of a Principal element names the requesting principal."""
    return lower_principals((entry,))(principal)


@lru_cache(maxsize=8192)
def lower_principals(entries: tuple[PrincipalEntry, ...]) -> Callable[[str], bool]:
    """The entries as one function of the requesting principal, prepared once."""
    if any(entry.kind == "*" or (entry.kind == "AWS" and entry.text == "*") for entry in entries):
        return lambda principal: True
    exact = frozenset(entry.text for entry in entries)
    accounts = frozenset(account for entry in entries if (account := named_account(entry)) is not None)
    sessions = tuple(prefix for entry in entries if (prefix := sessions_prefix(entry)) is not None)

    def test(principal: str) -> bool:
        if principal in exact or (sessions and principal.startswith(sessions)):
            return True
        return bool(accounts) and account_of(principal) in accounts

    return test

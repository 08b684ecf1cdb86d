"""What repairs teach about an organisation's naming: accounts and name prefixes; typed, validated, only a tie-break."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opswright.agents.policy.contents import proposed_policy
from opswright.agents.policy.guess import common_start
from opswright.agents.policy.inputs import Work, read_work
from opswright.agents.ports import Lesson, Memory
from opswright.nouns import History, Task, Verdict
from opswright.tools.iam import arns
from opswright.tools.iam.document import Policy

SPECIALIST, SCOPE = "policy", "organisation"
_ACCOUNT = re.compile(r"\d{12}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,60}")
_SERVICE = re.compile(r"[a-z0-9-]{2,40}")
MOST = 8


@dataclass(frozen=True)
class Recalled:
    """A lesson that passed validation: `text` is written here from its typed content, never taken from the store."""

    favoured: str
    text: str


def recalled(memory: Memory, work: Work) -> list[Recalled]:
    """The organisation's lessons that bear on the task."""
    texts = [entry.text for statement in work.policy.statements for entry in statement.resources or ()]
    query = " ".join([*texts[:20], *(item.request.resource for item in work.spec.requests[:20])])
    found = [_validated(one.kind, dict(one.content)) for one in memory.recall(SPECIALIST, SCOPE, query, MOST)]
    return [one for one in found if one is not None]


def _validated(kind: str, content: dict[str, object]) -> Recalled | None:
    if kind == "account":
        account = content.get("account")
        if isinstance(account, str) and _ACCOUNT.fullmatch(account):
            return Recalled(account, f"account {account} is the organisation's")
    if kind == "prefix":
        service, prefix = content.get("service"), content.get("prefix")
        if (
            isinstance(service, str)
            and _SERVICE.fullmatch(service)
            and isinstance(prefix, str)
            and _PREFIX.fullmatch(prefix)
        ):
            return Recalled(prefix, f"{service} names begin with {prefix}")
    return None


def favoured(lessons: Iterable[Recalled]) -> frozenset[str]:
    """The texts that break ties."""
    return frozenset(lesson.favoured for lesson in lessons)


@dataclass(frozen=True)
class PolicyReflector:
    """Implements the Reflector port: only an accepted repair establishes anything."""

    def reflect(self, task: Task, history: History, verdict: Verdict) -> Sequence[Lesson]:
        """Accounts and name prefixes that the accepted policy and the required requests agree on."""
        policy = proposed_policy(history) if verdict.accepted else None
        if policy is None:
            return ()
        work = read_work(task)
        wanted = [item.request.resource for item in work.spec.requests if item.effect == "allow"]
        return [*_accounts(policy, wanted), *_prefixes(wanted)]


def _accounts(policy: Policy, wanted: Sequence[str]) -> Iterable[Lesson]:
    written = {
        account
        for statement in policy.statements
        for entry in statement.resources or ()
        if (account := arns.account(entry.text)) and _ACCOUNT.fullmatch(account)
    }
    asked = {account for text in wanted if (account := arns.account(text)) and _ACCOUNT.fullmatch(account)}
    for account in sorted(written & asked):
        content = {"about": f"account {account}", "account": account}
        yield Lesson(SCOPE, "account", content, f"account {account} is the organisation's")


def _prefixes(wanted: Sequence[str]) -> Iterable[Lesson]:
    names: dict[str, set[str]] = {}
    for text in wanted:
        parts = arns.split(text)
        if parts:
            names.setdefault(parts[2], set()).add(re.split(r"[/:]", parts[5])[0 if parts[2] == "s3" else -1])
    for service, found in sorted(names.items()):
        shared = common_start(list(found))
        cut = max(shared.rfind(mark) for mark in "-_.")
        if len(found) > 1 and cut > 0 and _PREFIX.fullmatch(shared[: cut + 1]) and _SERVICE.fullmatch(service):
            prefix = shared[: cut + 1]
            content = {"about": f"{service} names {prefix}", "service": service, "prefix": prefix}
            yield Lesson(SCOPE, "prefix", content, f"{service} names begin with {prefix}")

"""Slips in Principal and NotPrincipal: a wrong name or account, one too many, one missing, everybody."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from opswright.agents.policy.draft import Edit, View
from opswright.agents.policy.evidence import bits
from opswright.agents.policy.guess import alike
from opswright.agents.policy.setting import Setting
from opswright.tools.iam.document import PrincipalEntry
from opswright.tools.iam.principals import account_of, names

_NUMBER = re.compile(r"\d{12}")
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::(\d*):assumed-role/([^/]+)/.+")
EVERYBODY = PrincipalEntry("*", "*")


def entry_for(principal: str) -> PrincipalEntry:
    """The entry that names one requesting principal."""
    if principal == "*":
        return EVERYBODY
    if principal.startswith("arn:") and ":saml-provider/" not in principal and ":oidc-provider/" not in principal:
        return PrincipalEntry("AWS", principal)
    if _NUMBER.fullmatch(principal):
        return PrincipalEntry("AWS", principal)
    if re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", principal):
        return PrincipalEntry("Service", principal)
    if re.fullmatch(r"[0-9a-f]{64}", principal):
        return PrincipalEntry("CanonicalUser", principal)
    if principal.startswith("arn:") or re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", principal):
        return PrincipalEntry("Federated", principal)
    return PrincipalEntry("AWS", principal)


def principals(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Edits of Principal or NotPrincipal."""
    row, statement = view.row, view.statement
    if statement.principals is None:
        return
    others = row.others("principals")
    excluded = view.avoid & others & ~row.principals
    if focus & view.need & ~row.principals:
        need = view.need & (others if focus & others else row.at_most_two_off) & ~row.principals
        yield from (
            _uncover(view, focus, excluded, setting)
            if statement.not_principal
            else _cover(view, focus, need, view.keep, setting)
        )
    if focus & view.drop:
        yield from (
            _cover(view, focus, view.drop, excluded, setting)
            if statement.not_principal
            else _uncover(view, focus, view.keep, setting)
        )


def _cover(view: View, focus: int, need: int, keep: int, setting: Setting) -> Iterator[Edit]:
    entries = view.statement.principals or ()
    evidence = view.evidence
    for group in dict.fromkeys((need, focus)):
        wanted = evidence.principals(group)
        if not wanted:
            continue
        for at, entry in enumerate(entries):
            rest = (*entries[:at], *entries[at + 1 :])
            for made, cost in _mended(entry, wanted, setting):
                free = not keep & evidence.principal_mask((entry,), False) & ~_mask(view, (*rest, made))
                yield _made(view, "principal-wrong", cost + (0.0 if free else 1.2), _with(entries, at, made, free))
        known = [e for e in setting.principals if e not in entries and all(names(e, name) for name in wanted)]
        for entry in known[:3]:
            yield _made(view, "principal-dropped", 3.0 if entry.kind != "*" else 4.0, (*entries, entry))
        exact = tuple(dict.fromkeys(entry_for(_role_of(name)) for name in wanted))
        yield _made(view, "principal-dropped", 3.0 + 0.9 * (len(exact) - 1), (*entries, *exact))
        yield _made(view, "principal-narrowed", 4.6 if len(wanted) < 3 else 3.8, (EVERYBODY,))


def _mended(entry: PrincipalEntry, wanted: Sequence[str], setting: Setting) -> Iterator[tuple[PrincipalEntry, float]]:
    if entry.kind == "*" or entry.text == "*":
        return
    accounts = {account for name in wanted if (account := account_of(name))}
    named = {_role_of(name) for name in wanted}
    if len(named) == 1:
        (name,) = named
        exact = entry_for(name)
        same = exact.kind == entry.kind
        slip = alike(entry.text, name) is not None or exact.text == entry.text
        yield exact, 1.7 if slip else 2.6 if same else 3.0
    if entry.kind == "AWS" and len(accounts) == 1:
        (account,) = accounts
        bare = _NUMBER.fullmatch(entry.text) is not None
        root = entry.text.endswith(":root")
        if bare or root or len(wanted) > 1:
            whole = account if bare else f"arn:aws:iam::{account}:root"
            yield PrincipalEntry("AWS", whole), 2.2 if bare or root else 3.2
        elif account_of(entry.text) == account:
            yield PrincipalEntry("AWS", f"arn:aws:iam::{account}:root"), 3.2


def _role_of(principal: str) -> str:
    """The role whose session a principal is; otherwise the principal itself."""
    session = _SESSION.fullmatch(principal)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else principal


def _uncover(view: View, focus: int, keep: int, setting: Setting) -> Iterator[Edit]:
    entries = view.statement.principals or ()
    evidence = view.evidence
    hit = [at for at, entry in enumerate(entries) if evidence.principal_mask((entry,), False) & _named(view, focus)]
    left = tuple(entry for at, entry in enumerate(entries) if at not in hit)
    if hit and left:
        yield _made(view, "principal-added", 2.4 * len(hit), left)
    near = evidence.principals(view.need & view.row.others("principals"))
    for at in hit if near else ():
        for made, cost in _mended(entries[at], near, setting):
            yield _made(view, "principal-wrong", cost, _with(entries, at, made, True))
    lost = keep & ~(_mask(view, left) if left else 0)
    needed = evidence.principals(lost)
    if hit and needed:
        exact = tuple(dict.fromkeys(entry_for(_role_of(name)) for name in needed))
        yield _made(view, "principal-broadened", 2.8 + 0.8 * (len(exact) - 1), (*left, *exact))
        accounts = list(dict.fromkeys(account for name in needed if (account := account_of(name))))
        if accounts and all(account_of(name) for name in needed):
            roots = tuple(PrincipalEntry("AWS", f"arn:aws:iam::{account}:root") for account in accounts)
            yield _made(view, "principal-broadened", 3.2 + 0.8 * (len(roots) - 1), (*left, *roots))
    for entry in setting.principals if hit else ():
        if entry not in entries and not evidence.principal_mask((entry,), False) & _named(view, focus):
            covers = not lost & ~evidence.principal_mask((entry,), False)
            if covers:
                yield _made(view, "principal-broadened", 2.6 if lost else 4.2, (*left, entry))


def _named(view: View, mask: int) -> int:
    """Those of the requests that name a principal; the others are judged without."""
    return sum(1 << i for i in bits(mask) if view.evidence.requests[i].principal is not None)


def _mask(view: View, entries: tuple[PrincipalEntry, ...]) -> int:
    return view.evidence.principal_mask(entries, False)


def _with(
    entries: tuple[PrincipalEntry, ...], at: int, made: PrincipalEntry, replaced: bool
) -> tuple[PrincipalEntry, ...]:
    return (*entries[:at], made, *entries[at + 1 :]) if replaced else (*entries, made)


def _made(view: View, kind: str, cost: float, entries: tuple[PrincipalEntry, ...]) -> Edit:
    old = view.statement.principals or ()
    made = tuple(dict.fromkeys(entries))
    said = [f"-{entry.text}" for entry in old if entry not in made]
    said += [f"+{entry.text}" for entry in made if entry not in old]
    label = "NotPrincipal" if view.statement.not_principal else "Principal"
    return view.edit(kind, cost, f"{label} {' '.join(said)}", replace(view.statement, principals=made))

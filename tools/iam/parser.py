"""Reads AWS policy documents strictly: what AWS would refuse is refused with its position, never guessed.

Follows the IAM User Guide, "Grammar of the IAM JSON policy language". Identity, resource and trust policies share the
grammar; which one a document is follows from its principals and resources.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, cast, get_args

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.document import Effect, Entry, Policy, PrincipalEntry, PrincipalKind, Statement
from opswright.tools.iam.grammar_conditions import read_conditions
from opswright.tools.iam.json_text import read_json
from opswright.tools.iam.places import Nowhere, PathPlace, Place, SourcePlace
from opswright.tools.iam.words import quoted

MAX_BYTES = 1024 * 1024
VERSIONS = ("2012-10-17", "2008-10-17")
TOP_ELEMENTS = ("Version", "Id", "Statement")
STATEMENT_ELEMENTS = (
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource"),
    "Condition",
)
PRINCIPAL_KINDS = tuple(kind for kind in get_args(PrincipalKind) if kind != "*")

_NOWHERE = Nowhere()


def parse_policy(text: str, name: str = "policy") -> Policy:
    """The policy in a JSON text, every piece with its place. Raises InputError `name:line:column: message`."""
    source = read_json(text, name)
    return _policy(source.root.value, SourcePlace(source, source.root), text)


def policy_from_value(value: Json, name: str = "policy") -> Policy:
    """The policy in a plain JSON value; no positions. Raises InputError with the path of what is wrong."""
    try:
        return _policy(value, _NOWHERE, "")
    except InputError:
        return _policy(value, PathPlace(name), "")


def read_policy(path: Path) -> Policy:
    """The policy in a file. Raises InputError for what is missing, no file, too large, not UTF-8 or no policy."""
    return parse_policy(read_text(path, "policy"), str(path))


def read_text(path: Path, what: str) -> str:
    """A small UTF-8 text file; `what` it should hold stands in the messages."""
    where = str(path)
    try:
        if path.is_dir():
            raise InputError(f"is a directory; name a {what} file", where)
        if path.exists() and not path.is_file():  # a pipe that nobody writes to would be waited for
            raise InputError(f"is not a regular file; save the {what} to one", where)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"no such {what} file; check the path", where) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where) from None
    if len(data) > MAX_BYTES:
        raise InputError(f"is larger than 1 MiB, the limit for a {what} file (AWS allows far less); split it", where)
    if not data.strip():
        raise InputError(f"is empty; it should hold a {what}", where)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise InputError("is not UTF-8 text; save it as UTF-8", f"{where}:{line}:{column}") from None


def fail(place: Place, message: str) -> NoReturn:
    raise InputError(message, place.where())


def _policy(value: Json, place: Place, source: str) -> Policy:
    if not isinstance(value, dict):
        fail(place, f"a policy is an object with Version and Statement, not {_kind(value)}")
    _check_names(value, TOP_ELEMENTS, place, "a policy")
    version = value.get("Version", "2008-10-17")
    if version not in VERSIONS:
        fail(place.member("Version"), f"Version {_short(version)} does not exist; write 2012-10-17 (or 2008-10-17)")
    if "Id" in value and not isinstance(value["Id"], str):
        fail(place.member("Id"), f"Id must be a string, not {_kind(value['Id'])}")
    if "Statement" not in value:
        fail(place, "the policy has no Statement; add one")
    raw, at = value["Statement"], place.member("Statement")
    if isinstance(raw, dict):
        return Policy((_statement(raw, 0, at),), version, source, value)
    if not isinstance(raw, list):
        fail(at, f"Statement must be an object or a list of objects, not {_kind(raw)}")
    if not raw:
        fail(at, "Statement is an empty list; add a statement")
    statements = tuple(_statement(item, index, at.item(index)) for index, item in enumerate(raw))
    return Policy(statements, version, source, value)


def _statement(value: Json, index: int, place: Place) -> Statement:
    if not isinstance(value, dict):
        fail(place, f"a statement is an object, not {_kind(value)}")
    _check_names(value, STATEMENT_ELEMENTS, place, "a statement")
    if "Effect" not in value:
        fail(place, "the statement has no Effect; add Allow or Deny")
    sid = value.get("Sid")
    if "Sid" in value and not isinstance(sid, str):
        fail(place.member("Sid"), f"Sid must be a string, not {_kind(sid)}")
    action = _one_of(value, "Action", "NotAction", place)
    if action is None:
        fail(place, "the statement has neither Action nor NotAction; add one")
    resource = _one_of(value, "Resource", "NotResource", place)
    principal = _one_of(value, "Principal", "NotPrincipal", place)
    if resource is None and principal is None:
        fail(place, "the statement has neither Resource nor Principal; add Resource (a trust policy needs Principal)")
    return Statement(
        index=index,
        effect=_effect(value["Effect"], place.member("Effect")),
        actions=strings(value[action], place.member(action), action),
        not_action=action == "NotAction",
        resources=strings(value[resource], place.member(resource), resource) if resource else None,
        not_resource=resource == "NotResource",
        principals=_principals(value[principal], place.member(principal), principal) if principal else None,
        not_principal=principal == "NotPrincipal",
        conditions=read_conditions(value["Condition"], place.member("Condition")) if "Condition" in value else (),
        sid=sid,
        span=place.span,
    )


def _check_names(value: dict[str, Json], known: Sequence[str], place: Place, what: str) -> None:
    for name in value:
        if name in known:
            continue
        lower = {other.lower(): other for other in known}
        if name.lower() in lower:
            fail(place.name(name), f"element {quoted(name)} must be written {lower[name.lower()]!r}")
        from difflib import get_close_matches  # costs 5 ms, and only bad input needs it

        near = get_close_matches(name.lower(), lower, 1, 0.75)
        hint = f"; did you mean {lower[near[0]]!r}?" if near else f"; {what} has {', '.join(known)}"
        fail(place.name(name), f"unknown element {quoted(name)}{hint}")


def _one_of(value: dict[str, Json], name: str, negation: str, place: Place) -> str | None:
    if name in value and negation in value:
        fail(place.name(negation), f"the statement has both {name} and {negation}; keep one")
    return name if name in value else negation if negation in value else None


def _effect(value: Json, place: Place) -> Effect:
    if value == "Allow":
        return Effect.ALLOW
    if value == "Deny":
        return Effect.DENY
    fail(place, f"Effect must be Allow or Deny (spelled so), not {_short(value)}")


def strings(value: Json, place: Place, what: str) -> tuple[Entry, ...]:
    """A string or a list of strings, not empty."""
    if isinstance(value, str):
        return (Entry(value, place.span),)
    if not isinstance(value, list):
        fail(place, f"{what} must be a string or a list of strings, not {_kind(value)}")
    if not value:
        fail(place, f"{what} is an empty list; name at least one, or take the statement out")
    entries = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            fail(place.item(index), f"{what} must hold strings, not {_kind(item)}")
        entries.append(Entry(item, place.item(index).span))
    return tuple(entries)


def _principals(value: Json, place: Place, what: str) -> tuple[PrincipalEntry, ...]:
    if value == "*":
        return (PrincipalEntry("*", "*", place.span),)
    if not isinstance(value, dict):
        fail(place, f'{what} must be "*" or an object such as {{"AWS": "arn:aws:iam::..."}}, not {_short(value)}')
    _check_names(value, PRINCIPAL_KINDS, place, "a principal")
    if not value:
        fail(place, f'{what} is an empty object; name a principal or write "*"')
    return tuple(
        PrincipalEntry(cast(PrincipalKind, kind), entry.text, entry.span)
        for kind, texts in value.items()
        for entry in strings(texts, place.member(kind), f"{what} {kind}")
    )


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def _short(value: Json) -> str:
    """A string as it is quoted in messages, at most 60 characters; the kind of anything else."""
    if not isinstance(value, str):
        return _kind(value)
    return quoted(value)

"""What a policy is wanted to do: requests it must allow or deny, and patterns that bound it.

    requests: [{id?, effect: allow|deny, action, resource, principal?, context?: {key: value or list}}]
    never:  patterns of which nothing may be allowed
    always: patterns of which everything must be allowed
    may:    how far a repair may generalise

A pattern is `{action, resource?, principal?, context?}`, each a glob or a list of globs; a bare string is the action.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam import globs
from opswright.tools.iam.condition_keys import global_key
from opswright.tools.iam.document import NOWHERE, Request, Span
from opswright.tools.iam.grammar_conditions import scalar_text
from opswright.tools.iam.json_text import JsonText, read_json
from opswright.tools.iam.parser import read_text
from opswright.tools.iam.places import PathPlace, Place, SourcePlace
from opswright.tools.iam.words import plain, quoted
from opswright.tools.iam.yaml_text import read_yaml

RequestEffect = Literal["allow", "deny"]

TOP_NAMES = ("id", "description", "requests", "never", "always", "may")
REQUEST_NAMES = ("id", "effect", "action", "resource", "principal", "context")
PATTERN_NAMES = ("action", "resource", "principal", "context")


@dataclass(frozen=True, slots=True)
class SpecRequest:
    """One concrete request and what must come of it."""

    id: str
    effect: RequestEffect
    request: Request
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A set of requests: each part lists globs of which one must match.

    Actions compare case-insensitively (kept lower case). `principals` None: any, and none. `context`: every key (lower
    case) must be present with a value that matches; keys not named are free.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    principals: tuple[str, ...] | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    span: Span = field(default=NOWHERE, compare=False)

    def matches(self, request: Request) -> bool:
        """Whether the request is one of the set."""
        if not _any(self.actions, request.action.lower()) or not _any(self.resources, request.resource):
            return False
        if self.principals is not None and not (request.principal and _any(self.principals, request.principal)):
            return False
        return all(
            any(_any(wanted, value) for value in request.context.get(key, ())) for key, wanted in self.context.items()
        )

    def __str__(self) -> str:
        parts = [_listed(self.actions), "on", _listed(self.resources)]
        if self.principals is not None:
            parts += ["by", _listed(self.principals)]
        if self.context:
            parts += ["with", ", ".join(f"{plain(key)}={_listed(wanted)}" for key, wanted in self.context.items())]
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole specification."""

    requests: tuple[SpecRequest, ...] = ()
    never: tuple[Pattern, ...] = ()
    always: tuple[Pattern, ...] = ()
    may: tuple[Pattern, ...] = ()


def read_spec(path: Path) -> Spec:
    """The specification in a YAML or JSON file. Raises InputError `path:line:column: message`."""
    return parse_spec(read_text(path, "specification"), str(path))


def parse_spec(text: str, name: str = "spec") -> Spec:
    """The specification in a text: JSON when the name says so or it starts like JSON, YAML otherwise."""
    json_like = name.endswith(".json") or (text.lstrip()[:1] in ("{", "[") and not name.endswith((".yaml", ".yml")))
    source: JsonText = read_json(text, name) if json_like else read_yaml(text, name)
    return _spec(source.root.value, SourcePlace(source, source.root))


def spec_from_value(value: Json, name: str = "spec") -> Spec:
    """The specification in a plain value; messages name the path."""
    return _spec(value, PathPlace(name))


def _spec(value: Json, place: Place) -> Spec:
    _object(value, TOP_NAMES, place, "a specification")
    for name in ("id", "description"):
        if name in value:
            _text(value[name], place.member(name), name)
    requests = _requests(value.get("requests", []), place.member("requests") if "requests" in value else place)
    never, always, may = (_patterns(value, name, place) for name in ("never", "always", "may"))
    if not requests and not never and not always:
        _fail(place, "the specification asks for nothing; add requests, never or always")
    return Spec(requests, never, always, may)


def _requests(value: Json, place: Place) -> tuple[SpecRequest, ...]:
    if not isinstance(value, list):
        _fail(place, "requests must be a list")
    requests: list[SpecRequest] = []
    places: dict[str, Place] = {}
    for index, item in enumerate(value):
        at = place.item(index)
        request = _request(item, index, at)
        if request.id in places:
            _fail(at, f"the id {quoted(request.id)} is already used at {places[request.id].where()}; give each its own")
        places[request.id] = at
        requests.append(request)
    return tuple(requests)


def _request(value: Json, index: int, place: Place) -> SpecRequest:
    _object(value, REQUEST_NAMES, place, "a request")
    for name in ("effect", "action", "resource"):
        if name not in value:
            _fail(place, f"the request has no {name}; add one")
    effect = _text(value["effect"], place.member("effect"), "effect").lower()
    if effect not in ("allow", "deny"):
        _fail(place.member("effect"), f"effect must be allow or deny, not {quoted(effect)}")
    action = _text(value["action"], place.member("action"), "action")
    if not action.strip() or globs.is_glob(action):
        _fail(place.member("action"), f"{quoted(action)} is not one action; patterns go to never, always or may")
    request = Request(
        action=action,
        resource=_text(value["resource"], place.member("resource"), "resource"),
        principal=_text(value["principal"], place.member("principal"), "principal") if "principal" in value else None,
        context=_context(value["context"], place.member("context"), "context") if "context" in value else {},
    )
    identity = _text(value["id"], place.member("id"), "id") if "id" in value else f"request-{index + 1}"
    return SpecRequest(identity, "allow" if effect == "allow" else "deny", request, place.span)


def _patterns(value: Mapping[str, Json], name: str, place: Place) -> tuple[Pattern, ...]:
    if name not in value:
        return ()
    raw, at = value[name], place.member(name)
    if isinstance(raw, list):
        return tuple(_pattern(item, at.item(index)) for index, item in enumerate(raw))
    return (_pattern(raw, at),)


def _pattern(value: Json, place: Place) -> Pattern:
    if isinstance(value, str):
        return Pattern((_action_glob(value, place),), span=place.span)
    _object(value, PATTERN_NAMES, place, "a pattern")
    if "action" not in value:
        _fail(place, 'the pattern has no action; add one ("*" for any)')
    actions = _texts(value["action"], place.member("action"), "action")
    return Pattern(
        tuple(_action_glob(text, place.member("action")) for text in actions),
        _texts(value["resource"], place.member("resource"), "resource") if "resource" in value else ("*",),
        _texts(value["principal"], place.member("principal"), "principal") if "principal" in value else None,
        _context(value["context"], place.member("context"), "context") if "context" in value else {},
        place.span,
    )


def _action_glob(text: str, place: Place) -> str:
    if ":" not in text and text.strip("*"):
        _fail(place, f"{quoted(text)} names no service; write service:action, such as s3:Get*")
    return text.lower()


def _context(value: Json, place: Place, what: str) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        _fail(place, f"{what} must be an object of keys and values")
    context: dict[str, tuple[str, ...]] = {}
    for key, raw in value.items():
        if not isinstance(key, str) or not key.strip():
            _fail(place, f"{what} has a key that is no name")
        if key.lower() in context:
            _fail(place.name(key), f"the key {quoted(key)} is there twice (case does not count); keep one")
        at = place.member(key)
        context[key.lower()] = () if raw == [] else _texts(raw, at, plain(key))
    return context


def _texts(value: Json, place: Place, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        return (_text(value, place, what),)
    if not value:
        _fail(place, f"{what} is an empty list; name at least one")
    return tuple(_text(item, place.item(index), what) for index, item in enumerate(value))


def _text(value: Json, place: Place, what: str) -> str:
    text = scalar_text(value)
    if text is None:
        _fail(place, f"{what} has no value" if value is None else f"{what} must be a string")
    return text


def _object(value: Json, names: tuple[str, ...], place: Place, what: str) -> None:
    if not isinstance(value, dict):
        _fail(place, f"{what} is an object with {', '.join(names)}")
    for name in value:
        if name not in names:
            _fail(place.name(name), f"{what} has no {quoted(str(name))}; it has {', '.join(names)}")


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return any(globs.matches(pattern, text) for pattern in patterns)


def _listed(texts: tuple[str, ...]) -> str:
    shown = [plain(text) for text in texts]
    return shown[0] if len(shown) == 1 else "{" + ", ".join(shown) + "}"


def _fail(place: Place, message: str) -> NoReturn:
    raise InputError(message, place.where())


def contradictions(spec: Spec) -> list[str]:
    """Why the specification cannot be met, one line each, naming ids; empty when nothing speaks against it."""
    return [*_both_ways(spec), *_against_bounds(spec), *_bounds_against_each_other(spec)]


def _both_ways(spec: Spec) -> Iterator[str]:
    seen: dict[tuple[object, ...], SpecRequest] = {}
    for item in spec.requests:
        first = seen.setdefault(_identity(item.request), item)
        if first.effect == item.effect:
            continue
        allowed, denied = (first.id, item.id) if first.effect == "allow" else (item.id, first.id)
        action = plain(item.request.action)
        yield f"{plain(allowed)} allows and {plain(denied)} denies the same request ({action})"


def _against_bounds(spec: Spec) -> Iterator[str]:
    for item in spec.requests:
        allowed = item.effect == "allow"
        bounds, word, verb = (spec.never, "never", "allows") if allowed else (spec.always, "always", "denies")
        hit = next((number for number, pattern in enumerate(bounds, 1) if pattern.matches(item.request)), None)
        if hit is not None:
            action = plain(item.request.action)
            yield f"{plain(item.id)} {verb} {action}, which {word} {hit} ({bounds[hit - 1]}) rules out"


def _bounds_against_each_other(spec: Spec) -> Iterator[str]:
    for first, wanted in enumerate(spec.always, 1):
        for second, forbidden in enumerate(spec.never, 1):
            if _overlap(wanted, forbidden):
                yield f"always {first} ({wanted}) and never {second} ({forbidden}) share requests"


def _identity(request: Request) -> tuple[object, ...]:
    context = tuple(sorted((key, tuple(sorted(set(given)))) for key, given in request.context.items() if given))
    return request.action.lower(), request.resource, request.principal, context


def _overlap(one: Pattern, other: Pattern) -> bool:
    """Whether some request is in both. A key that may hold several values can meet both contexts at once."""
    if not _meet(one.actions, other.actions) or not _meet(one.resources, other.resources):
        return False
    for key in one.context.keys() & other.context.keys():
        known = global_key(key)
        several = known is not None and known.multivalued
        if not several and not _meet(one.context[key], other.context[key]):
            return False
    if one.principals is None or other.principals is None:
        return True
    return _meet(one.principals, other.principals)


def _meet(ones: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return any(globs.overlap(one, other) for one in ones for other in others)

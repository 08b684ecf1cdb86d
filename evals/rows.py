"""The form of a row: keys every suite shares, variants side by side, and what of it is the clock's doing. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from opswright.nouns import Json, digest

VARIANTS = "rows"  # a row's key for the same case by several tiers or methods
SUMMED = ("tokens_in", "tokens_out", "cached_tokens", "cost_usd", "seconds", "calls")
COMMON = ("score", "passed", "tier", "tiers", *SUMMED, "estimated", "error")
_CLOCK = frozenset({"seconds", "ms", "cpu_ms"})
_CLOCK_ENDINGS = ("_ms", "_s", "_seconds")
Row = Mapping[str, Json]


def ran(row: Row) -> bool:
    """Whether the case was measured; one that failed in its environment was not."""
    return "error" not in row


def variants(row: Row) -> dict[str, Row]:
    """The lines a row stands for: those of its variants, or itself under the empty name."""
    found = row.get(VARIANTS)
    if isinstance(found, Mapping) and found and all(isinstance(one, Mapping) for one in found.values()):
        return dict(found)
    return {"": row}


def score(row: Row) -> float | None:
    """0 to 1; `passed` where there is no score, None where there is neither."""
    value = row.get("score", row.get("passed"))
    return None if value is None else float(value)


def spent(rows: Iterable[Row]) -> dict[str, Json]:
    """The sums of what rows say was spent, and whether any of it is an estimate."""
    rows = list(rows)
    sums: dict[str, Json] = {name: sum(row.get(name) or 0 for row in rows) for name in SUMMED}
    return {**sums, "estimated": any(row.get("estimated") for row in rows)}


def timeless(value: Json) -> Any:
    """The same without the clock's keys, at any depth."""
    if isinstance(value, Mapping):
        return {key: timeless(one) for key, one in value.items() if not _is_clock(key)}
    if isinstance(value, list | tuple):
        return [timeless(one) for one in value]
    return value


def _is_clock(key: str) -> bool:
    return key in _CLOCK or key.endswith(_CLOCK_ENDINGS)


def digest_of(rows: Mapping[str, Row]) -> str:
    """One name for equal rows by case id, whatever order and time they were measured in."""
    return digest({id: timeless(row) for id, row in rows.items()})[:16]

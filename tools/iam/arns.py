"""Amazon Resource Names: `arn:partition:service:region:account:resource`, compared component by component.

IAM User Guide, "Condition operators", ARN operators: each of the six components is checked separately and may hold
wildcards; ArnEquals and ArnLike behave alike.
"""

from functools import lru_cache

from opswright.tools.iam import globs
from opswright.tools.iam.variables import Fixed, Literal, glob

COMPONENTS = 6


def split(text: str) -> tuple[str, ...] | None:
    """The six components (colons of the last stay in it), or None for what has fewer."""
    parts = text.split(":", COMPONENTS - 1)
    return tuple(parts) if len(parts) == COMPONENTS else None


def account(text: str) -> str | None:
    """The account of an ARN, None when it names none."""
    parts = split(text)
    return (parts[4] or None) if parts else None


@lru_cache(maxsize=16384)
def _tests(pattern: str) -> tuple[globs.Test, ...] | None:
    parts = split(pattern)
    return tuple(globs.matcher(part) for part in parts) if parts else None


def like(pattern: str, value: str) -> bool:
    """Whether an ARN matches an ARN pattern, each component by itself. What is no ARN matches nothing."""
    tests = _tests(pattern)
    parts = split(value)
    if tests is None or parts is None:
        return False
    return all(test(part) for test, part in zip(tests, parts, strict=True))


def parts_like(parts: tuple[Literal | Fixed, ...], value: str) -> bool:
    """As `like`, for a pattern whose variables were replaced: wildcards in their values are mere characters."""
    components = _components(parts)
    given = split(value)
    if components is None or given is None:
        return False
    return all(glob(component)(part) for component, part in zip(components, given, strict=True))


@lru_cache(maxsize=16384)
def _components(parts: tuple[Literal | Fixed, ...]) -> tuple[tuple[Literal | Fixed, ...], ...] | None:
    """Cuts substituted parts at the first five colons, as `split` cuts a text."""
    components: list[list[Literal | Fixed]] = [[]]
    for part in parts:
        kind = type(part)
        texts = part.text.split(":", COMPONENTS - len(components))
        components[-1].append(kind(texts[0]))
        components.extend([kind(text)] for text in texts[1:])
    return tuple(map(tuple, components)) if len(components) == COMPONENTS else None

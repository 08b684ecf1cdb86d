"""One case of a suite, as a person looks at it."""

from collections.abc import Sequence

from opswright.errors import InputError
from opswright.evals.suites import Case, Part, Shown
from opswright.nouns import Json


def look(parts: Sequence[Part], id: str) -> dict[str, Json]:
    """The part, the id, and what the part shows of the case. Raises InputError when no part has it."""
    for exact in (True, False):
        for part in parts:
            for case in part.cases():
                if case.id == id or (not exact and _bare(case.id) == _bare(id)):
                    return {"part": part.name, "case": case.id, **shown(part, case)}
    raise InputError(f"there is no such case in {', '.join(part.name for part in parts)}", id)


def _bare(id: str) -> str:
    return id.lstrip("0") or "0"


def shown(part: Part, case: Case) -> dict[str, Json]:
    """What the part shows of a case: its data and the names of its files unless the part says otherwise."""
    if isinstance(part, Shown):
        return dict(part.show(case))
    found = dict(case.data)
    if case.folder is not None:
        found["folder"] = str(case.folder)
        found["files"] = sorted(str(at.relative_to(case.folder)) for at in case.folder.rglob("*") if at.is_file())
    return found

"""What is shown as the input of cases whose rows are exported: the case, where it is certainly the one that ran."""

from collections.abc import Mapping
from pathlib import Path

from opswright.errors import OpswrightError
from opswright.evals.inspecting.samples import input_of
from opswright.evals.results import ResultSet
from opswright.evals.runs import Chosen, open_run
from opswright.settings import Settings

Inputs = Mapping[str, Mapping[str, str]]  # by part and case


def inputs_of(
    results: ResultSet, settings: Settings, data: Path | None, plugins: tuple[Path, ...], environment: Mapping[str, str]
) -> tuple[Inputs, str]:
    """The inputs, and why there are none, in words; cases of another code or data may have the same ids."""
    chosen = Chosen(suite=results.suite, data=data, seed=results.header.get("seed", 1), plugins=plugins)
    try:
        opened = open_run(chosen, settings, environment, Path.cwd())
        now, then = opened.results.header, results.header
        differing = [name for name in ("seed", "code", "data", "cases") if now.get(name) != then.get(name)]
        if differing:
            return {}, f"measured with another {', '.join(differing)}"
        parts = [part for part in opened.parts if part.name in results.rows]
        hidden = opened.suite.unrecordable
        return {
            part.name: {
                case.id: input_of(part, case, hidden) for case in part.cases() if case.id in results.rows[part.name]
            }
            for part in parts
        }, ""
    except OpswrightError as error:
        return {}, str(error)

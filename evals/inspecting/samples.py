"""A case and its row as inspect-ai sees them: a sample, an output with its usage. The row is the output."""

import json
from collections.abc import Mapping

from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage

from opswright.evals.looking import shown
from opswright.evals.rows import Row
from opswright.evals.suites import Case, Part
from opswright.nouns import Json

# What usage is booked under. Models were asked by the program's own gateway; inspect's are never asked anything.
MODEL = "opswright"
GATEWAY = f"mockllm/{MODEL}"


def sample_of(part: Part, case: Case, hidden: Mapping[str, str]) -> Sample:
    """The case as a sample. `hidden`: by part, why its cases must not be in logs."""
    return Sample(input=input_of(part, case, hidden), id=case.id, metadata={"part": part.name})


def input_of(part: Part, case: Case, hidden: Mapping[str, str]) -> str:
    """The case as `opswright eval case` shows it, or its id where it must not be in logs."""
    if part.name in hidden:
        return f"{part.name}/{case.id} (not shown: {hidden[part.name]})"
    return _text(shown(part, case))


def output_of(row: Row) -> ModelOutput:
    """The row as JSON, with what the product took for it."""
    return ModelOutput.from_content(MODEL, _text(dict(row))).model_copy(update={"usage": usage_of(row)})


def row_of(output: ModelOutput) -> Json:
    """The row that is the output; None where nothing was measured."""
    return json.loads(output.completion) if output.completion else None


def usage_of(row: Row) -> ModelUsage | None:
    """Tokens and USD of the row itself, not of its variants; None where no model was asked."""
    tokens_in, tokens_out = row.get("tokens_in") or 0, row.get("tokens_out") or 0
    if not tokens_in + tokens_out:
        return None
    cached = min(row.get("cached_tokens") or 0, tokens_in)  # inspect counts them apart from the other input
    return ModelUsage(
        input_tokens=tokens_in - cached,
        input_tokens_cache_read=cached,
        output_tokens=tokens_out,
        total_tokens=tokens_in + tokens_out,
        total_cost=row.get("cost_usd"),
    )


def _text(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

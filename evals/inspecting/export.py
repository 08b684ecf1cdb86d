"""Rows that were measured already as inspect-ai's log files, one for each part; nothing is run again."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from inspect_ai import score
from inspect_ai.log import EvalConfig, EvalDataset, EvalError, EvalLog, EvalSample, EvalSpec, EvalStats, write_eval_log
from inspect_ai.model import ChatMessageUser, ModelUsage

from opswright.errors import StoreFailed
from opswright.evals.inspecting.samples import GATEWAY, output_of
from opswright.evals.inspecting.scoring import measured
from opswright.evals.results import ResultSet
from opswright.evals.rows import Row, ran
from opswright.nouns import digest


def write_logs(results: ResultSet, inputs: Mapping[str, Mapping[str, str]], folder: Path) -> list[Path]:
    """Writes the logs and returns their paths; the same results give the same names. Raises StoreFailed.

    `inputs`: by part and case what is shown as its input; a case that is not in it is shown by its id.
    """
    written = []
    for part, rows in results.rows.items():
        log = _log(results, part, rows, inputs.get(part, {}))
        # Names come from the result file, which may be anybody's: they are no way out of the folder.
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{log.eval.task}-{log.eval.task_id}")
        path = folder / f"{name}.eval"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_eval_log(log, str(path))
        except OSError as error:
            raise StoreFailed(f"{path}: cannot be written: {error.strerror}") from None
        written.append(path)
    return written


def _log(results: ResultSet, part: str, rows: Mapping[str, Row], inputs: Mapping[str, str]) -> EvalLog:
    """The part's log, scored by inspect itself with the scorer that its tasks have."""
    # Rows say how long they took and not when: the last was written last, and the others one after the other before.
    end = results.path.stat().st_mtime
    began = end - sum(row.get("seconds") or 0 for row in rows.values())
    about = {**results.header, "part": part}
    samples = [_sample(id, inputs.get(id, f"{part}/{id}"), part, row) for id, row in rows.items()]
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            eval_id=digest(about)[:22],
            run_id=digest(results.header)[:22],
            task_id=digest(about)[:12],
            created=_time(began),
            task=f"{results.suite}-{part}",
            dataset=EvalDataset(name=part, samples=len(samples), sample_ids=list(rows)),
            model="none/none",
            config=EvalConfig(epochs=1, fail_on_error=False),
            metadata=about,
        ),
        stats=EvalStats(started_at=_time(began), completed_at=_time(end), model_usage=_booked(samples)),
        samples=samples,
    )
    return score(log, measured(), action="overwrite", display="none", copy=False)


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(at))


def _sample(id: str, input: str, part: str, row: Row) -> EvalSample:
    sample = EvalSample(
        id=id, epoch=1, input=input, target="", metadata={"part": part}, messages=[ChatMessageUser(content=input)]
    )
    if not ran(row):
        reason = str(row["error"])
        failed = EvalError(message=reason, traceback=reason, traceback_ansi=reason)
        return sample.model_copy(update={"error": failed})
    output = output_of(row)
    return sample.model_copy(
        update={
            "output": output,
            "messages": [*sample.messages, output.message],
            "model_usage": {} if output.usage is None else {GATEWAY: output.usage},
            "total_time": row.get("seconds"),
        }
    )


def _booked(samples: Sequence[EvalSample]) -> dict[str, ModelUsage]:
    used = [usage for sample in samples for usage in sample.model_usage.values()]
    return {GATEWAY: sum(used[1:], used[0])} if used else {}

"""One case, wherever it runs, and how what it raises travels to the process that asked for it."""

import pickle
import time
import traceback
from collections.abc import Callable

from opswright.errors import EnvironmentFailed, ToolFailed
from opswright.evals.suites import Case, Part
from opswright.nouns import Json

Load = Callable[[], Part]
Outcome = tuple[str, Json]  # case id, row


def run_one(part: Part, case: Case) -> Outcome:
    """The case's row, with the seconds it took. A tool or environment that fails in it makes an `error` row."""
    began = time.perf_counter()
    try:
        row = part.run(case)
    except (ToolFailed, EnvironmentFailed) as error:
        return case.id, failed(type(error).__name__, str(error))
    return case.id, {"seconds": round(time.perf_counter() - began, 6), **row}


def failed(kind: str, reason: str) -> Json:
    """The row of a case that could not be measured; a run that goes on tries it again."""
    return {"error": f"{kind}: {reason}"}


def portable(error: Exception) -> Exception:
    """The same error if it survives the way between processes, else one that says what it was."""
    error.add_note(f"in another process:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except (pickle.PickleError, TypeError, AttributeError, ValueError, ImportError):
        return RuntimeError(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    return error

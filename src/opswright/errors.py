"""Every error the program raises on purpose, on one page, split by who must act on it.

`main` turns an `OpswrightError` into one line on stderr (or the JSON envelope) and its class's exit code.
Messages are one line and say what to do; they never carry a secret. Anything else that escapes is a bug of ours (70).
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes that other programs rely on."""

    DONE = 0
    FOUND = 1  # a check found something, or there is no accepted result
    INPUT = 2
    UNDECIDED = 3
    BUDGET = 4
    APPROVAL = 5
    ENVIRONMENT = 6
    BUG = 70
    INTERRUPTED = 130


class OpswrightError(Exception):
    """Root of the tree; never raised itself."""

    exit_code = Exit.BUG


# The user fixes the input or the configuration.
class InputError(OpswrightError):
    """A file, an argument or a setting is wrong; `where` is a path, `path:line:column` or an option's name."""

    exit_code = Exit.INPUT

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class ConfigError(InputError):
    """Settings do not fit together: an unknown key, a project file that widens, a model without a price."""


class ReceiptError(InputError):
    """A receipt is not one, was altered, or is signed by another key."""


# The model sees the message and tries again.
class ModelRetry(OpswrightError):
    """What the model said does not parse or does not hold; the message is shown to it."""

    exit_code = Exit.FOUND


# The tool failed; the model sees it, the loop records it as an observation.
class ToolFailed(OpswrightError):
    """A tool ran and did not succeed."""

    exit_code = Exit.FOUND


# A person must approve.
class ApprovalNeeded(OpswrightError):
    """Nothing was done; `opswright approve HASH` and `--resume` go on."""

    exit_code = Exit.APPROVAL

    def __init__(self, message: str, action_hash: str) -> None:
        super().__init__(message)
        self.action_hash = action_hash


class ApprovalRefused(OpswrightError):
    """A person or the approval policy said no; nothing was done."""

    exit_code = Exit.APPROVAL


# The budget is spent.
class BudgetSpent(OpswrightError):
    """A hard limit would be passed by the next step; the best verified result so far stands."""

    exit_code = Exit.BUDGET


# The environment failed: engine, endpoint, database, disk.
class EnvironmentFailed(OpswrightError):
    """Something outside the program does not answer or has no room."""

    exit_code = Exit.ENVIRONMENT


class SandboxUnavailable(EnvironmentFailed):
    """No sandbox can be started here; different from a command that failed inside one."""


class EndpointFailed(EnvironmentFailed):
    """The model endpoint cannot be reached, refuses the key, or keeps failing."""


class StoreFailed(EnvironmentFailed):
    """The journal, the checkpoints or a result file cannot be written: locked, full, not permitted."""


class ModelCallsForbidden(EnvironmentFailed):
    """A model call was attempted where tests or the user forbid them."""


class RecordingMissing(EnvironmentFailed):
    """A replay met a request that was never recorded; the message names the command that records it."""

"""The settings: one frozen object, built once at the entry point, that knows where each value came from.

Defaults < user file < project file (which may only narrow) < environment < flags. Secrets are never settings: a
setting names the environment variable that holds one.
"""

from opswright.settings.layers import PROJECT_FILE, VARIABLES, load_settings
from opswright.settings.shape import (
    ApprovalRules,
    ApprovalSettings,
    BudgetSettings,
    CheckpointSettings,
    Deployment,
    Limits,
    ModelSettings,
    Rule,
    Settings,
    SigningSettings,
    Source,
)

__all__ = [
    "PROJECT_FILE",
    "VARIABLES",
    "ApprovalRules",
    "ApprovalSettings",
    "BudgetSettings",
    "CheckpointSettings",
    "Deployment",
    "Limits",
    "ModelSettings",
    "Rule",
    "Settings",
    "SigningSettings",
    "Source",
    "load_settings",
]

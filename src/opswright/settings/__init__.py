"""The settings: one frozen object, built once at the entry point, that knows where each value came from.

Defaults < user file < project file (which may only narrow) < environment < flags. Secrets are never settings: a
setting names the environment variable that holds one.
"""

from opswright.settings.layers import (
    OTHER_VARIABLES,
    PROJECT_FILE,
    USER_FILE,
    VARIABLES,
    find_project_file,
    load_settings,
)
from opswright.settings.shape import (
    ApprovalRules,
    ApprovalSettings,
    BudgetSettings,
    CheckpointSettings,
    Deployment,
    Limits,
    MemorySettings,
    ModelSettings,
    Rule,
    SandboxSettings,
    Section,
    SemanticRule,
    Settings,
    SigningSettings,
    Source,
)

__all__ = [
    "OTHER_VARIABLES",
    "PROJECT_FILE",
    "USER_FILE",
    "VARIABLES",
    "ApprovalRules",
    "ApprovalSettings",
    "BudgetSettings",
    "CheckpointSettings",
    "Deployment",
    "Limits",
    "MemorySettings",
    "ModelSettings",
    "Rule",
    "SandboxSettings",
    "Section",
    "SemanticRule",
    "Settings",
    "SigningSettings",
    "Source",
    "find_project_file",
    "load_settings",
]

"""Probes of the program's own parts: settings, action database, the proof engine's fallback, signing key."""

import difflib
import os
from importlib import metadata
from pathlib import Path

from opswright.cli.doctor.finding import Finding, broken, missing, ok
from opswright.settings import OTHER_VARIABLES, USER_FILE, VARIABLES, Settings, find_project_file


def settings_in_force(settings: Settings) -> Finding:
    """Which files speak, and variables of ours that nothing reads: a limit that is misspelt limits nothing."""
    name = "Settings"
    known = {*VARIABLES, *OTHER_VARIABLES, settings.checkpoints.dsn_env}
    odd = sorted(one for one in os.environ if one.startswith("OPSWRIGHT_") and one not in known)
    odd = [one for one in odd if not one.startswith("OPSWRIGHT_TEST_")]
    if odd:
        close = difflib.get_close_matches(odd[0], VARIABLES, 1)
        meant = f"did you mean {close[0]}?" if close else "unset it"
        return broken(name, f"{odd[0]} is set, and nothing reads it", f"{meant} opswright config lists the settings")
    user_file = settings.config_dir / USER_FILE
    files = [file for file in (user_file, find_project_file(Path.cwd())) if file is not None and file.is_file()]
    return ok(name, ", ".join(map(str, files)) or f"no file ({user_file} would be read)")


def action_database(settings: Settings) -> Finding:
    """The offline list of AWS actions."""
    name = "Action database"
    try:
        version = metadata.version("policy-sentry")
    except metadata.PackageNotFoundError:
        return missing(
            name, "policy-sentry is not installed", "pip install 'opswright[policy]'; policy commands need it"
        )
    from opswright.tools.iam.actions import load

    return ok(name, f"{len(load().names):,} AWS actions, from policy-sentry {version}")


def cvc5(settings: Settings) -> Finding:
    """The solver that the policy engine falls back on."""
    try:
        return ok("cvc5", metadata.version("cvc5"))
    except metadata.PackageNotFoundError:
        advice = "pip install 'opswright[policy]'; without it some comparisons stay undecided"
        return missing("cvc5", "not installed", advice)


def signing_key(settings: Settings) -> Finding:
    """The key that receipts are signed with."""
    name, file = "Signing key", settings.signing.key_file
    if file is None:
        return missing(name, "none configured", "optional: receipts are then protected by their digest alone")
    if not file.is_file():
        return broken(name, f"{file} does not exist", "create it, or correct `signing.key_file`")
    if file.stat().st_mode & 0o077:
        return broken(name, f"{file} can be read by others", f"chmod 600 {file}")
    return ok(name, str(file))

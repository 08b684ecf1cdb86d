"""Probes of the program's own parts: the action database, the proof engine's fallback, the signing key."""

from importlib import metadata

from opswright.cli.doctor.finding import Finding, broken, missing, ok
from opswright.settings import Settings


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

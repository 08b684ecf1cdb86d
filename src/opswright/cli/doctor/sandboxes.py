"""Probe of where commands run that nobody trusts: which sandbox serves, and what its limits are worth."""

from opswright.cli.doctor.finding import Finding, broken, missing, ok
from opswright.errors import SandboxUnavailable
from opswright.settings import Settings

_ADVICE = "start Docker's engine (apt-get install docker.io), or apt-get install bubblewrap"


def sandbox(settings: Settings) -> Finding:
    """Asks the engine and looks for its image without building it; where there is none, really runs a process."""
    name, backing = "Sandbox", settings.sandbox.backing
    refusals = []
    for kind, look in (("container", _container), ("process", _process)):
        if backing not in ("auto", kind):
            continue
        try:
            return ok(name, f"{kind}: {look(settings)}{_groups_left()}")
        except SandboxUnavailable as error:
            refusals.append(str(error))
    report = missing if backing == "auto" else broken
    return report(name, "; ".join(refusals), f"{_ADVICE}; commands that nobody trusts are not run without")


def _container(settings: Settings) -> str:
    from opswright.sandboxes.container.engine import connect, is_here
    from opswright.sandboxes.container.image import expected, present
    from opswright.sandboxes.container.leftovers import leftovers

    api = connect()
    try:
        image = expected(settings.sandbox.image)
        built = present(api, image)
        if settings.sandbox.image and not built:
            raise SandboxUnavailable(f"the engine has no image {image!r} (sandbox.image)")
        left = len(leftovers(api))
        said = f"image {image} {'is there' if built else 'is built at the first use'}; {_limits(is_here(api))}"
        return f"{said}; {left} containers of dead owners go at the next start" if left else said
    finally:
        api.close()


def _process(settings: Settings) -> str:
    from opswright.sandboxes.process.sandbox import ProcessSandbox

    ProcessSandbox().close()
    return _limits(here=True)


def _limits(here: bool) -> str:
    """What a call's limits rest on, tried out."""
    from opswright.sandboxes.cgroups.opening import groups_freeze, open_group
    from opswright.sandboxes.ports import Limits

    group = open_group(None, Limits(), freeze=False) if here else None
    if group is None:
        return "calls have no control groups of their own"
    group.close()
    return "each call has a control group" + (" and is asked about at its memory limit" if groups_freeze() else "")


def _groups_left() -> str:
    from opswright.sandboxes.cgroups.leftovers import leftovers

    left = len({folder.name for folder in leftovers()})
    return f"; {left} control groups of dead owners go at the next start" if left else ""

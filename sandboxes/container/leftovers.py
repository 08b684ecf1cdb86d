"""Containers whose owners died. They end by themselves with the owner's connection; what did not is removed here."""

import contextlib
from typing import TYPE_CHECKING

from opswright.sandboxes.cgroups.owners import is_dead, owner_of, this_process
from opswright.sandboxes.container.cell import OWNER
from opswright.sandboxes.container.engine import asking, is_here

if TYPE_CHECKING:
    from docker import APIClient


def leftovers(api: "APIClient") -> tuple[str, ...]:
    """Ids of containers whose owner is dead. Of an engine on another machine none: owners there cannot be judged."""
    if not is_here(api):
        return ()
    with asking("listing containers"):
        found = api.containers(all=True, filters={"label": OWNER})
    return tuple(str(one["Id"]) for one in found if _is_left(str(one["Labels"].get(OWNER)), str(one["State"])))


def sweep(api: "APIClient") -> int:
    """Removes them; says how many. Safe beside other sweepers."""
    import docker

    found = leftovers(api)
    for container in found:
        with asking("removing a container"), contextlib.suppress(docker.errors.NotFound):
            _remove(api, container)
    return len(found)


def _remove(api: "APIClient", container: str) -> None:
    import docker

    try:
        api.remove_container(container, force=True)
    except docker.errors.APIError as error:
        if error.status_code != 409:  # somebody is removing it already
            raise


def _is_left(name: str, state: str) -> bool:
    owner = owner_of(name)
    if owner is None or not is_dead(owner):
        return False
    # A socket can be lent to another machine's engine: one that runs under another boot may be somebody's there.
    return owner.boot == this_process().boot or state != "running"

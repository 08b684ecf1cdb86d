"""Opens the control group of one call, in the version this machine has, or says that it may not."""

from collections.abc import Callable
from pathlib import Path

from opswright.sandboxes.cgroups import v1, v2
from opswright.sandboxes.cgroups.groups import CallGroup, Tree
from opswright.sandboxes.cgroups.mounts import Hierarchies, hierarchies
from opswright.sandboxes.cgroups.owners import new_name
from opswright.sandboxes.ports import MIB, Limits

LEAF = "opswright-rest"  # where a container's own processes go in version 2


def open_group(
    parent: str | None,
    limits: Limits,
    freeze: bool,
    found: Hierarchies | None = None,
    tree: Callable[[Path], Tree] = Tree,
) -> CallGroup | None:
    """A new group with these limits below `parent` (a path below the hierarchy's root such as `docker/ID`), or beside
    this process when None. `pids` counts everything adopted. None where no group may be made: the caller limits
    otherwise.

    With `freeze` the call waits at its memory limit where the kernel can do that (`CallGroup.freezes` says so). `found`
    and `tree` are what this machine has, unless a test hands in something else.
    """
    found = found or hierarchies()
    try:
        if found.v1.keys() >= v1.NEEDED:
            return _open_v1(found, tree, parent, limits, freeze)
        if found.v2 is not None and found.v2_controllers >= v2.NEEDED:
            return _open_v2(tree(found.v2.at), found.v2.own, parent, limits)
    except OSError:  # not permitted, read-only, or the parent is not there
        return None
    return None


def groups_freeze() -> bool:
    """Can a call here wait at its memory limit and be asked about? Tried out, since it depends on kernel and rights."""
    group = open_group(None, Limits(memory_bytes=16 * MIB, pids=1), freeze=True)
    if group is None:
        return False
    try:
        return group.freezes
    finally:
        group.close()


def _open_v1(
    found: Hierarchies, tree: Callable[[Path], Tree], parent: str | None, limits: Limits, freeze: bool
) -> CallGroup:
    name = new_name()
    places = {
        controller: (tree(place.at), f"{place.own if parent is None else parent.strip('/')}/{name}".lstrip("/"))
        for controller, place in found.v1.items()
    }
    return v1.V1Group(name, places, limits, freeze)


def _open_v2(tree: Tree, own: str, parent: str | None, limits: Limits) -> CallGroup | None:
    if parent is None:
        folder = v2.nearest_that_divides(tree, own)
    else:
        folder = parent.strip("/") if v2.make_divisible(tree, parent.strip("/"), LEAF) else None
    if folder is None:
        return None
    name = new_name()
    return v2.V2Group(name, tree, f"{folder}/{name}".lstrip("/"), limits)

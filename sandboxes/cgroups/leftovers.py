"""What owners that died left behind: groups of theirs are found by name, in any hierarchy and below any parent."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from opswright.sandboxes.cgroups.groups import EMPTY_WAIT_S, Tree, remove_when_empty, visible
from opswright.sandboxes.cgroups.mounts import Hierarchies, hierarchies
from opswright.sandboxes.cgroups.owners import is_dead, owner_of


def leftovers(found: Hierarchies | None = None) -> tuple[Path, ...]:
    """Folders of groups whose owner is dead, innermost first; owners in other containers cannot be judged from here."""
    return tuple(folder for root in _roots(found or hierarchies()) for folder in _dead_groups(root))


def sweep(found: Hierarchies | None = None, tree: Callable[[Path], Tree] = Tree) -> int:
    """Kills what still runs in groups of dead owners and removes them; says how many. Safe beside other sweepers, and
    leaves alone what only another user may touch.
    """
    folders = [folder for folder in leftovers(found) if os.access(folder, os.W_OK)]
    for folder in folders:  # in every hierarchy first: what is frozen in one of them cannot be killed by way of another
        _let_die(tree(folder))
    for folder in folders:
        _end(tree(folder))
    for folder in folders:
        with contextlib.suppress(OSError):  # what cannot be removed now is found again
            remove_when_empty(tree(folder.parent), folder.name)
    return len({folder.name for folder in folders})


def _roots(found: Hierarchies) -> list[Path]:
    mounted = [*found.v1.values(), *([found.v2] if found.v2 else [])]
    return sorted({hierarchy.at for hierarchy in mounted})


def _dead_groups(root: Path) -> Iterator[Path]:
    for folder, names, _ in os.walk(root, topdown=False):
        for name in names:
            owner = owner_of(name)
            if owner is not None and is_dead(owner):
                yield Path(folder, name)


def _let_die(tree: Tree) -> None:
    for file, text in (("pids.max", "0"), ("freezer.state", "THAWED"), ("cgroup.kill", "1")):
        if tree.has(file):
            with contextlib.suppress(OSError):
                tree.write(file, text)


def _end(tree: Tree) -> None:
    give_up = time.monotonic() + EMPTY_WAIT_S
    while (pids := visible(tree.read("cgroup.procs"))) and time.monotonic() < give_up:
        for pid in pids:
            tree.kill(pid, "cgroup.procs")
        time.sleep(0.002)

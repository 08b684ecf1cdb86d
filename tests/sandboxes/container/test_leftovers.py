"""What dead owners left is found and removed; what living ones have is not touched."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from opswright.sandboxes.cgroups.owners import new_name, this_process
from opswright.sandboxes.container.cell import OWNER
from opswright.sandboxes.container.engine import connect
from opswright.sandboxes.container.image import ensure
from opswright.sandboxes.container.leftovers import leftovers, sweep
from opswright.sandboxes.container.opening import open_container
from opswright.sandboxes.ports import Command, Limits
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine
from tests.processes import Child, wait_for

pytestmark = pytest.mark.live


def dead_name() -> str:
    """As a process of this boot would have named its things, which has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    owner = this_process()
    return f"opswright-{owner.boot}-{owner.namespace}-{process.pid}-1-0"


@pytest.fixture
def make() -> Iterator[Callable[[str, bool], str]]:
    """Makes a container under an owner's name, running or only created."""
    docker_engine()
    api = connect()
    image = ensure(api, None, lambda line: None)
    made: list[str] = []

    def make(owner: str, running: bool) -> str:
        container = str(api.create_container(image, ["sleep", "600"], labels={OWNER: owner})["Id"])
        made.append(container)
        if running:
            api.start(container)
        return container

    yield make
    left = {one["Id"] for one in api.containers(all=True)}
    for container in left.intersection(made):
        api.remove_container(container, force=True)
    api.close()


@pytest.mark.parametrize("running", [True, False])
def test_those_of_dead_owners_go_and_ours_stay(make: Callable[[str, bool], str], running: bool) -> None:
    api = connect()
    dead, ours, strange = make(dead_name(), running), make(new_name(), running), make("somebody", running)
    assert dead in leftovers(api) and not {ours, strange}.intersection(leftovers(api))
    sweep(api)
    there = {one["Id"] for one in api.containers(all=True)}
    assert dead not in there and {ours, strange} <= there
    api.close()


def test_one_of_another_boot_goes_only_when_it_does_not_run(make: Callable[[str, bool], str]) -> None:
    """The engine may be another machine's, reached by a socket that is lent to this one."""
    api = connect()
    owner = dead_name().replace(this_process().boot, "00000000")
    runs, created = make(owner, True), make(owner, False)
    assert created in leftovers(api) and runs not in leftovers(api)
    sweep(api)
    api.close()


def test_opening_sweeps(make: Callable[[str, bool], str]) -> None:
    dead = make(dead_name(), True)
    open_container(SandboxSettings()).close()
    api = connect()
    assert dead not in {one["Id"] for one in api.containers(all=True)}
    api.close()


def test_containers_of_a_killed_owner_end_by_themselves() -> None:
    """In the middle of a call and with the next container ready; one that was made and not started yet is swept."""
    docker_engine()

    def work(say: Callable[[str], None]) -> None:
        sandbox = open_container(SandboxSettings())
        sandbox.settle()
        say(new_name())
        sandbox.run(Command(["sleep", "600"]), Limits(seconds=600.0))

    api = connect()
    child = Child(work)
    owner = child.line().rpartition("-")[0]

    def theirs(running: bool) -> list[str]:
        found = api.containers(all=not running, filters={"label": OWNER})
        return [one["Id"] for one in found if one["Labels"][OWNER].startswith(owner)]

    wait_for(lambda: len(theirs(running=True)) >= 2, "the call and the next container")
    child.kill()
    wait_for(lambda: theirs(running=True) == [], "both to end")
    sweep(api)
    wait_for(lambda: theirs(running=False) == [], "all to be removed")
    api.close()


def test_those_that_others_hold_are_swept() -> None:
    """A child that was forked in mid-call holds our connections: nothing ends by itself, and the next start sees it."""
    docker_engine()

    def work(say: Callable[[str], None]) -> None:
        sandbox = open_container(SandboxSettings())
        sandbox.settle()
        holder = Child(hold)
        say(str(holder.pid))
        sandbox.run(Command(["sleep", "600"]), Limits(seconds=600.0))

    def hold(say: Callable[[str], None]) -> None:
        subprocess.run(["sleep", "600"], check=False)

    child = Child(work)
    holder = int(child.line())
    child.kill()
    api = connect()
    try:
        assert leftovers(api) != ()
        open_container(SandboxSettings()).close()
        assert leftovers(api) == ()
    finally:
        subprocess.run(["kill", "-9", str(holder)], check=False)
        api.close()

"""Whose group it is, told by its name alone."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.sandboxes.cgroups.owners import Owner, is_dead, new_name, owner_of, started, this_process
from tests.processes import Child


def test_a_name_tells_its_owner_and_is_never_given_twice() -> None:
    names = {new_name() for _ in range(100)}
    assert len(names) == 100
    assert {owner_of(name) for name in names} == {this_process()}


@given(st.text())
def test_other_names_have_no_owner(name: str) -> None:
    assert owner_of(name) is None


def test_the_living_are_not_dead() -> None:
    assert not is_dead(this_process())


@pytest.mark.parametrize(
    "changed, dead",
    [
        ({"boot": "00000000"}, True),
        ({"started": 1}, True),
        ({"namespace": 1, "started": 1}, False),
        ({"pid": 2**22 + 1}, True),
    ],
)
def test_death_is_seen_in_the_same_namespace_alone(changed: dict[str, int], dead: bool) -> None:
    assert is_dead(replace(this_process(), **changed)) is dead  # type: ignore[arg-type]


def test_a_process_is_dead_as_soon_as_it_was_killed() -> None:
    def work(say: Callable[[str], None]) -> None:
        say(new_name())
        signal.pause()

    child = Child(work)
    owner = owner_of(child.line())
    assert isinstance(owner, Owner) and owner.pid == child.pid != os.getpid()
    child.kill()
    assert is_dead(owner) and started(child.pid) == 0

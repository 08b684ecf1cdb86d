"""What holds for every environment, and for every one with a grid.

class TestMine(EnvironmentContract):
    @pytest.fixture
    def story(self, tmp_path): return Story(lambda: Mine(tmp_path), calls=[...], fails=("get", {"key": "b"}))
"""

import copy
import json
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from opswright.errors import EnvironmentFailed, ToolFailed
from opswright.nouns import Json, canonical_json
from opswright.sandboxes.environments.grid import Grid
from opswright.sandboxes.environments.ports import MEASURE, Environment, Gridded

Call = tuple[str, dict[str, Json]]


@dataclass(frozen=True)
class Story:
    """How the environment is opened, always in the same state; calls that succeed in this order, and then one that
    fails. A recorded one plays exactly this.
    """

    open: Callable[[], Environment]
    calls: Sequence[Call]
    fails: Call

    def told(self, environment: Environment) -> list[Json]:
        """What every call gives, the last one's failure as a text."""
        given = [environment.call(operation, arguments) for operation, arguments in self.calls]
        with pytest.raises(ToolFailed) as failed:
            environment.call(*self.fails)
        return [*given, str(failed.value)]


class EnvironmentContract:
    """Derive it, and say `story`."""

    @pytest.fixture
    def story(self) -> Story:
        raise NotImplementedError("a class that keeps the contract says how its environment is opened")

    def test_its_name_is_a_file_s_name(self, story: Story) -> None:
        environment = story.open()
        assert environment.name.replace("-", "").replace("_", "").isalnum() and environment.name.islower()
        story.told(environment)
        environment.close()

    def test_it_gives_plain_json_and_fails_in_one_line(self, story: Story) -> None:
        environment = story.open()
        *given, failure = story.told(environment)
        assert json.loads(canonical_json(given)) == given
        assert failure and "\n" not in failure
        environment.close()

    def test_opened_again_it_tells_the_same(self, story: Story) -> None:
        first, second = story.open(), None
        told = story.told(first)
        first.close()
        second = story.open()
        assert story.told(second) == told
        second.close()

    def test_what_it_was_given_and_gave_is_the_caller_s_own(self, story: Story) -> None:
        """Whoever spoils a result or an argument spoils no later one."""
        plain = story.open()
        expected = story.told(plain)[:-1]
        plain.close()
        environment, told = story.open(), list[Json]()
        for operation, arguments in copy.deepcopy(list(story.calls)):
            before = copy.deepcopy(arguments)
            given = environment.call(operation, arguments)
            assert arguments == before
            told.append(copy.deepcopy(given))
            for value in (given, *arguments.values()):
                if isinstance(value, dict | list):
                    value.clear()
        with pytest.raises(ToolFailed):
            environment.call(*story.fails)
        environment.close()
        assert told == expected

    def test_an_operation_that_is_not_there_is_a_clear_error(self, story: Story) -> None:
        environment = story.open()
        story.told(environment)
        with pytest.raises((ToolFailed, EnvironmentFailed)) as failed:
            environment.call("no_such_operation", {})
        assert "no_such_operation" in str(failed.value) and "\n" not in str(failed.value)
        environment.close()

    def test_another_thread_may_call_it(self, story: Story) -> None:
        environment, told = story.open(), list[Json]()
        thread = threading.Thread(target=lambda: told.extend(story.told(environment)))
        thread.start()
        thread.join()
        assert len(told) == len(story.calls) + 1
        environment.close()

    def test_it_may_be_closed_twice(self, story: Story) -> None:
        environment = story.open()
        story.told(environment)
        environment.close()
        environment.close()


class GriddedContract:
    """Derive it, and say `opening`: how the environment is opened."""

    @pytest.fixture
    def opening(self) -> Callable[[], Environment]:
        raise NotImplementedError("a class that keeps the contract says how its environment is opened")

    @pytest.fixture
    def gridded(self, opening: Callable[[], Environment]) -> Gridded:
        environment = opening()
        assert isinstance(environment, Gridded)
        return environment

    def test_its_grid_goes_through_json(self, gridded: Gridded) -> None:
        grid = gridded.grid()
        assert Grid.from_json(json.loads(canonical_json(grid.as_json()))).points() == grid.points()
        gridded.close()

    def test_every_point_gives_the_measurements_and_nothing_else(self, gridded: Gridded) -> None:
        for point in gridded.grid().points():
            found = gridded.call(MEASURE, {"configuration": point})
            assert sorted(found) == sorted(gridded.grid().measurements)
            assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())
        gridded.close()

    def test_a_block_and_a_repeat_may_be_named(self, gridded: Gridded) -> None:
        point = gridded.grid().points()[0]
        assert gridded.call(MEASURE, {"configuration": point, "block": "pair 1", "repeat": 0})
        assert gridded.call(MEASURE, {"configuration": point, "repeat": 3})
        gridded.close()

    def test_off_the_grid_is_what_the_sampler_sees(self, gridded: Gridded) -> None:
        point = gridded.grid().points()[0]
        for odd in ({}, {**point, next(iter(point)): "nowhere"}, {**point, "more": 1}):
            with pytest.raises(ToolFailed, match="off the grid"):
                gridded.call(MEASURE, {"configuration": odd})
        gridded.close()

    def test_another_operation_is_refused(self, gridded: Gridded) -> None:
        with pytest.raises(ToolFailed, match="no_such_operation"):
            gridded.call("no_such_operation", {})
        gridded.close()
        gridded.close()

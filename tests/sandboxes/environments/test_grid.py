"""A grid allows exactly its points."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import InputError, ToolFailed
from opswright.sandboxes.environments.grid import MOST_POINTS, Grid, Scalar

scalars = st.one_of(st.integers(-99, 99), st.booleans(), st.text(max_size=3), st.floats(-9, 9))
grids = st.dictionaries(
    st.text(min_size=1, max_size=4),
    st.lists(scalars, min_size=1, max_size=3, unique_by=lambda value: (isinstance(value, bool), value)),
    min_size=1,
    max_size=3,
).map(lambda parameters: Grid(parameters, ("x",)))


@given(grids)
def test_every_point_is_on_it_and_goes_through_json(grid: Grid) -> None:
    again = Grid.from_json(grid.as_json())
    assert again.points() == grid.points()
    for point in grid.points():
        assert again.checked(point) == point
        assert [type(value) for value in again.checked(point).values()] == [type(value) for value in point.values()]


@given(grids, st.data())
def test_what_is_beside_it_is_off(grid: Grid, data: st.DataObject) -> None:
    point: dict[str, Scalar] = dict(data.draw(st.sampled_from(grid.points())))
    name = data.draw(st.sampled_from(list(point)))
    values = {(isinstance(value, bool), value) for value in grid.parameters[name]}
    point[name] = data.draw(scalars.filter(lambda value: (isinstance(value, bool), value) not in values))
    with pytest.raises(ToolFailed, match="off the grid"):
        grid.checked(point)


def test_an_error_names_the_parameter_and_what_is_allowed() -> None:
    grid = Grid({"cache_mb": (1, 2), "mode": ("fast", "safe")}, ("mb_s",))
    with pytest.raises(ToolFailed, match="cache_mb = 3; allowed are 1, 2"):
        grid.checked({"cache_mb": 3, "mode": "fast"})
    with pytest.raises(ToolFailed, match="missing mode; its parameters are cache_mb, mode"):
        grid.checked({"cache_mb": 1})
    with pytest.raises(ToolFailed, match="unknown colour"):
        grid.checked({"cache_mb": 1, "mode": "safe", "colour": 1})
    assert grid.checked({"mode": "safe", "cache_mb": 2.0}) == {"cache_mb": 2, "mode": "safe"}
    with pytest.raises(ToolFailed, match="cache_mb = true"):
        grid.checked({"cache_mb": True, "mode": "safe"})


def test_not_every_combination_has_to_count() -> None:
    grid = Grid({"a": (1, 2), "b": (1, 2)}, ("x",), only=({"a": 1, "b": 2}, {"a": 2, "b": 1}))
    assert grid.points() == ({"a": 1, "b": 2}, {"a": 2, "b": 1})
    with pytest.raises(ToolFailed, match="is not one of its 2 configurations"):
        grid.checked({"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("parameters", "only", "message"),
    [
        ({}, (), "needs parameters"),
        ({"a": ()}, (), "needs values, each once"),
        ({"a": (1, 1.0)}, (), "each once"),
        ({"a": tuple(range(100)), "b": tuple(range(100))}, (), f"has 10000 configurations; {MOST_POINTS} is the most"),
        ({"a": (1, 2)}, ({"a": 1}, {"a": 1}), "a configuration twice"),
        ({"a": (1, 2)}, ({"b": 1},), "does not name every parameter"),
    ],
)
def test_what_is_no_grid(
    parameters: dict[str, tuple[int, ...]], only: tuple[dict[str, int], ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Grid(parameters, ("x",), only)


@pytest.mark.parametrize("value", [None, {}, {"parameters": 1}, {"parameters": {}, "measurements": [], "only": 3}])
def test_what_is_no_grid_in_a_file(value: object) -> None:
    with pytest.raises(InputError):
        Grid.from_json(value)


def test_points_come_in_one_order_live_and_recorded() -> None:
    """A recording's header has its keys sorted; a sampler that walks the grid must not notice."""
    grid = Grid({"z": (1, 2), "a": (1, 2)}, ("x",))
    again = Grid.from_json(json.loads(json.dumps(grid.as_json(), sort_keys=True)))
    assert [list(point.items()) for point in again.points()] == [list(point.items()) for point in grid.points()]

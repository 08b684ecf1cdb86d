"""The greenhouse specialist keeps the contract of specialists, live and recorded; its sensors that of environments."""

import json
from pathlib import Path

import pytest

from opswright.agents.greenhouse.inputs import task_inputs
from opswright.agents.greenhouse.specialist import build
from opswright.agents.manifests import own_folder, read_manifest
from opswright.agents.ports import Context
from opswright.agents.surroundings import SessionSurroundings
from opswright.agents.wiring import NoModels
from opswright.nouns import Json, Task
from opswright.settings import Settings
from opswright.tools.greenhouse.house import Driven, Sensors
from tests.agents.policy.scripted import ScriptedMemory
from tests.contracts.environments import EnvironmentContract, GriddedContract, Story
from tests.contracts.specialists import SpecialistContract, Subject

CASE = Path(__file__).parents[3] / "evals/cases/greenhouse/cold-week"


def subject_in(folder: Path, mode: str) -> Subject:
    """The specialist over a controller of its own."""
    controller = folder / "controller.json"
    controller.write_text('{"vent_percent": 20, "heating_c": 18}')
    settings = Settings(state_dir=folder, cache_dir=folder, config_dir=folder)
    surroundings = SessionSurroundings(settings, mode, CASE / "environment")
    notes: dict[str, Json] = {}
    return Subject(
        build(
            Context(
                models=NoModels(),
                memory=ScriptedMemory(),
                surroundings=surroundings,
                note=lambda name, make: notes[name] if name in notes else notes.setdefault(name, make()),
            )
        ),
        read_manifest(own_folder() / "greenhouse" / "agent.toml"),
        Task("t1", "greenhouse", "grow faster", task_inputs(controller, controller.read_text())),
        world=lambda: json.loads(controller.read_text()),
    )


class TestGreenhouse(SpecialistContract):
    @pytest.fixture(params=["live", "recorded"])
    def subject(self, tmp_path: Path, request: pytest.FixtureRequest) -> Subject:
        return subject_in(tmp_path, request.param)


class TestSensors(EnvironmentContract):
    @pytest.fixture
    def story(self) -> Story:
        calls = [("history", {"sensor": "air", "days": days}) for days in (1, 7)]
        return Story(Sensors, calls, ("history", {"sensor": "soil", "days": 1}))


class TestHouse(GriddedContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> object:
        subject_in(tmp_path, "live")
        return lambda: Driven(tmp_path / "controller.json")

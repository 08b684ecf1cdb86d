"""The doctor's word on sandboxes is what opening one would find."""

import shutil
from pathlib import Path

import pytest

from opswright.cli.doctor.finding import Health
from opswright.cli.doctor.sandboxes import sandbox
from opswright.sandboxes.container.engine import connect
from opswright.settings import Settings, load_settings
from tests.live import docker_engine, unavailable


def settings_of(folder: Path, **variables: str) -> Settings:
    """The defaults of an empty home, with variables."""
    return load_settings({}, {"HOME": str(folder), **variables}, folder)


def test_a_container_that_is_asked_for_and_has_no_engine_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = sandbox(settings_of(tmp_path, OPSWRIGHT_SANDBOX="container"))
    assert found.health is Health.BROKEN and f"nothing answers at unix://{tmp_path}/none.sock" in found.detail
    assert found.advice


def test_neither_is_optional_until_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox(settings_of(tmp_path)).health is Health.MISSING
    assert sandbox(settings_of(tmp_path, OPSWRIGHT_SANDBOX="process")).health is Health.BROKEN


@pytest.mark.live
def test_a_process_serves_where_no_engine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("bwrap") is None:
        unavailable("bubblewrap is not installed (apt-get install bubblewrap)")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = sandbox(settings_of(tmp_path))
    assert found.health is Health.OK and found.detail.startswith("process: ")


@pytest.mark.live
def test_an_engine_serves_and_no_image_is_built_by_asking(tmp_path: Path) -> None:
    docker_engine()
    api = connect()
    before = {one["Id"] for one in api.images()}
    found = sandbox(settings_of(tmp_path))
    assert found.health is Health.OK and found.detail.startswith("container: image opswright-sandbox:")
    assert {one["Id"] for one in api.images()} == before
    api.close()


@pytest.mark.live
def test_a_named_image_that_is_missing_is_told(tmp_path: Path) -> None:
    docker_engine()
    variables = {"OPSWRIGHT_SANDBOX": "container", "OPSWRIGHT_SANDBOX_IMAGE": "no-such-image:1"}
    found = sandbox(settings_of(tmp_path, **variables))
    assert found.health is Health.BROKEN and "no-such-image:1" in found.detail

"""Which sandbox is opened, and what is said when there is none."""

import shutil

import pytest

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.opening import most, open_sandbox
from opswright.sandboxes.ports import MIB, Limits
from opswright.settings.shape import SandboxSettings
from tests.live import unavailable


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/engine")


@pytest.mark.live
@pytest.mark.parametrize("backing", ["process", "auto"])
def test_without_an_engine_the_process_sandbox_serves(backing: str, no_engine: None) -> None:
    if shutil.which("bwrap") is None:
        unavailable("bubblewrap is not installed (apt-get install bubblewrap)")
    sandbox = open_sandbox(SandboxSettings.model_validate({"backing": backing}))
    assert sandbox.name == "process"
    sandbox.close()


@pytest.mark.parametrize("backing", ["process", "container", "auto"])
def test_where_nothing_works_one_line_says_so(
    backing: str, no_engine: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(SandboxUnavailable) as caught:
        open_sandbox(SandboxSettings.model_validate({"backing": backing}))
    assert "\n" not in str(caught.value)
    assert ("bubblewrap" in str(caught.value)) is (backing != "container")


def test_what_the_settings_allow_is_the_most_of_any_call() -> None:
    allowed = most(SandboxSettings(memory_mb=100, cpus=1.5, pids=9, disk_mb=50, seconds=10, output_kb=64))
    assert allowed == Limits(100 * MIB, 1.5, 9, 50 * MIB, 10.0, 64 * 1024, network=False)
    asked = Limits(memory_bytes=10**12, cpus=64, pids=10**6, disk_bytes=1, seconds=10**6, network=True)
    assert asked.within(allowed) == Limits(100 * MIB, 1.5, 9, 1, 10.0, 64 * 1024, network=False)

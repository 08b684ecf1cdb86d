"""A project's file may only narrow: every way to widen is refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import ConfigError
from opswright.settings import load_settings
from opswright.settings.layers import find_project_file
from opswright.settings.narrow import narrow
from opswright.settings.shape import Settings
from tests.settings.test_layers import Place

WIDER = [
    "[models]\nbase_url = 'http://evil'",
    "[models.low]\nmodel = 'evil/model'",
    "[[models.high]]\nmodel = 'openai/x'\nbase_url = 'http://evil'",
    "[models]\ncalls = 'allow'",
    "[models]\ncache = true",
    "[models]\nrecording = 'record'",
    "[models]\nrecordings = '/tmp'",
    "[models]\nretries = 9",
    "state_dir = '/tmp/x'",
    "cache_dir = '/tmp/x'",
    "config_dir = '/tmp/x'",
    "[budget]\nusd = 4.01",
    "[budget]\nusd = '4'",
    "[budget]\nusd = inf",
    "[budget]\nseconds = true",
    "[budget.task]\nusd = 2",
    "[approvals.environments.local]\nreversible = 'allow'",
    "[approvals.environments.local]\nirreversible = 'ask'",
    "[approvals.environments.new]\nread = 'allow'\ndisruptive = 'allow'",
    "[approvals]\nenvironment = 'somewhere'",
    "[checkpoints]\nbackend = 'postgres'",
    "[checkpoints]\ndsn_env = 'PATH'",
    "[signing]\nkey_file = '/tmp/key'",
    "[signing]\ntrusted = ['AAAA']",
    "tier = 'auto'",
    "tier = 'high'",
    "anything = 1",
]
USER = "tier = 'low'\n[budget]\nusd = 4\n[budget.task]\nusd = 1\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("project", WIDER)
def test_wider_is_refused_with_its_line(place: Place, project: str) -> None:
    with pytest.raises(ConfigError) as caught:
        place.load(user=USER, project=project)
    assert str(caught.value).startswith(f"{place.project_file}:"), caught.value
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("project", "name", "value"),
    [
        ("tier = 'solver'", "tier", "solver"),
        ("[budget]\nusd = 3", "budget.usd", 3.0),
        ("[budget]\ntokens = 10", "budget.tokens", 10),
        ("[budget.task]\nusd = 0.5", "budget.task.usd", 0.5),
        ("[models]\ncalls = 'forbid'", "models.calls", "forbid"),
        ("[models]\ncache = false", "models.cache", False),
        ("[approvals.environments.local]\nreversible = 'deny'", "approvals.environments.local.reversible", "deny"),
        ("[approvals.environments.local]\nread = 'ask'", "approvals.environments.local.read", "ask"),
    ],
)
def test_narrower_is_taken(place: Place, project: str, name: str, value: object) -> None:
    found: object = place.load(user=USER, project=project)
    for part in name.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


def test_the_user_may_still_widen_by_variable_and_flag(place: Place) -> None:
    settings = place.load(user=USER, project="[budget]\nusd = 1", flags={"max_usd": 9.0}, OPSWRIGHT_TIER="high")
    assert (settings.budget.usd, settings.tier) == (9.0, "high")


def test_the_file_is_found_up_to_the_repository_and_no_further(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer/repository/deep/deeper"
    inner.mkdir(parents=True)
    (outer / ".opswright.toml").write_text("")
    assert find_project_file(inner) == outer / ".opswright.toml"
    (outer / "repository/.git").mkdir()
    assert find_project_file(inner) is None
    (outer / "repository/.opswright.toml").write_text("")
    assert find_project_file(inner) == outer / "repository/.opswright.toml"


@given(usd=st.one_of(st.floats(), st.text(), st.booleans(), st.none(), st.integers()))
def test_no_value_of_a_limit_slips_through(usd: object) -> None:
    """Whatever a project writes: it is refused, or the validated limit is not above the user's."""
    allowed = load_settings({"max_usd": 4.0}, {"HOME": "/nonexistent"}, Path("/nonexistent"))
    try:
        narrow({"budget": {"usd": usd}}, {}, allowed)
        budget = Settings.model_validate({**allowed.model_dump(), "budget": {"usd": usd}}).budget
    except (ConfigError, ValueError):
        return
    assert budget.usd is not None and 0 <= budget.usd <= 4.0

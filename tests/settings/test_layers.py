"""Where values come from, and what a broken file says."""

from pathlib import Path

import pytest

from opswright.errors import ConfigError
from opswright.nouns import Tier
from opswright.settings import Settings, load_settings
from opswright.settings.layers import line_numbers


class Place:
    """A home and a project folder."""

    def __init__(self, folder: Path) -> None:
        self.home, self.project = folder / "home", folder / "project"
        self.user_file = self.home / ".config/opswright/config.toml"
        self.project_file = self.project / ".opswright.toml"
        self.user_file.parent.mkdir(parents=True)
        self.project.mkdir()

    def load(
        self, *, user: str = "", project: str = "", flags: dict[str, object] | None = None, **variables: str
    ) -> Settings:
        """The settings these layers make."""
        self.user_file.write_text(user)
        if project:
            self.project_file.write_text(project)
        return load_settings(flags, {"HOME": str(self.home), **variables}, self.project)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_layer_lies_over_the_one_below(place: Place) -> None:
    user, project = (
        "[budget]\nusd = 4\ntokens = 9000\nseconds = 100\ntrials = 50\n",
        "[budget]\nusd = 3\ntokens = 8000\nseconds = 90\n",
    )
    settings = place.load(
        user=user, project=project, flags={"max_usd": 1.0}, OPSWRIGHT_MAX_USD="2", OPSWRIGHT_MAX_TOKENS="7000"
    )
    budget = settings.budget
    assert (budget.usd, budget.tokens, budget.seconds, budget.trials) == (1.0, 7000, 90, 50)
    sources = [str(settings.sources(f"budget.{name}")) for name in ("usd", "tokens", "seconds", "trials", "task.usd")]
    assert sources == [
        "flag --max-usd",
        "environment OPSWRIGHT_MAX_TOKENS",
        f"project file {place.project_file}:4",
        f"user file {place.user_file}:5",
        "default",
    ]


def test_folders_follow_xdg_and_a_relative_one_is_ignored(place: Place) -> None:
    settings = place.load(XDG_STATE_HOME="/elsewhere", XDG_CACHE_HOME="relative")
    assert settings.state_dir == Path("/elsewhere/opswright")
    assert settings.cache_dir == place.home / ".cache/opswright"
    assert str(settings.sources("state_dir")) == "environment XDG_STATE_HOME"


def test_models_by_table_list_or_variable(place: Place) -> None:
    user = '[models.low]\nmodel = "openai/small"\n'
    user += '[[models.high]]\nmodel = "openai/big"\n[[models.high]]\nmodel = "other/big"\n'
    settings = place.load(user=user, OPSWRIGHT_MODEL_MID="openai/a, openai/b", OPENAI_BASE_URL="http://localhost:1/v1")
    models = settings.models
    assert models.base_url == "http://localhost:1/v1"
    assert models.tiers() == (Tier.LOW, Tier.MID, Tier.HIGH)
    assert [one.model for one in models.group(Tier.MID)] == ["openai/a", "openai/b"]
    assert [one.model for one in models.group(Tier.HIGH)] == ["openai/big", "other/big"]
    assert models.group(Tier.SOLVER) == ()


def test_our_variable_is_nearer_than_the_common_one(place: Place) -> None:
    settings = place.load(OPENAI_BASE_URL="http://common", OPSWRIGHT_BASE_URL="http://ours")
    assert settings.models.base_url == "http://ours"


@pytest.mark.parametrize(
    ("user", "message", "line"),
    [
        ("[budget]\nusd = 'much'\n", "budget.usd", ":2: "),
        ("tier = 'huge'\n", "tier", ":1: "),
        ("\n\nspeed = 1\n", "unknown setting `speed`", ":3: "),
        ("[budget]\nusd = nan\n", "budget.usd", ":2: "),
        ("[budget]\nusd = -1\n", "budget.usd", ":2: "),
        ("[models.low]\nmodel = 'x'\napi_key = 'sk-very-secret'\n", "api_key_env", ":3: "),
        ("tier = \n", "broken TOML", ": "),
    ],
)
def test_an_error_names_the_line_and_shows_no_value(place: Place, user: str, message: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        place.load(user=user)
    assert str(caught.value).startswith(f"{place.user_file}{line}"), caught.value
    assert message in str(caught.value)
    assert "sk-very-secret" not in str(caught.value)


def test_an_error_names_the_variable(place: Place) -> None:
    with pytest.raises(ConfigError, match=r"^OPSWRIGHT_MAX_USD: "):
        place.load(OPSWRIGHT_MAX_USD="much")


def test_a_folder_in_the_place_of_the_file(place: Place) -> None:
    place.user_file.mkdir()
    with pytest.raises(ConfigError, match="cannot read"):
        load_settings({}, {"HOME": str(place.home)}, place.project)


def test_settings_cannot_be_changed_later(place: Place) -> None:
    settings = place.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.tier = "high"
    with pytest.raises(ValueError, match="frozen"):
        settings.budget.usd = 99.0


def test_lines_of_names_in_toml() -> None:
    text = 'a = 1\n[b]\nc = 2\n# c = 3\n[ b . "d" ]\n"e" = 4\n[[f]]\ng = 5\n'
    assert line_numbers(text) == {"a": 1, "b": 2, "b.c": 3, "b.d": 5, "b.d.e": 6, "f": 7, "f.g": 8}


@pytest.mark.parametrize("text", ["a = " + "[" * 5000 + "]" * 5000, "[budget]\ntokens = " + "9" * 5000])
def test_toml_that_the_reader_chokes_on_is_said(place: Place, text: str) -> None:
    with pytest.raises(ConfigError, match="not settings") as caught:
        place.load(user=text)
    assert caught.value.where == str(place.user_file)


def test_inf_is_no_limit_and_no_price(place: Place) -> None:
    budget = place.load(user="[budget]\nusd = inf\nseconds = inf\n").budget.session()
    assert (budget.usd, budget.seconds) == (None, None)
    for wrong in ("inf", "nan"):
        with pytest.raises(ConfigError, match="output_usd_per_million"):
            place.load(user=f"[models.low]\nmodel = 'x'\noutput_usd_per_million = {wrong}\n")
    with pytest.raises(ConfigError, match="usd"):
        place.load(user="[budget]\nusd = nan\n")

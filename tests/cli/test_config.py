"""`opswright config`: every setting with its source, and no secret."""

import stat

from tests.cli.program import Program


def test_every_setting_has_its_source(program: Program) -> None:
    (program.folder / ".opswright.toml").write_text("[budget]\nusd = 1\n")
    shown = program("config", "--json", "--max-tokens", "5", extra={"OPSWRIGHT_TIER": "solver"}).envelope()["result"]
    assert shown["budget.usd"] == {"value": 1.0, "source": f"project file {program.folder}/.opswright.toml:2"}
    assert shown["budget.tokens"]["source"] == "flag --max-tokens"
    assert shown["tier"] == {"value": "solver", "source": "environment OPSWRIGHT_TIER"}
    assert shown["models.retries"]["source"] == "default"


def test_passwords_in_addresses_are_not_shown(program: Program) -> None:
    address = "https://me:hunter22@models.example/v1?api_key=abcdef123456"
    for arguments in (["config"], ["config", "--json"], ["doctor"]):
        ran = program(*arguments, extra={"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "sk-very-secret-key"})
        for secret in ("hunter22", "abcdef123456", "sk-very-secret-key"):
            assert secret not in ran.stdout + ran.stderr


def test_groups_of_models_are_listed(program: Program) -> None:
    shown = program("config", "--json", extra={"OPSWRIGHT_MODEL_LOW": "openai/a,openai/b"}).envelope()["result"]
    assert shown["models.low.1.model"] == {"value": "openai/b", "source": "environment OPSWRIGHT_MODEL_LOW"}


def test_a_key_is_made_once(program: Program) -> None:
    made = program("config", "key", "--json").envelope()["result"]
    path = program.folder.parent / "home/.config/opswright/signing.pem"
    assert made["key_file"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert program("config", "key").code == 2
    assert path.read_bytes() == before
    assert program("config", "key", "other.pem", "--dry-run").code == 0
    assert not (program.folder / "other.pem").exists()

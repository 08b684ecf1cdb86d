"""`--help` answers from manifests alone: what is loaded is looked at, not how long it takes."""

import json
import subprocess
import sys

import click
import pytest

from opswright.agents.manifests import read_manifests
from opswright.cli.root import root
from tests.cli.program import Program

HEAVY = {
    "litellm", "openai", "chromadb", "langgraph", "langchain_core", "cvc5", "policy_sentry", "rich", "cryptography",
    "yaml", "psycopg", "numpy",
}  # fmt: skip

_PROBE = """
import json, sys
from opswright.cli.entry import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def loaded_by(*arguments: str) -> tuple[int, set[str], str]:
    """The exit code, the top-level modules loaded when the command ended, and its stdout."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROBE, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules), done.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], [], ["policy", "--help"], ["policy", "repair", "-h"], ["memory", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code, modules, stdout = loaded_by(*arguments)
    assert code == 0
    assert stdout.strip()
    assert "opswright" in modules
    assert not modules & HEAVY


def test_the_probe_would_notice() -> None:
    code, modules, _ = loaded_by("doctor")
    assert code == 0
    assert "opswright" in modules and "pydantic" in modules


def test_no_module_is_loaded_under_a_bare_name() -> None:
    folders = {"agents", "tools", "knowledge", "sandboxes", "evals", "prompts"}
    _, modules, _ = loaded_by("policy", "--help")
    assert not modules & folders


def commands(command: click.Command, path: str = "") -> list[tuple[str, click.Command]]:
    """Every command of the tree with its path."""
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            found += commands(child, f"{path} {name}".strip())
    return found


def test_every_command_explains_itself_and_takes_the_shared_options() -> None:
    for path, command in commands(root):
        assert command.help, path
        if not isinstance(command, click.Group) or command is root:
            names = {name for parameter in command.params for name in parameter.opts}
            shared = {"--output-format", "--json", "--tier", "--max-usd", "--max-tokens", "--max-seconds", "--receipt"}
            assert shared | {"--yes", "--dry-run"} <= names, path
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"{path}: {parameter.opts}"


def test_every_manifest_brings_its_commands() -> None:
    listed = root.list_commands(click.Context(root))
    for manifest in read_manifests().values():
        for entry in manifest.commands:
            assert entry.name in listed


def test_without_arguments_it_says_what_to_type(program: Program) -> None:
    ran = program()
    assert (ran.code, ran.stderr) == (0, "")
    assert 'opswright -p "' in ran.stdout and "opswright policy repair" in ran.stdout
    assert len(ran.stdout.splitlines()) < 12

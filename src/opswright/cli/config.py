"""`opswright config`: every setting, its value, and where it comes from."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import BaseModel

from opswright.console import Options, Reply, Status, common_options, heading, visible
from opswright.console.options import add_common_options, read_options
from opswright.nouns import Json
from opswright.redaction import Redactor
from opswright.settings import Section, Settings


@click.group(invoke_without_command=True)
@add_common_options
@click.pass_context
def config(context: click.Context, /, **_: object) -> Reply | None:
    """Show every setting, its value, and where it comes from.

    Your own file is config.toml in the configuration folder; a project's .opswright.toml may only narrow; variables
    OPSWRIGHT_… and flags come last. Secrets are never settings: they stay in the environment.
    """
    from opswright.agents.loading import sections_of
    from opswright.agents.manifests import read_manifests

    if context.invoked_subcommand:
        return None
    settings = read_options(context).settings
    return _table(settings, sections_of(read_manifests(), settings))


@config.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@common_options
def key(options: Options, file: Path | None) -> Reply:
    """Make an ed25519 key that receipts are signed with (never over an existing one).

    FILE is signing.pem in the configuration folder unless given. A passphrase in OPSWRIGHT_KEY_PASSPHRASE encrypts it.
    """
    from opswright.agents.signing import PASSPHRASE_VARIABLE, generate_key

    path = (file or options.settings.config_dir / "signing.pem").absolute()
    if options.dry_run:
        return Reply(Status.DONE, {"key_file": str(path), "public": None}, f"would make {visible(str(path))}")
    public = generate_key(path, os.environ.get(PASSPHRASE_VARIABLE) or None)
    lines = [
        f"private key: {visible(str(path))}",
        f"public key:  {public}",
        f"to sign with it: key_file = {json.dumps(str(path))} under [signing] in your config.toml",
    ]
    return Reply(Status.DONE, {"key_file": str(path), "public": public}, "\n".join(lines))


def _table(settings: Settings, sections: Mapping[str, Section]) -> Reply:
    found = dict(shown(settings))
    for name, section in sections.items():
        found |= dict(_leaves(section, f"specialists.{name}."))
    rows = [(name, value, str(settings.sources(name))) for name, value in found.items()]
    result = {name: {"value": value, "source": source} for name, value, source in rows}
    name_width = max(len(name) for name, _, _ in rows)
    value_width = min(48, max(len(_text(value)) for _, value, _ in rows))
    lines = [
        visible(f"{name:<{name_width}}  {_text(value):<{value_width}}  {source}").rstrip()
        for name, value, source in rows
    ]
    title = f"{'setting':<{name_width}}  {'value':<{value_width}}  source"
    return Reply(Status.DONE, result, "\n".join([heading(title), *lines]))


def shown(settings: Settings) -> Iterator[tuple[str, Json]]:
    """Every setting by dotted name but the specialists' own, as JSON; passwords inside addresses are cut out."""
    yield from _leaves(settings, "")


def _leaves(section: BaseModel, prefix: str) -> Iterator[tuple[str, Json]]:
    for field in type(section).model_fields:
        if isinstance(section, Settings) and field == "specialists":
            continue
        value = getattr(section, field)
        name = prefix + field
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, item in enumerate(value):
                yield from _leaves(item, f"{name}.{index}.")
        elif isinstance(value, dict) and value:
            for key, item in value.items():
                yield from _leaves(item, f"{name}.{key}.")
        else:
            yield name, _plain(value)


def _plain(value: Json) -> Json:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        return Redactor().text(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    return list(value) if isinstance(value, tuple) else value


def _text(value: Json) -> str:
    if isinstance(value, list | dict):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)

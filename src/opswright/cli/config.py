"""`opswright config`: every setting, its value, and where it comes from."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import BaseModel

from opswright.console import Options, Reply, Status, common_options, heading, visible
from opswright.nouns import Json
from opswright.settings import Settings


@click.command()
@common_options
def config(options: Options) -> Reply:
    """Show every setting, its value, and where it comes from.

    Your own file is config.toml in the configuration folder; a project's .opswright.toml may only narrow; variables
    OPSWRIGHT_… and flags come last. Secrets are never settings: they stay in the environment.
    """
    settings = options.settings
    rows = [(name, value, str(settings.sources(name))) for name, value in shown(settings)]
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
    """Every setting by dotted name, as JSON; passwords inside addresses are cut out."""
    yield from _leaves(settings, "")


def _leaves(section: BaseModel, prefix: str) -> Iterator[tuple[str, Json]]:
    for field in type(section).model_fields:
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
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return list(value) if isinstance(value, tuple) else value


def _text(value: Json) -> str:
    if isinstance(value, list | dict):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)

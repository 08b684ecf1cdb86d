"""The chat with toy specialists in plug-in folders, a program of its own: `toys.py FOLDER [options of opswright]`."""

import json
import shutil
import sys
from pathlib import Path

import click

MANIFEST = """
name = "{name}"
summary = "Does {name}."
specialist = ".specialist:build"
[routing]
keywords = ["{name}", "{name} it", "{name} write", "{name} try", "{name} wait", "{name} patiently"]
examples = ["{name} it"]
inputs = ".specialist:inputs"
[risk]
"files.write" = "reversible"
[tiers]
order = ["solver"]
rounds = {{ solver = 1 }}
"""


def make_toys(folder: Path, *names: str) -> Path:
    """A folder of toy specialists."""
    for name in names:
        place = folder / name
        place.mkdir(parents=True)
        (place / "__init__.py").write_text("")
        (place / "agent.toml").write_text(MANIFEST.format(name=name))
        shutil.copy(Path(__file__).with_name("toy.py"), place / "specialist.py")
    return folder


def main() -> None:
    """The chat, and nothing else of the command line."""
    from opswright.agents.wiring import Doors
    from opswright.cli.chat.start import chat
    from opswright.console.options import add_common_options, read_options
    from opswright.errors import OpswrightError

    @click.command()
    @click.argument("folder", type=click.Path(path_type=Path))
    @click.option("-c", "last", is_flag=True)
    @click.option("--without", default="")
    @click.option("--modules", is_flag=True)
    @add_common_options
    @click.pass_context
    def command(context: click.Context, /, folder: Path, last: bool, without: str, modules: bool, **_: object) -> None:
        if without:
            sys.modules[without] = None  # type: ignore[assignment]
        try:
            chat(read_options(context), last=last, doors=Doors(specialists=[folder]))
        except OpswrightError as error:
            print(f"error: {error}")
            sys.exit(int(error.exit_code))
        if modules:
            print("MODULES", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))

    command()


if __name__ == "__main__":
    main()

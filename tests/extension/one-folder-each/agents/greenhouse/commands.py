"""`opswright greenhouse tune|record`."""

from pathlib import Path

import click

from opswright.console import Options, Reply, Status, common_options
from opswright.nouns import Task

CONTROLLER = click.argument("controller", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group()
def greenhouse() -> None:
    """Tune a greenhouse, and record how it behaves."""


@greenhouse.command()
@CONTROLLER
@common_options
def tune(options: Options, controller: Path) -> Reply:
    """Find settings under which tomatoes grow faster, and set CONTROLLER to them."""
    from opswright.agents.greenhouse.inputs import task_inputs
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import start

    task = Task("t1", "greenhouse", "grow faster", task_inputs(controller, controller.read_text(encoding="utf-8")))
    return reply_of(start(task, options.settings, choices_of(options), doors_of(options)))


@greenhouse.command()
@CONTROLLER
@click.option("--into", required=True, type=click.Path(path_type=Path), help="The folder of recordings.")
@click.option("--blocks", default=6, show_default=True, help="Passes over the whole grid.")
@common_options
def record(options: Options, controller: Path, into: Path, blocks: int) -> Reply:
    """Record the sensors' last week and the whole grid; a recording that was stopped goes on."""
    from opswright.sandboxes.environments.opening import About, open_environment
    from opswright.sandboxes.environments.surface_recorder import SurfaceRecorder, record_surface
    from opswright.tools.greenhouse.house import Driven, Sensors

    about = About("a simulated greenhouse", f"opswright greenhouse record CONTROLLER --into {into.name}")
    sensors = open_environment("sensors", Sensors, "recording", into, about)
    sensors.call("history", {"sensor": "air", "days": 7})
    sensors.close()
    house = open_environment("house", lambda: Driven(controller), "recording", into, about)
    assert isinstance(house, SurfaceRecorder)
    try:
        record_surface(house, blocks, progress=lambda done, total: options.progress(f"{done} of {total} samples"))
    finally:
        house.close()
    return Reply(Status.DONE, {"samples": len(house.samples)}, f"{len(house.samples)} samples are in {into}")

"""From a request in words to a plan: rules first, a model only where the rules cannot tell."""

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from opswright.agents.files import File, classified
from opswright.agents.loading import load
from opswright.agents.manifests import Manifest
from opswright.agents.outcomes import TaskOutcome
from opswright.agents.plans import Plan, Planned, plan_of_route
from opswright.agents.ports import Models
from opswright.agents.routing import Route, choose, read_fields, route
from opswright.errors import BudgetSpent, EndpointFailed, ModelRetry
from opswright.nouns import Json

PROMPT = "supervisor/route"


class RouteChoice(BaseModel):
    """Which specialists a request is for, in the order in which they should work; none is an answer."""

    model_config = ConfigDict(extra="forbid")

    specialists: list[str] = Field(max_length=10)
    reason: str = Field(max_length=500)


def with_roles(files: Sequence[File], manifests: Mapping[str, Manifest]) -> tuple[File, ...]:
    """The files with what each specialist makes of them."""
    classifiers = {
        name: load(manifest, manifest.routing.classify)
        for name, manifest in manifests.items()
        if manifest.routing.classify is not None and files
    }
    return classified(files, classifiers)


def plan_request(
    request: str, files: Sequence[File], manifests: Mapping[str, Manifest], models: Models, say: Callable[[str], None]
) -> Plan:
    """The plan for a request. `files` have their roles."""
    found = route(request, files, read_fields(manifests))
    if not found.steps and not found.absent and models.available():
        found = _asked(request, files, manifests, models, found, say)
    return plan_of_route(found)


def _asked(
    request: str,
    files: Sequence[File],
    manifests: Mapping[str, Manifest],
    models: Models,
    ruled: Route,
    say: Callable[[str], None],
) -> Route:
    """A model's choice among the manifests' names; the rules' answer where it cannot be had."""
    inputs = {
        "specialists": "\n".join(f"- {name}: {manifest.summary}" for name, manifest in manifests.items()),
        "request": request,
        "files": "\n".join(f"- {file.name}: {', '.join(file.roles.values()) or 'unknown'}" for file in files) or "none",
    }
    try:
        choice = models.ask(models.available()[0], PROMPT, inputs, RouteChoice)
    except (ModelRetry, EndpointFailed, BudgetSpent) as error:
        say(f"routing: the model did not decide ({error})")
        return ruled
    return choose(choice.specialists, request, manifests, choice.reason)


def inputs_of(
    planned: Planned, files: Sequence[File], earlier: Sequence[TaskOutcome], manifest: Manifest
) -> Mapping[str, Json]:
    """A task's inputs: given ones, or those that the specialist makes from the request and its files.

    What a task builds on comes as `earlier`. Raises InputError when the specialist misses something.
    """
    if planned.inputs is not None:
        inputs = dict(planned.inputs)
    elif manifest.routing.inputs is not None:
        inputs = dict(load(manifest, manifest.routing.inputs)(planned.goal, files))
    else:
        inputs = {"files": {file.name: file.whole_text() for file in files}}
    if earlier:
        inputs["earlier"] = [
            {"task": one.task, "specialist": one.specialist, "result": one.result, "receipt": one.receipt}
            for one in earlier
        ]
    return inputs

"""From a request in words to a plan: by rules where they are sure, else by a model where one is configured."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from opswright.agents.files import File, classified
from opswright.agents.loading import load
from opswright.agents.manifests import Manifest
from opswright.agents.outcomes import TaskOutcome
from opswright.agents.plans import Plan, Planned, plan_of_route
from opswright.agents.ports import Models
from opswright.agents.routing import Field as FieldOfWork
from opswright.agents.routing import Route, Step, looked_at, read_fields, route
from opswright.errors import BudgetSpent, EndpointFailed, ModelRetry
from opswright.nouns import Json, Tier

PROMPT = "supervisor/route"
TASKS = 10  # of one request, at most
OWN_WORDS = 0.5  # the least share of a task's words that must be the request's
_WORD = re.compile(r"\w+")


class TaskChoice(BaseModel):
    """One task: whose it is, the request's own words for it, and the numbers (from 1) of the tasks it builds on."""

    model_config = ConfigDict(extra="forbid")

    specialist: Annotated[str, StringConstraints(max_length=64)]
    request: Annotated[str, StringConstraints(min_length=1, max_length=8000)]
    after: list[Annotated[int, Field(ge=1, le=TASKS)]] = Field(default_factory=list, max_length=TASKS)


class RouteChoice(BaseModel):
    """The tasks of a request in the order of work; none is an answer."""

    model_config = ConfigDict(extra="forbid")

    tasks: list[TaskChoice] = Field(max_length=TASKS)
    reason: Annotated[str, StringConstraints(max_length=500)]


def with_roles(files: Sequence[File], manifests: Mapping[str, Manifest]) -> tuple[File, ...]:
    """The files with what each specialist makes of them."""
    classifiers = {
        name: load(manifest, manifest.routing.classify)
        for name, manifest in manifests.items()
        if manifest.routing.classify is not None and files
    }
    return classified(files, classifiers)


def to_be_stored(files: Sequence[File], manifests: Mapping[str, Manifest]) -> tuple[File, ...]:
    """The files as they may go into the journal: by reference where a specialist whose files are never stored takes
    them for its own. Raises InputError for one of those that was piped in.
    """
    private = {name: one for name, one in manifests.items() if one.routing.by_reference}
    known = with_roles(files, private)
    return tuple(file.by_reference() if one.roles else file for file, one in zip(files, known, strict=True))


def plan_request(
    request: str, files: Sequence[File], manifests: Mapping[str, Manifest], models: Models, say: Callable[[str], None]
) -> Plan:
    """The plan for a request, tasks of specialists that are not installed among them. `files` have their roles."""
    return plan_of_route(route_request(request, files, manifests, models, say), manifests)


def route_request(
    request: str, files: Sequence[File], manifests: Mapping[str, Manifest], models: Models, say: Callable[[str], None]
) -> Route:
    """The route of a request: the rules' where they are sure or nobody else can be asked, else a model's."""
    fields = read_fields(manifests)
    found = route(request, files, fields)
    if found.sure or not models.available():
        return found
    try:
        return ask_model(request, files, fields, models, models.available()[0])
    except (ModelRetry, EndpointFailed, BudgetSpent) as error:
        say(f"routing: the model did not decide ({error})")
        return found


def ask_model(request: str, files: Sequence[File], fields: Sequence[FieldOfWork], models: Models, tier: Tier) -> Route:
    """A model's route among the fields. Raises ModelRetry, EndpointFailed, BudgetSpent."""
    names = [field.name for field in fields]
    asked = looked_at(request)
    inputs = {
        "specialists": "\n".join(_line(field) for field in fields),
        "request": asked,
        "files": "\n".join(f"- {file.name}: {', '.join(file.roles.values()) or 'unknown'}" for file in files) or "none",
    }
    choice = models.ask(tier, PROMPT, inputs, RouteChoice, lambda given: check(given, names, asked))
    return choose(choice, request, names)


def _line(field: FieldOfWork) -> str:
    return f"- {field.name}: {field.summary}" + (f" Not its work: {field.not_its_work}" if field.not_its_work else "")


def check(choice: RouteChoice, names: Sequence[str], request: str) -> None:
    """Raises ModelRetry, for the model to read, where a choice does not hold."""
    said = set(_words(request))
    for number, task in enumerate(choice.tasks, 1):
        if task.specialist not in names:
            raise ModelRetry(f"task {number}: the specialists are {', '.join(names)}, and nobody else")
        if any(one >= number for one in task.after):
            raise ModelRetry(f"task {number}: `after` names earlier tasks only, by their numbers from 1")
        words = _words(task.request)
        if words and sum(word in said for word in words) < OWN_WORDS * len(words):
            raise ModelRetry(f"task {number}: `request` must be in the words of the user's request, in their language")
    for number, (one, other) in enumerate(zip(choice.tasks, choice.tasks[1:], strict=False), 1):
        if one.specialist == other.specialist:
            raise ModelRetry(f"tasks {number} and {number + 1} are one task of {one.specialist}: make them one")


def _words(text: str) -> list[str]:
    """Words, and characters where none are spaced."""
    return [
        word
        for found in _WORD.findall(text.casefold())
        for word in (
            [found] if found.isascii() or len(found) < 2 else [found[at : at + 2] for at in range(len(found) - 1)]
        )
    ]


def choose(choice: RouteChoice, request: str, names: Sequence[str]) -> Route:
    """The route a model chose. Whoever is not among the names is dropped: a request cannot talk one into being."""
    kept = [(number, task) for number, task in enumerate(choice.tasks, 1) if task.specialist in names]
    if not kept:
        return Route((), choice.reason or "no specialist here is for this request", by="model")
    if len(kept) == 1:
        return Route((Step(kept[0][1].specialist, request.strip()),), choice.reason, by="model")
    places = {number: at for at, (number, _) in enumerate(kept)}
    steps = [
        Step(
            task.specialist,
            task.request,
            tuple(sorted({places[one] for one in task.after if places.get(one, at) < at})),
        )
        for at, (_, task) in enumerate(kept)
    ]
    return Route(tuple(steps), choice.reason, by="model")


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

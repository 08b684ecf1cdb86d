"""Puts a run's services together from the settings: journal, ledgers, models, memory, approvals, receipts."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from opswright.agents.approvals import Approvals
from opswright.agents.checkpoints import open_checkpoints
from opswright.agents.dialogue.toolfiles import DeclaredTools
from opswright.agents.effects import Effects
from opswright.agents.episode import Episode
from opswright.agents.halting import Halt
from opswright.agents.ledger import Ledger, carried_over, rows_of
from opswright.agents.loading import build, sections_of, settings_of
from opswright.agents.loop import build_loop
from opswright.agents.manifests import Manifest, read_manifests
from opswright.agents.manuals import SessionManuals, open_embedder
from opswright.agents.performer import Workshop
from opswright.agents.ports import Context, Models, Specialist
from opswright.agents.progress import Report, Step, nobody
from opswright.agents.receipts import ReceiptContent, read_receipt, write_receipt, written_key
from opswright.agents.remembering import TaskMemory
from opswright.agents.services import Services
from opswright.agents.surroundings import RunSurroundings, SessionSurroundings
from opswright.errors import ConfigError
from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import Reflections
from opswright.nouns import Action, Budget, Json, Task, Tier
from opswright.settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from opswright.tools.models.similar import Embedding
    from opswright.tools.models.toolcalls import Reply, Tool


Trace = Callable[[Mapping[str, Json]], None]


class Metered(Models, Protocol):
    """A gateway that tasks share, each on its own account."""

    def metered(self, meter: Ledger, trace: Trace | None = None) -> Models:
        """The models for one task."""
        ...


class NoModels:
    """The Models port where none is configured, or none is to be asked."""

    def metered(self, meter: Ledger, trace: Trace | None = None) -> Models:
        """Itself: nothing is charged to anybody."""
        return self

    def available(self) -> Sequence[Tier]:
        """No tier."""
        return ()

    def ask(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        shape: type[Any],
        validator: Callable[[Any], None] | None = None,
    ) -> Any:
        """Raises ConfigError."""
        raise ConfigError(f"no model is configured for the {tier} tier", "models")

    def reply(
        self,
        tier: Tier,
        prompt_id: str,
        inputs: Mapping[str, Json],
        *,
        tools: "Sequence[Tool]" = (),
        turns: Sequence[Mapping[str, Json]] = (),
    ) -> "Reply":
        """Raises ConfigError."""
        raise ConfigError(f"no model is configured for the {tier} tier", "models")


@dataclass(frozen=True)
class Choices:
    """What a person chose for one run."""

    tier: str = "auto"
    budget: Budget = field(default_factory=Budget)
    receipt: Path | None = None
    yes: bool = False
    dry_run: bool = False

    def lasting(self) -> dict[str, Json]:
        """What a resumed run keeps of them, for the journal."""
        receipt = None if self.receipt is None else str(self.receipt.absolute())
        return {"tier": self.tier, "receipt": receipt, "dry_run": self.dry_run}


@dataclass(frozen=True)
class Doors:
    """How a run meets the person and the machine.

    `say` reports a step; `ask` shows an action's preview and the reason and returns a person's answer, None where
    nobody is there; `specialists`: folders of more specialists; `effects`: a folder of more effects; `checkpoints`
    opens the saver (`checkpoints.in_memory` for runs that nobody will resume), `journal` the journal; `surroundings`:
    a session's own, shared by its runs and closed by whoever made them; a run without any makes and closes its own;
    `ledger`: that of the session a run is a turn of, above the run's own; `report` is told of each task's steps, which
    then are not said as well; `halt` stops the run; `interrupts` watches for the person who asks for that while the run
    is at work (`stopping.interrupts`), and is told of its tasks' steps.
    """

    say: Callable[[str], None] = lambda message: None
    ask: Callable[[Action, str], bool] | None = None
    specialists: Sequence[Path] = ()
    effects: Path | None = None
    checkpoints: Callable[[Settings], "AbstractContextManager[BaseCheckpointSaver[str]]"] = open_checkpoints
    journal: Callable[[Path], Journal] = Journal
    surroundings: SessionSurroundings | None = None
    ledger: Ledger | None = None
    report: Report | None = None
    halt: Halt = field(default_factory=Halt)
    interrupts: Callable[[Halt], AbstractContextManager[Report]] = lambda halt: contextlib.nullcontext(nobody)


@dataclass(frozen=True)
class Wiring:
    """Everything one run is made of."""

    settings: Settings
    choices: Choices
    manifests: Mapping[str, Manifest]
    journal: Journal
    run: str
    say: Callable[[str], None]
    ledger: Ledger
    workshop: Workshop
    gateway: Metered  # one for all tasks: what it learned of the endpoints is learned once
    surroundings: SessionSurroundings
    manuals: SessionManuals
    report: Report | None = None
    halt: Halt = field(default_factory=Halt)

    def loop(self, task: Task) -> Any:
        """The compiled loop of one task. Raises ConfigError for a specialist that is not installed."""
        manifest = manifest_of(self.manifests, task.specialist)
        episode = Episode(self.journal, self.run, task.id)
        ledger = self._task_ledger(task.id)
        models = self.gateway.metered(ledger, self._trace(task.id))
        memory = TaskMemory(Reflections(self.journal), episode)
        say = self._saying(task)
        context = Context(
            models=models,
            memory=memory,
            manuals=self.manuals,
            surroundings=self.surroundings_of_run,
            say=lambda message: say(f"{manifest.name}: {message}"),
            remaining=lambda: ledger.remaining,
            halted=self.halt.asked,
            on_halt=self.halt.on_ask,
            tools=DeclaredTools(manifest, self.workshop.effects),
            note=episode.note,
            trace=lambda kind, payload: episode.trace(kind, dict(payload)),
            settings=settings_of(manifest, self.settings),
        )
        specialist = build(manifest, context)
        services = Services(
            journal=self.journal,
            ledger=ledger,
            work=self.workshop,
            models=models.available(),
            learn=memory.learn,
            recalled=memory.recalled,
            write_receipt=self._write_receipt,
            say=say,
            tier=self.choices.tier,
            dry_run=self.choices.dry_run,
            halt=self.halt,
        )
        return build_loop(specialist, manifest, services)

    @property
    def surroundings_of_run(self) -> RunSurroundings:
        """The session's, for this run."""
        return RunSurroundings(self.surroundings, self.run, self.halt)

    def _saying(self, task: Task) -> Callable[[str], None]:
        """How a task says what it does: as a step of its own where somebody looks at steps, else as a line."""
        if self.report is None:
            return self.say
        report, name = self.report, f"{task.specialist}: "

        def say(message: str) -> None:
            report(Step(task.id, task.specialist, task.goal, "working", message.removeprefix(name)))

        return say

    def first_task(self) -> str:
        """The task whose receipt `--receipt FILE` names; the others' stand beside it."""
        record = self.journal.find(f"{self.run}/plan")
        return "" if record is None else str(record.payload["tasks"][0]["id"])

    def routing_models(self) -> Models:
        """The models as the supervisor asks them, on the run's own account."""
        return self.gateway.metered(self.ledger, self._trace(""))

    def _task_ledger(self, task: str) -> Ledger:
        return Ledger(
            self.settings.budget.task.budget(),
            time.monotonic,
            self.ledger,
            carried=carried_over(rows_of(self.journal, self.run, task)),
            book=self.journal,
            run=self.run,
            task=task,
        )

    def _trace(self, task: str) -> Trace:
        def trace(call: Mapping[str, Json]) -> None:
            self.journal.append("model.call", dict(call), run=self.run, task=task)

        return trace

    def _write_receipt(self, content: ReceiptContent) -> str:
        """Under a name that a resumed run writes again instead of adding another."""
        chosen, key_file = self.choices.receipt, self.settings.signing.key_file
        path = self.settings.receipts_dir / f"{content.run}-{content.task.id}.json"
        if chosen is not None:
            first = content.task.id == self.first_task()
            path = chosen if first else chosen.with_name(f"{chosen.stem}-{content.task.id}{chosen.suffix}")
        key = None
        if key_file is not None:
            from opswright.agents.signing import load_key

            key = load_key(key_file)
        written = write_receipt(content, self.settings.receipts_dir, path=path, key=key)
        digest = read_receipt(written).digest
        payload = {"path": str(written), "digest": digest}
        self.journal.append("receipt", payload, run=self.run, task=content.task.id, key=written_key(digest))
        return str(written)


def wire(
    settings: Settings,
    choices: Choices,
    manifests: Mapping[str, Manifest],
    journal: Journal,
    run: str,
    doors: Doors,
    surroundings: SessionSurroundings,
) -> Wiring:
    """The services of one run. Says when there is no model."""
    ledger = Ledger(
        choices.budget,
        time.monotonic,
        doors.ledger,
        name="session" if doors.ledger is None else "turn",
        carried=carried_over(rows_of(journal, run), session=True),
        book=journal,
        run=run,
    )
    workshop = workshop_of(settings, journal, choices.yes, doors.effects, doors.halt)
    # A person who forces the solver tier is not asking a model, whatever is configured.
    gateway = NoModels() if choices.tier == Tier.SOLVER else gateway_of(settings, ledger)
    wiring = Wiring(
        settings, choices, manifests, journal, run, doors.say, ledger, workshop, gateway, surroundings,
        SessionManuals(settings, journal, ledger, doors.say), doors.report, doors.halt,
    )  # fmt: skip
    if choices.tier == "auto" and not gateway.available():
        doors.say("no model is configured: the solver tier works alone")
    return wiring


def manifest_of(manifests: Mapping[str, Manifest], specialist: str) -> Manifest:
    """The manifest of a specialist. Raises ConfigError when it is not installed."""
    if specialist not in manifests:
        there = ", ".join(manifests) or "none"
        raise ConfigError(f"the specialist {specialist!r} is not available in this installation (there is {there})")
    return manifests[specialist]


@contextlib.contextmanager
def specialists_of(
    settings: Settings, journal: Journal, doors: Doors | None = None
) -> Iterator[Callable[[str], tuple[Manifest, Specialist]]]:
    """Specialists by name outside any run, to check a receipt and to adopt its result: surroundings, tools and manuals
    are those a run would hand in, and are closed in the end; there is no model.

    `doors`: whose specialists, effects and surroundings; a session's own surroundings are left open. The function
    raises ConfigError for a specialist that is not installed.
    """
    doors = doors or Doors()
    manifests, effects = read_manifests(doors.specialists), Effects(doors.effects)
    sections = sections_of(manifests, settings)
    surroundings = doors.surroundings or SessionSurroundings(settings)
    manuals = SessionManuals(settings, journal, Ledger(settings.budget.session(), time.monotonic), doors.say)
    built: dict[str, Specialist] = {}

    def find(name: str) -> tuple[Manifest, Specialist]:
        if name not in manifests:
            raise ConfigError(f"the receipt is of the specialist {name}, which is not installed here")
        if name not in built:
            context = Context(
                models=NoModels(),
                memory=Reflections(journal),
                manuals=manuals,
                surroundings=surroundings,
                say=lambda message: doors.say(f"{name}: {message}"),
                halted=doors.halt.asked,
                tools=DeclaredTools(manifests[name], effects),
                settings=sections.get(name),
            )
            built[name] = build(manifests[name], context)
        return manifests[name], built[name]

    with contextlib.closing(manuals):
        try:
            yield find
        finally:
            for problem in surroundings.close() if doors.surroundings is None else ():
                doors.say(problem)


def gateway_of(settings: Settings, ledger: Ledger) -> Metered:
    """The gateway where models are configured or replayed. Nothing of it is loaded otherwise."""
    if not settings.models.tiers() and settings.models.recording != "replay":
        return NoModels()
    from opswright.tools.models.gateway import open_gateway

    return open_gateway(settings, ledger, embedding=_similarity(settings, ledger))


def _similarity(settings: Settings, ledger: Ledger) -> "Embedding | None":
    """How near two questions are, where a rule of the settings asks for it."""
    if not settings.models.semantic_cache:
        return None
    from opswright.tools.models.similar import Embedding

    embedder = open_embedder(settings, ledger)
    return Embedding(embedder.name, embedder.embed)


def workshop_of(
    settings: Settings, journal: Journal, yes: bool, plugins: Path | None = None, halt: Halt | None = None
) -> Workshop:
    """Where actions are decided about and performed."""
    approvals = Approvals(journal, settings.approvals, yes=yes)
    return Workshop(journal, approvals, settings.leases_dir, Effects(plugins), halt=halt or Halt())

"""A session at work: one turn after the other, each in the journal before it begins and after it ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.agents.chat.facts import Facts, facts_of, outcomes_of
from opswright.agents.chat.following import Reading, read_request
from opswright.agents.chat.talking import answer_without_a_model, converse, talker_of
from opswright.agents.files import File
from opswright.agents.halting import Halt
from opswright.agents.ledger import Ledger, carried_over, rows_of
from opswright.agents.manifests import read_manifests
from opswright.agents.outcomes import ACCEPTED
from opswright.agents.planning import with_roles
from opswright.agents.progress import Step
from opswright.agents.results import RunResult
from opswright.agents.routing import read_fields
from opswright.agents.runs import Following, new_run_id, resume, start
from opswright.agents.sessions import INTERRUPTED, TALK, Session, Sessions, Turn, WorkingTime
from opswright.agents.stopping import Stopping
from opswright.agents.surroundings import SessionSurroundings
from opswright.agents.wiring import Choices, Doors, NoModels, gateway_of
from opswright.cli.chat.attachments import attached, marks, named_in, read_attached
from opswright.cli.chat.lines import TaskLines
from opswright.cli.chat.screen import Screen
from opswright.cli.chat.terminal import echo
from opswright.console.leaving import LEFT
from opswright.errors import InputError, OpswrightError
from opswright.knowledge.journal import Journal
from opswright.nouns import Budget, Tier, Usage

if TYPE_CHECKING:
    from opswright.console import Options

_LEFT = f"{LEFT}, `opswright -c` goes on"


@dataclass(frozen=True)
class _Ended:
    """How a turn's work ended."""

    status: str
    answer: str
    tier: str = ""
    receipts: tuple[str, ...] = ()


class Conversation:
    """One session in this process. `doors`: more specialists and effects than the program's own."""

    def __init__(self, options: "Options", id: str, screen: Screen, doors: Doors | None = None) -> None:
        self.id, self.options, self.screen = id, options, screen
        self.settings, self.tier = options.settings, options.tier
        self.journal = Journal(self.settings.journal_path)
        self.sessions = Sessions(self.journal)
        self._doors = doors or Doors()
        self.manifests = read_manifests(self._doors.specialists)
        self._clock = WorkingTime()
        self._surroundings = SessionSurroundings(self.settings)
        session = self.sessions.get(id) if self.sessions.exists(id) else Session(id, time.time())
        self.attached = list(session.files)
        self.ledger = self.sessions.ledger(session, options.budget, self._clock)

    def session(self) -> Session:
        """The session as it stands."""
        return self.sessions.get(self.id) if self.sessions.exists(self.id) else Session(self.id, time.time())

    @property
    def specialists(self) -> Sequence[Path]:
        """Folders of more specialists."""
        return self._doors.specialists

    @property
    def surroundings(self) -> SessionSurroundings:
        """The session's own, which it closes itself."""
        return self._surroundings

    @property
    def effects(self) -> Path | None:
        """A folder of more effects."""
        return self._doors.effects

    def facts(self) -> list[Facts]:
        """What its turns came to, oldest first."""
        return [facts_of(self.journal, turn) for turn in self.session().turns]

    def close(self) -> None:
        """Closes what the session held open, and says what could not be closed."""
        for problem in self._surroundings.close():
            self.screen.error(problem)
        self.journal.close()

    def attach(self, names: Sequence[str]) -> None:
        """What is attached from now on. Raises InputError for a file that cannot be read."""
        every = attached([], names)
        read_attached(every)
        self.attached = every
        self.sessions.create(self.id)
        self.sessions.attach(self.id, every)

    def turn(self, typed: str) -> None:
        """One turn. What goes wrong with it is shown; the session goes on."""
        try:
            request, named = named_in(typed)
            names = attached(self.attached, named)
            files = read_attached(names)
        except InputError as error:
            self.screen.error(str(error))
            return
        before = self.facts()
        with_role = with_roles(files, self.manifests)
        reading = read_request(request, with_role, read_fields(self.manifests), before)
        lines = () if reading.talk else (*self._files_carried(named, files), *reading.carried)
        turn = Turn(len(before) + 1, new_run_id(), time.time(), request, marks(files), lines)
        self.sessions.create(self.id)
        self.sessions.begin_turn(self.id, turn)
        self.attached = names
        for line in lines:
            self.screen.dim(f"carried over: {line}")
        self._through(turn, lambda doors: self._answer(turn, reading, files, doors))

    def resume(self, run: str) -> None:
        """Goes on with a turn that was stopped or could not end."""
        turn = next((one for one in self.session().turns if one.run == run), None)
        if turn is None:
            self.screen.error(f"{run} is no turn of this session; `opswright --resume {run}` goes on with it")
            return
        if self.journal.find(f"{run}/run") is None:
            self.screen.error("there is nothing to go on with: that turn was talk")
            return
        self._through(turn, lambda doors: self._ended(resume(run, self.settings, self._choices(), doors)))

    def _files_carried(self, named: Sequence[str], files: Sequence[File]) -> Iterator[str]:
        """What stays attached, and which of it was changed since the last turn."""
        turns = self.session().turns
        last = {one["name"]: one["digest"] for one in turns[-1].files} if turns else {}
        stayed = [name for name in self.attached if name not in named]
        if stayed and turns:
            yield f"files {', '.join(stayed)}"
        for mark in marks(files):
            if mark["name"] in last and last[mark["name"]] != mark["digest"]:
                yield f"{mark['name']} was changed since the last turn, and is read as it is now"

    def _through(self, turn: Turn, work: Callable[[Doors], _Ended]) -> None:
        """Shows the work of a turn, stops it when it is asked to, and writes down how it ended."""
        halt, lines = Halt(), TaskLines()
        stopping = Stopping(halt, lines.stopping, left=_LEFT)
        self.screen.lines = lines

        def report(step: Step) -> None:
            stopping.saw(step)
            lines.report(step)

        doors = replace(
            self._doors,
            say=self._note,
            ask=self.screen.ask,
            surroundings=self._surroundings,
            ledger=self.ledger,
            report=report,
            halt=halt,
        )
        began = self._clock()
        try:
            with self._clock.running(), echo(False), stopping.watching():
                lines.start()
                ended = work(doors)
        except KeyboardInterrupt:
            ended = _Ended(INTERRUPTED, "stopped; /resume goes on with it")
        except OpswrightError as error:
            ended = _Ended("error", f"failed: {error}")
        finally:
            lines.stop()
            self.screen.lines = None
            self.screen.stream_over()
        self._write_down(turn, ended, self._clock() - began)

    def _note(self, message: str) -> None:
        if not message.startswith("no model is configured"):  # the greeting said so
            self.screen.note(message)

    def _write_down(self, turn: Turn, ended: _Ended, seconds: float) -> None:
        spent = carried_over(rows_of(self.journal, turn.run), session=True)
        usage: Usage = replace(spent, seconds=turn.usage.seconds + seconds)
        done = replace(
            turn, status=ended.status, answer=ended.answer, usage=usage, tier=ended.tier, receipts=ended.receipts
        )
        self.sessions.end_turn(self.id, done)
        if ended.status == INTERRUPTED:
            self.screen.hint(ended.answer)
        elif ended.status != TALK:
            self.screen.answer(ended.answer)
        outcomes = outcomes_of(self.journal, turn.run)
        self.screen.ended(done, outcomes)
        shown = [one for one in outcomes if one.status == ACCEPTED and one.receipt and not one.adopted]
        if any(self.manifests[one.specialist].risk for one in shown if one.specialist in self.manifests):
            self.screen.dim("nothing was changed; /apply adopts the result")

    def _choices(self) -> Choices:
        # The session's ledger holds the limits of the budget, above the run's own.
        return Choices(self.tier, Budget(), None, self.options.yes, self.options.dry_run)

    def _answer(self, turn: Turn, reading: Reading, files: Sequence[File], doors: Doors) -> _Ended:
        if reading.talk:
            return self._talk(turn, doors)
        following = Following(turn.run, reading.specialists, reading.earlier)
        result = start(turn.request, self.settings, self._choices(), doors, files, following)
        if result.outcomes or result.questions:
            return self._ended(result)
        self.screen.dim(result.answer)  # none of the specialists' work
        return self._talk(turn, doors, result.answer)

    def _ended(self, result: RunResult) -> _Ended:
        return _Ended(result.status, result.answer, result.tier, result.receipts)

    def _talk(self, turn: Turn, doors: Doors, said: str = "") -> _Ended:
        """What a model says about the session, or the facts where there is none, or it fails."""
        session = self._without(turn)
        ledger = Ledger(Budget(), time.monotonic, self.ledger, name="turn", book=self.journal, run=turn.run)
        gateway = NoModels() if self.tier == Tier.SOLVER else gateway_of(self.settings, ledger)
        talker = talker_of(gateway, ledger, self.journal, turn.run)
        if talker is not None:
            tier = self.tier if self.tier != "auto" else talker.available()[0].value
            if self.screen.lines is not None:
                self.screen.lines.wait_for(f"the {tier} tier is asked")
                self.screen.lines.start()
            try:
                text = converse(
                    talker, self.tier, turn.request, session, self.manifests, self.journal, self.screen.streamed
                )
                return _Ended(TALK, f"{said}\n\n{text}".strip(), tier)
            except OpswrightError as error:
                self.screen.stream_over()
                self.screen.dim(f"the model did not answer ({error}); from the records:")
        text = answer_without_a_model(session, self.manifests, self.journal)
        self.screen.answer(text)
        return _Ended(TALK, f"{said}\n\n{text}".strip())

    def _without(self, turn: Turn) -> Session:
        """The session before this turn."""
        session = self.session()
        return replace(session, turns=tuple(one for one in session.turns if one.run != turn.run))

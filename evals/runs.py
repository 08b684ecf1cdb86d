"""One run of a suite: what was chosen, what it opens, where its rows go, and what it says in the end."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from opswright.errors import InputError
from opswright.evals import common
from opswright.evals.data import data_folder
from opswright.evals.digests import Fingerprint
from opswright.evals.finding import Found, Opening, find_suite, open_parts, setup_of
from opswright.evals.product import asks
from opswright.evals.recording import prepare_recording, quoted, write_about
from opswright.evals.results import ResultFile
from opswright.evals.rows import digest_of, ran
from opswright.evals.runner import Allowance, Workers, run_part
from opswright.evals.states import sweep
from opswright.evals.suites import Case, Env, Part, Prepared, Setup, Suite, Summary
from opswright.nouns import Budget, Json
from opswright.settings import Settings

REPORT_S = 30.0  # progress is told at least this often while cases end


class Tell(Protocol):
    """Where progress goes."""

    def __call__(self, message: str, **details: Json) -> None:
        """One step."""
        ...


@dataclass(frozen=True)
class Chosen:
    """What a person chose for a run, beside the settings."""

    suite: str
    part: str | None = None
    data: Path | None = None
    env: Env = "recorded"
    seed: int = 1
    limit: int | None = None
    workers: Workers = field(default_factory=Workers)
    out: Path | None = None
    fresh: bool = False
    record: bool = False
    answered_by: str | None = None
    recordings: Path | None = None
    plugins: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Failures:
    """`every`: nothing at all was measured; `first`: the first reason."""

    every: bool
    first: str


@dataclass(frozen=True)
class Run:
    """A suite opened for one run."""

    chosen: Chosen
    found: Found
    suite: Suite
    setup: Setup
    parts: Sequence[Part]
    fingerprint: Fingerprint
    results: ResultFile
    _cases: dict[str, Sequence[Case]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The result file."""
        return self.results.path

    def sizes(self) -> dict[str, int]:
        """How many cases each part would run."""
        return {part.name: len(part.cases()[: self.chosen.limit]) for part in self.parts}

    def run(self, tell: Tell) -> list[Summary]:
        """Runs every part. Raises what a case raises other than failures of its environment; BudgetSpent."""
        chosen = self.chosen
        if chosen.fresh:
            self.path.unlink(missing_ok=True)
        self.results.open()
        try:
            if chosen.record:
                prepare_recording(self.setup, chosen.fresh)
            with self._on_target() as run:
                for part in run.parts:
                    if isinstance(part, Prepared):
                        part.prepare(chosen.fresh, chosen.limit)
                allowance = Allowance(limits_of(self.setup))
                summaries = [run._run(part, _Told(tell), allowance) for part in run.parts]
            if chosen.record:
                write_about(self.setup, chosen.answered_by)
            return summaries
        finally:
            self.results.close()

    @contextlib.contextmanager
    def _on_target(self) -> "Iterator[Run]":
        """The run with the suite's live target, where it has one and it is needed."""
        if self.setup.live:
            sweep(self.setup.settings.state_dir)
        if self.suite.target is None or not self.setup.live:
            yield self
            return
        with self.suite.target(self.setup) as target:
            setup = replace(self.setup, target=target)
            opened = {part.name: part for part in open_parts(self.suite, setup)}
            yield replace(self, setup=setup, parts=[opened[part.name] for part in self.parts])

    def _run(self, part: Part, told: "_Told", allowance: Allowance) -> Summary:
        workers = self.chosen.workers
        fingerprint = replace(self.fingerprint, recordings=None if asks(self.setup) else self.setup.recordings)
        self._cases[part.name] = part.cases()[: self.chosen.limit]
        return run_part(
            part,
            self.results,
            limit=self.chosen.limit,
            progress=told,
            workers=replace(workers, fingerprint=fingerprint),
            load=Opening(self.found, self.setup, part.name),
            allowance=allowance,
        )

    def rows(self) -> dict[str, dict[str, Json]]:
        """The rows of this run's cases by part, in the cases' order."""
        return {
            part: {case.id: self.results.rows[part, case.id] for case in cases} for part, cases in self._cases.items()
        }

    def digest(self) -> str:
        """One name for equal rows, however they were fanned out."""
        return digest_of({f"{part}/{id}": row for part, rows in self.rows().items() for id, row in rows.items()})

    def figures(self) -> dict[str, Json]:
        """What every suite says of itself, by part."""
        return {part: common.figures(rows) for part, rows in self.rows().items()}

    def took(self) -> Summary:
        """The same as a table."""
        rows = self.rows()
        replayed = not asks(self.setup) and any(row.get("calls") for part in rows.values() for row in part.values())
        notes = (common.NOTE, quoted(self.setup)) if replayed else (common.NOTE,)
        return Summary("", (common.table(rows),), notes=tuple(note for note in notes if note))

    def failures(self) -> Failures:
        """Whether anything was measured."""
        errors = [row["error"] for rows in self.rows().values() for row in rows.values() if not ran(row)]
        count = sum(len(rows) for rows in self.rows().values())
        return Failures(bool(errors) and len(errors) == count, errors[0] if errors else "")


def limits_of(setup: Setup) -> Budget:
    """The session's money and tokens where models are asked: recorded answers were paid for. A flag always counts."""
    settings = setup.settings
    limits = settings.budget.session()

    def counts(name: str) -> bool:
        return settings.sources(f"budget.{name}").layer == "flag" or (asks(setup) and name != "seconds")

    return Budget(**{name: getattr(limits, name) for name in ("usd", "tokens", "seconds") if counts(name)})


def open_run(chosen: Chosen, settings: Settings, environment: Mapping[str, str], start: Path) -> Run:
    """Finds and opens what was chosen. Writes nothing. Raises InputError and ConfigError."""
    found = find_suite(chosen.suite, chosen.plugins)
    suite = found.load()
    _check(chosen, suite, settings)
    data = data_folder(chosen.data, dict(environment), start) if suite.data else None
    setup = setup_of(
        found,
        settings,
        data=data,
        seed=chosen.seed,
        env=chosen.env,
        record=chosen.record,
        recordings=chosen.recordings,
    )
    parts = [part for part in open_parts(suite, setup) if chosen.part in (None, "all", part.name)]
    own = (found.folder,) if found.plugin else ()
    fingerprint = Fingerprint(own, None if data is None else data / suite.data, found.cases)
    header = {"suite": found.name, "seed": chosen.seed, **fingerprint(), **_unusual(setup)}
    path = chosen.out or settings.state_dir / "evals" / _file_name(header)
    return Run(chosen, found, suite, setup, parts, fingerprint, ResultFile(path, header))


def _check(chosen: Chosen, suite: Suite, settings: Settings) -> None:
    if chosen.part not in (None, "all", *suite.parts):
        raise InputError(f"there is no part {chosen.part!r} (there is {', '.join(suite.parts)})", "--part")
    if chosen.answered_by and not chosen.record:
        raise InputError("says who answers, and goes with --record", "--answered-by")
    if chosen.workers.address and chosen.workers.jobs > 1:
        raise InputError("is for processes of this machine; a cluster has its own", "--jobs")
    at_once = suite.jobs is not None and (chosen.record or chosen.env == "live")
    if at_once and (chosen.workers.address or chosen.workers.jobs > (suite.jobs or 1)):
        option = "--workers" if chosen.workers.address else "--jobs"
        raise InputError(f"live cases of this suite share what they work on: at most {suite.jobs} at once", option)
    if not chosen.record:
        return
    for part, reason in suite.unrecordable.items():
        if chosen.part in (None, "all", part):
            raise InputError(f"answers about part {part} are not recorded: {reason}; choose --part", "--record")
    if chosen.workers.address:
        raise InputError("writes on this machine; use --jobs", "--record")
    if not settings.models.tiers():
        raise InputError("no model is configured to record; set OPENAI_BASE_URL or [models]", "--record")


def _unusual(setup: Setup) -> dict[str, Json]:
    """What stands in the header only where it is not the default, so that files of earlier versions still go on."""
    found: dict[str, Json] = {} if setup.tier == "auto" else {"tier": setup.tier}
    return found if setup.env == "recorded" else {**found, "env": setup.env}


def _file_name(header: Mapping[str, Json]) -> str:
    names = [
        f"{header['suite']}-seed{header['seed']}",
        *(str(header[name]) for name in ("tier", "env") if name in header),
    ]
    return "-".join([*names, *(str(header[name]) for name in ("code", "cases") if name in header)]) + ".jsonl"


class _Told:
    """Progress in steps of a twentieth, so that a log stays short, and often enough when cases take long."""

    def __init__(self, tell: Tell, clock: Callable[[], float] | None = None) -> None:
        import time

        self._tell, self._clock = tell, clock or time.monotonic
        self._last, self._said = -1, self._clock()

    def __call__(self, part: str, done: int, total: int) -> None:
        step, now = 20 * done // max(total, 1), self._clock()
        if done == 0 or step != self._last or now - self._said > REPORT_S:
            self._last, self._said = step, now
            self._tell(f"{part}: {done} of {total} cases", part=part, done=done, total=total)

"""The models part: model tiers beside the solver tier on the same cases, from recorded answers or live.

Every case goes through the program's own loop (`agents.runs.start`) once for each tier and once with `auto`, in a
state directory of its own, with leave to generalise. Answers come from the recording; with `record` they are asked for
at the configured endpoint and added to it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import InputError, RecordingMissing
from opswright.evals import stats
from opswright.evals.peers import COMPLEXITY, complexity_tier
from opswright.evals.policy.cases import HeadlineCase, build_case
from opswright.evals.policy.chosen import choose, digest_of, read_chosen, write_chosen
from opswright.evals.policy.corpus import Corpora
from opswright.evals.policy.headline import shown
from opswright.evals.policy.judging import judge
from opswright.evals.product import ANSWERS, run_case
from opswright.evals.rows import COMMON
from opswright.evals.suites import Case, Env, Goal, Setup, Summary, Table
from opswright.evals.text import count, percent, share
from opswright.nouns import Json, Task
from opswright.settings import Settings

COUNT, AMONG = 48, 120  # cases chosen, and headline cases they are chosen from
TIERS = ("solver", "low", "mid", "high", "auto")
CASES = "cases.json"
RECORD = "opswright eval run policy --part models --record, with OPENAI_BASE_URL or model tiers configured"
GOAL = "Repair policy.json so that it meets spec.json. Somebody edited it and made mistakes."


def recordings_folder() -> Path:
    """Where the project keeps the recording of this suite."""
    return Path(__file__).resolve().parents[1] / "recordings" / "policy"


def models_part(setup: Setup) -> "Models":
    """The part as a run of the suite wants it: every tier, or the solver and the one that was chosen."""
    tiers = TIERS if setup.tier == "auto" else tuple(dict.fromkeys(("solver", setup.tier)))
    return Models(setup.data_folder, setup.seed, setup.settings, setup.recordings, setup.record, tiers, env=setup.env)


@dataclass(frozen=True)
class Models:
    """`tiers`: which to run; `settings` are the user's own, of which only the models' part counts."""

    folder: Path
    seed: int
    settings: Settings
    recordings: Path
    record: bool = False
    tiers: tuple[str, ...] = TIERS
    among: int = AMONG
    name: str = "models"
    env: Env = "recorded"

    def prepare(self, fresh: bool, limit: int | None) -> None:
        """With `record`: chooses the cases where none are chosen yet, or anew with `fresh` (the recording goes too)."""
        if not self.record:
            return
        if not self.settings.models.tiers():
            raise InputError("no model is configured to record; set OPENAI_BASE_URL or [models]", "--record")
        if fresh:
            for name in (CASES, ANSWERS):
                (self.recordings / name).unlink(missing_ok=True)
        if read_chosen(self.recordings / CASES) is None:
            from opswright.tools.iam.actions import load

            chosen = choose(self.folder, self.seed, COUNT if limit is None else limit, self.among, load())
            write_chosen(self.recordings / CASES, self.seed, chosen)

    def cases(self) -> Sequence[Case]:
        """The chosen cases; none where nothing is recorded."""
        found = read_chosen(self.recordings / CASES)
        if found is None:
            return []
        seed, chosen = found
        return [
            Case(f"{one.index:04}", {"seed": seed, "index": one.index, "why": one.why, "digest": one.digest})
            for one in chosen
        ]

    def run(self, case: Case) -> Json:
        """One case through every tier."""
        from opswright.tools.iam.actions import load

        actions = load()
        data = case.data
        built = build_case(data["seed"], data["index"], Corpora(self.folder), actions)
        if digest_of(built) != data["digest"]:
            raise RecordingMissing(f"case {case.id} is not what was recorded any more; record it with {RECORD}")
        rows: dict[str, Json] = {}
        for tier in self.tiers:
            rows[tier] = self._through(case, built, tier)
            value = rows[tier].pop("value")
            rows[tier] |= judge(built, built.faulty if value is None else value, actions, self.seed)
        kinds = [fault.kind for fault in built.faults]
        asked = "\n".join((GOAL, json.dumps(built.faulty, indent=2), json.dumps(built.spec, indent=2)))
        told = {name: value for name, value in rows[self.tiers[-1]].items() if name in COMMON}
        told[COMPLEXITY] = complexity_tier(asked)
        return {**told, "why": data["why"], "document": built.document.id, "faults": kinds, "rows": rows}

    def show(self, case: Case) -> Json:
        """The headline case it is, and why it was chosen."""
        from opswright.tools.iam.actions import load

        built = build_case(case.data["seed"], case.data["index"], Corpora(self.folder), load())
        return {"why": case.data["why"], **shown(built)}

    def _through(self, case: Case, built: HeadlineCase, tier: str) -> dict[str, Json]:
        """The loop at one tier. Raises RecordingMissing."""
        ran = run_case(self.setup, case, _task(built), tier=tier)
        result = ran.result.result
        value = result.get("policy") if isinstance(result, dict) and ran.result.status == "accepted" else None
        return {"value": value, "result": value is not None, **ran.row()}

    @property
    def setup(self) -> Setup:
        """What its runs are set up with."""
        cases = self.recordings / "cases"  # there is none: nothing of an environment is recorded
        return Setup(
            self.settings, "policy", self.recordings, cases, self.folder, self.seed, env=self.env, record=self.record
        )

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Tiers side by side over the cases that every tier has, then each against the solver, pair by pair."""
        if not rows:
            note = f"Nothing is recorded yet. Record with: {RECORD}"
            return Summary(self.name, (), (_enough(0),), {"cases": 0}, (note,))
        complete = [row for row in rows.values() if "rows" in row]
        groups = {"all": complete}
        groups |= {why: [row for row in complete if row["why"] == why] for why in ("ambiguous", "random")}
        tables = [
            _tier_table(f"Model tiers, {name} cases", cases, self.tiers) for name, cases in groups.items() if cases
        ]
        tables.append(_paired_table(complete, self.tiers))
        notes = [_about(self.recordings / ANSWERS), *_lost(rows, complete)]
        notes.append("All tiers may be one model: then this compares pipelines and prompts, not model sizes.")
        notes.append("AWS managed policies are public; a model may have seen the true policy in its training.")
        figures = {
            "cases": len(complete),
            "chosen": {id: row["why"] for id, row in rows.items() if "why" in row},
            "tiers": {tier: _figures([row["rows"][tier] for row in complete]) for tier in self.tiers},
        }
        return Summary(self.name, tuple(tables), (_enough(len(complete)),), figures, tuple(notes))


def _task(case: HeadlineCase) -> Task:
    from opswright.agents.files import File
    from opswright.agents.policy.inputs import repair_inputs

    policy = File("policy.json", json.dumps(case.faulty, indent=2))
    spec = File("spec.json", json.dumps(case.spec, indent=2))
    inputs = repair_inputs(policy, spec, generalise=True)
    # Prompts must not depend on where the suite runs: a recording is found by what was asked.
    return Task("t1", "policy", GOAL, {**inputs, "policy_path": "/policy.json"})


def _equivalent(score: Json) -> bool:
    return bool(score["equivalent"])


def _enough(cases: int) -> Goal:
    return Goal("cases with recorded answers", ">= 40", str(cases), cases >= 40)


def _tier_table(title: str, rows: Sequence[Json], tiers: Sequence[str]) -> Table:
    columns = ("tier", "accepted", "held-back right", "equivalent", "over-grant", "calls", "tokens", "USD")
    return Table(title, columns, tuple(_tier_cells(tier, [row["rows"][tier] for row in rows]) for tier in tiers))


def _tier_cells(tier: str, scores: Sequence[Json]) -> tuple[str, ...]:
    n = len(scores)
    about = "about " if any(score["estimated"] for score in scores) else ""
    return (
        tier,
        count(sum(score["result"] for score in scores), n),
        percent(stats.ratio_of_totals([tuple(score["held"]) for score in scores])),
        share(stats.wilson(sum(map(_equivalent, scores)), n)),
        count(sum(score["over"] is True for score in scores), n),
        str(sum(score["calls"] for score in scores)),
        f"{about}{sum(score['tokens_in'] + score['tokens_out'] for score in scores):,}",
        f"{sum(score['cost_usd'] for score in scores):.4f}",
    )


def _paired_table(rows: Sequence[Json], tiers: Sequence[str]) -> Table:
    """Cases a tier gets equivalent and the solver does not, and the other way round, with the exact sign test."""
    lines = []
    for tier in tiers:
        if tier == "solver":
            continue
        pairs = [(_equivalent(row["rows"][tier]), _equivalent(row["rows"]["solver"])) for row in rows]
        held = [(row["rows"][tier]["held"][0], row["rows"]["solver"]["held"][0]) for row in rows]
        better, worse = pairs.count((True, False)), pairs.count((False, True))
        more, less = sum(a > b for a, b in held), sum(a < b for a, b in held)
        lines.append(
            (
                tier,
                f"{better} / {worse}",
                f"{stats.sign_test(better, worse):.3f}",
                f"{more} / {less}",
                f"{stats.sign_test(more, less):.3f}",
            )
        )
    columns = ("tier", "equivalent: better / worse", "p", "held-back: better / worse", "p")
    return Table("Each tier against the solver, pair by pair", columns, tuple(lines))


def _figures(scores: Sequence[Json]) -> Json:
    return {
        "accepted": sum(score["result"] for score in scores),
        "held": [sum(score["held"][at] for score in scores) for at in (0, 1)],
        "equivalent": sum(map(_equivalent, scores)),
        "over_grant": sum(score["over"] is True for score in scores),
        "calls": sum(score["calls"] for score in scores),
        "tokens": sum(score["tokens_in"] + score["tokens_out"] for score in scores),
        "cost_usd": sum(score["cost_usd"] for score in scores),
    }


def _about(path: Path) -> str:
    """What the recording says of itself."""
    from opswright.tools.models.recording import Recording

    header = Recording(path).header()
    if not header:
        return f"There are no answers at {path.name}."
    prompts = ", ".join(header.get("prompts", ()))
    return (
        f"Answers of a model through an OpenAI-compatible endpoint, recorded {header.get('recorded')}; "
        f"prompts {prompts}; token counts {header.get('token_counts', 'estimated')}."
    )


def _lost(rows: Mapping[str, Json], complete: Sequence[Json]) -> list[str]:
    if len(complete) == len(rows):
        return []
    reason = next(row["error"] for row in rows.values() if "error" in row)
    return [f"{len(rows) - len(complete)} of {len(rows)} cases are left out; the first reason: {reason}"]

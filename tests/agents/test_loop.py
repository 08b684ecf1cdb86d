"""The loop, step by step, with a strict script and the real journal, ledger, performer and receipts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.approvals import Approvals, grant
from opswright.agents.performer import Workshop
from opswright.agents.ports import Performer, accepted, rejected, undecided
from opswright.agents.receipts import read_receipt
from opswright.errors import (
    ApprovalRefused,
    BudgetSpent,
    ConfigError,
    EndpointFailed,
    EnvironmentFailed,
    ModelRetry,
    StoreFailed,
    ToolFailed,
)
from opswright.nouns import Action, Budget, Json, Permit, Risk, Tier
from opswright.settings import ApprovalRules
from opswright.tools.files import write
from tests.agents.bench import Bench
from tests.agents.scripted import Call, Script

YES, NO, UNKNOWN = accepted("proved"), rejected("refuted", witness="x"), undecided("out of time")
GOOD = (Call("precheck", YES), Call("trial_actions"), Call("trial", {"seen": 1}))


def tries(tier: Tier, content: Json, *judged: Call, trials: int | None = None) -> tuple[Call, ...]:
    return (Call("ask", content, tier=tier, trials=trials), *GOOD, *judged)


def play(bench: Bench, *steps: Call) -> Any:
    script = Script(*steps)
    state = bench.plays(script)
    script.finished()
    return state


def test_an_accepted_first_proposal_ends_it_with_a_receipt(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play(bench, *tries(Tier.SOLVER, {"n": 1}, Call("judge", YES, trials=1)), Call("adoption"), Call("reflect"))
    outcome = bench.outcome
    assert (outcome.status, outcome.tier, outcome.tried) == ("accepted", "solver", (("solver", "accepted"),))
    assert outcome.result["content"] == {"n": 1} and outcome.result["tier"] == "solver"
    receipt = read_receipt(Path(outcome.receipt)).content
    assert receipt.proposal.content == {"n": 1} and receipt.task.inputs == {"x": 1} and not receipt.adopted
    assert bench.learnt[0][1:] == (YES, outcome.receipt)


def test_a_rejected_trial_is_information_for_the_next_round_of_the_same_tier(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW,))
    play(
        bench,
        *tries(Tier.SOLVER, 1, Call("judge", NO, trials=1), trials=0),
        *tries(Tier.SOLVER, 2, Call("judge", YES, trials=2), trials=1),
        Call("adoption"),
        Call("reflect"),
    )
    assert bench.outcome.tried == (("solver", "rejected"), ("solver", "accepted"))
    assert [trial.verdict for trial in bench.episode.history()] == [NO, YES]


def test_a_tier_with_nothing_new_gives_way_to_the_next(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW, Tier.MID))
    play(
        bench,
        Call("ask", None, tier=Tier.SOLVER),
        *tries(Tier.LOW, 1, Call("judge", NO)),
        Call("ask", 1, tier=Tier.LOW, trials=1),  # the same again
        *tries(Tier.MID, 2, Call("judge", YES, trials=2), trials=1),
        Call("adoption"),
        Call("reflect"),
    )
    tried = (("solver", "nothing"), ("low", "rejected"), ("low", "repeated"), ("mid", "accepted"))
    assert bench.outcome.tried == tried and bench.outcome.tier == "mid"


def test_an_undecided_trial_moves_up_and_is_never_accepted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW,))
    play(
        bench,
        *tries(Tier.SOLVER, 1, Call("judge", UNKNOWN)),
        *tries(Tier.LOW, 2, Call("judge", NO)),
        Call("ask", None, tier=Tier.LOW),
        Call("reflect"),
    )
    assert bench.outcome.status == "undecided" and bench.outcome.receipt == ""
    assert not (tmp_path / "receipt.json").exists()


def test_a_failing_precheck_is_a_rejected_trial(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play(bench, Call("ask", 1), Call("precheck", NO), Call("ask", None, trials=1), Call("reflect"))
    (trial,) = bench.episode.history()
    assert (trial.verdict, trial.observation) == (NO, None)
    assert bench.outcome.status == "rejected"


def test_an_undecided_precheck_is_not_tried(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play(bench, Call("ask", 1), Call("precheck", UNKNOWN), Call("reflect"))
    assert bench.outcome.status == "undecided"


def test_a_tier_has_no_more_than_its_rounds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rounds={Tier.SOLVER: 2})
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", NO)), *tries(Tier.SOLVER, 2, Call("judge", NO)), Call("reflect"))
    assert (bench.outcome.status, bench.outcome.reason) == ("rejected", "no proposal was accepted")


@pytest.mark.parametrize("error", [ModelRetry("not JSON"), EndpointFailed("no answer")])
def test_a_failed_model_is_a_note_and_the_next_tier(tmp_path: Path, error: Exception) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW, Tier.MID))
    play(
        bench,
        Call("ask", None, tier=Tier.SOLVER),
        Call("ask", error, tier=Tier.LOW),
        *tries(Tier.MID, 1, Call("judge", YES)),
        Call("adoption"),
        Call("reflect"),
    )
    assert bench.outcome.notes == ("solver: nothing new to offer", f"low: {error}")
    assert json.loads(Path(bench.outcome.receipt).read_text())["evidence"]["notes"][1] == f"low: {error}"


@pytest.mark.parametrize("error", [ModelRetry("not JSON"), EndpointFailed("no answer")])
def test_a_failed_model_of_a_forced_tier_is_an_error_and_can_be_resumed(tmp_path: Path, error: Exception) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW, Tier.MID), tier="low")
    with pytest.raises(type(error), match=str(error)):
        play(bench, Call("ask", error, tier=Tier.LOW))
    script = Script(*tries(Tier.LOW, 1, Call("judge", YES)), Call("adoption"), Call("reflect"))
    bench.plays(script, None)
    script.finished()
    assert bench.outcome.status == "accepted"


def test_a_forced_tier_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model is configured for the high tier"):
        play(Bench(tmp_path, tier="high"))


def test_a_spent_budget_ends_with_status_budget(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", NO)), Call("ask", BudgetSpent("$0 left"), trials=1))
    assert (bench.outcome.status, bench.outcome.reason) == ("budget", "$0 left")
    assert bench.learnt == []


def test_trials_are_limited_by_the_budget_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=Budget(trials=1))
    play(
        bench,
        *tries(Tier.SOLVER, 1, Call("judge", NO)),
        Call("ask", 2),
        Call("precheck", YES),
        Call("trial_actions"),
    )
    assert bench.outcome.status == "budget" and "trials" in bench.outcome.reason


def test_a_trial_is_undone_before_it_is_judged(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    action = write.action(file, "new")

    def trial(performer: Performer, permits: Mapping[str, Permit]) -> Mapping[str, Json]:
        performer.perform(action, permits[action.hash])
        return {"seen": file.read_text()}

    bench = Bench(tmp_path)
    before = Call("precheck", YES), Call("trial_actions", [action]), Call("trial", trial)
    play(bench, Call("ask", 1), *before, Call("judge", YES), Call("adoption"), Call("reflect"))
    assert file.read_text() == "old"
    (trial_done,) = bench.episode.history()
    assert trial_done.observation is not None and trial_done.observation.values == {"seen": "new"}


@pytest.mark.parametrize(
    "error", [ToolFailed("broke"), EnvironmentFailed("gone"), KeyboardInterrupt(), ValueError("x")]
)
def test_a_trial_is_undone_whatever_happens_in_it(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    action = write.action(file, "new")

    def trial(performer: Performer, permits: Mapping[str, Permit]) -> Mapping[str, Json]:
        performer.perform(action, permits[action.hash])
        raise error

    bench = Bench(tmp_path)
    steps = [Call("ask", 1), Call("precheck", YES), Call("trial_actions", [action]), Call("trial", trial)]
    if isinstance(error, ToolFailed):
        play(bench, *steps, Call("ask", None, trials=1), Call("reflect"))
        assert bench.outcome.tried[0] == ("solver", "rejected")
        verdict = bench.episode.history()[0].verdict
        assert verdict is not None and verdict.reason == "the trial failed: broke"
    else:
        with pytest.raises(type(error)):
            play(bench, *steps)
    assert file.read_text() == "old"


def test_adopting_needs_the_same_gate_as_trying(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rules=ApprovalRules(reversible="ask"))
    action = write.action(tmp_path / "a.txt", "new")
    state = play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]))
    (waiting,) = state["__interrupt__"]
    assert waiting.value["stage"] == "adoption" and list(waiting.value["actions"]) == [action.hash]
    still = bench.plays(Script(), None)
    assert still["__interrupt__"], "without a grant it waits on"
    bench._services().work.approvals.ask(action, "policy", run="r1", task="t1")
    grant(bench.journal, action.hash, who="somebody")
    script = Script(Call("verify", YES), Call("reflect"))
    bench.plays(script, None)
    script.finished()
    assert (tmp_path / "a.txt").read_text() == "new" and bench.outcome.adopted


def test_a_trial_that_must_be_approved_waits_before_it_starts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rules=ApprovalRules(reversible="ask"))
    action = write.action(tmp_path / "a.txt", "new")
    state = play(bench, Call("ask", 1), Call("precheck", YES), Call("trial_actions", [action]))
    assert state["__interrupt__"][0].value["stage"] == "trial/1"


def test_a_no_ends_it_with_status_approval_and_a_receipt_of_what_was_not_adopted(tmp_path: Path) -> None:
    from langgraph.types import Command

    bench = Bench(tmp_path, rules=ApprovalRules(reversible="ask"))
    action = write.action(tmp_path / "a.txt", "new")
    state = play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]))
    bench.plays(Script(), Command(resume={state["__interrupt__"][0].id: "no"}))
    assert (bench.outcome.status, bench.outcome.reason, bench.outcome.adopted) == ("approval", "no", False)
    assert not (tmp_path / "a.txt").exists()
    assert read_receipt(Path(bench.outcome.receipt)).content.adoption == (action,)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [({}, "does not declare"), ({"files.write": Risk.IRREVERSIBLE}, "is declared irreversible")],
)
def test_an_effect_outside_the_manifest_is_refused(tmp_path: Path, declared: dict[str, Risk], reason: str) -> None:
    bench = Bench(tmp_path, declared=declared)
    action = write.action(tmp_path / "a.txt", "new")
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]))
    assert bench.outcome.status == "approval" and reason in bench.outcome.reason
    assert not (tmp_path / "a.txt").exists()


def test_a_policy_that_denies_is_not_asked_about(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rules=ApprovalRules(reversible="deny"))
    action = write.action(tmp_path / "a.txt", "new")
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]))
    assert bench.outcome.status == "approval" and "denies" in bench.outcome.reason


def test_what_is_not_what_was_accepted_is_taken_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    action = write.action(tmp_path / "a.txt", "new")
    steps = *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]), Call("verify", NO), Call("reflect")
    play(bench, *steps)
    assert bench.outcome.status == "rejected" and "undone" in bench.outcome.reason
    assert bench.outcome.result["outcome"] == "rejected" and bench.outcome.receipt == ""
    assert not (tmp_path / "a.txt").exists()


def test_of_several_actions_all_are_adopted_or_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first, second = write.action(tmp_path / "a.txt", "new"), write.action(tmp_path / "b.txt", "new")
    (tmp_path / "b.txt").write_text("somebody was faster")
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [first, second]), Call("reflect"))
    assert bench.outcome.status == "rejected"
    assert not (tmp_path / "a.txt").exists() and (tmp_path / "b.txt").read_text() == "somebody was faster"


def test_a_dry_run_adopts_nothing_and_tries_nothing_that_would_change_the_world(tmp_path: Path) -> None:
    action = write.action(tmp_path / "a.txt", "new")
    bench = Bench(tmp_path, dry_run=True)
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]), Call("reflect"))
    assert bench.outcome.status == "accepted" and not bench.outcome.adopted
    other = Bench(tmp_path / "other", dry_run=True)
    play(other, Call("ask", 1), Call("precheck", YES), Call("trial_actions", [action]))
    assert other.outcome.status == "approval" and "dry run" in other.outcome.reason
    assert not (tmp_path / "a.txt").exists()


def test_the_state_holds_no_content(tmp_path: Path) -> None:
    """Proposals, observations, evidence and diffs are in the journal; checkpoints hold ids and decisions."""
    secret = "CONTENT-" * 100
    bench = Bench(tmp_path, rules=ApprovalRules(reversible="ask"))
    action = write.action(tmp_path / "a.txt", secret)
    play(
        bench,
        *tries(Tier.SOLVER, secret, Call("judge", rejected("no", w=secret))),
        *tries(Tier.SOLVER, 2, Call("judge", accepted("yes", w=secret))),
        Call("adoption", [action]),
    )
    assert list(bench.saver.list(None))
    for one in bench.saver.list(None):
        assert secret not in repr(one)


def test_a_strict_serializer_reads_the_state_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play(bench, *tries(Tier.SOLVER, {"n": 1}, Call("judge", YES)), Call("adoption"), Call("reflect"))
    for one in bench.saver.list(None):
        state = {name: value for name, value in one.checkpoint["channel_values"].items() if ":" not in name}
        assert json.loads(json.dumps(state)) == state


def test_a_second_attempt_replays_the_first_from_the_journal(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", NO)), Call("ask", BudgetSpent("spent"), trials=1))
    bench.budget = Budget(usd=1)
    script = Script(*tries(Tier.SOLVER, 2, Call("judge", YES, trials=2), trials=1), Call("adoption"), Call("reflect"))
    bench.plays(script, attempt=1)
    script.finished()
    assert bench.outcome.status == "accepted"
    assert bench.outcome.tried == (("solver", "rejected"), ("solver", "accepted"))


def test_actions_are_fixed_when_they_are_proposed(tmp_path: Path) -> None:
    """What was approved is what is done, even if the specialist would say something else the second time."""
    bench = Bench(tmp_path, rules=ApprovalRules(reversible="ask"))
    action = Action("files.write", {"path": str(tmp_path / "a"), "text": "x", "expected": None}, Risk.REVERSIBLE)
    play(bench, *tries(Tier.SOLVER, 1, Call("judge", YES)), Call("adoption", [action]))
    assert bench.episode.actions("adoption") == (action,)


def test_what_is_too_large_for_the_journal_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(StoreFailed, match="observation of round 1 has 300,"):
        bench.plays(Script(Call("ask", {"n": 1}), *GOOD[:2], Call("trial", {"seen": "x" * 300_000})))
    assert bench.episode.find_observation(1) is None
    for note in (
        bench.episode.note,
        Workshop(bench.journal, Approvals(bench.journal), tmp_path).scope("r", "t", "s").note,
    ):
        with pytest.raises(StoreFailed, match="note all of it has 300,"):
            note("all of it", lambda: "x" * 300_000)
        assert note("all of it", lambda: "less") == "less"


def test_one_approval_serves_a_whole_search(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rules=ApprovalRules(reversible="ask"))
    file = tmp_path / "a.txt"
    file.write_text("old")
    space = {"text": ["one", "two", "three"]}
    one, two, outside = (
        replace(write.action(file, text), covers="task", space=space) for text in ("one", "two", "four")
    )
    kept = write.action(file, "two")

    def seen(action: Action) -> Any:
        def trial(performer: Performer, permits: Mapping[str, Permit]) -> Json:
            performer.perform(action, permits[action.hash])
            return {"text": file.read_text()}

        return trial

    def round(action: Action, *judged: Call) -> tuple[Call, ...]:
        calls = (Call("precheck", YES), Call("trial_actions", [action]))
        return (Call("ask", action.arguments["text"]), *calls, Call("trial", seen(action)), *judged)

    steps = [*round(one, Call("judge", NO)), *round(two, Call("judge", YES)), Call("adoption", [kept])]
    script = Script(*steps)
    state = bench.plays(script)
    assert list(state["__interrupt__"][0].value["actions"]) == [one.hash]
    bench._services().work.approvals.ask(one, "policy", run="r1", task="t1")
    grant(bench.journal, one.hash, of=("r1", "t1"))
    state = bench.plays(script, None)
    script.finished()
    (waiting,) = state["__interrupt__"]
    assert waiting.value["stage"] == "adoption", "it is asked about again what stays"
    seen_texts = [one.observation.values["text"] for one in bench.episode.history() if one.observation]
    assert seen_texts == ["one", "two"]
    assert file.read_text() == "old"
    performer = bench._services().work.scope("r1", "t1", "trial/9")
    with pytest.raises(ApprovalRefused, match="outside the space"):
        performer.perform(outside, Permit(outside.hash, "person"))
    assert file.read_text() == "old"

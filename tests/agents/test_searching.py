"""A search that goes on after an acceptance, as tuning does: hundreds of trials, the best adopted in the end."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from opswright.agents.ports import Performer, accepted, rejected, undecided
from opswright.agents.receipts import read_receipt
from opswright.knowledge.journal import Record
from opswright.nouns import Action, Budget, Json, Permit, Risk, Tier, Verdict
from opswright.settings import ApprovalRules
from opswright.tools.files import write
from tests.agents.bench import Bench
from tests.agents.scripted import Call, Script
from tests.agents.test_loop import play, tries

BETTER = Verdict(accepted("").outcome, "12 % faster", {"gain": 0.12}, more=True)
BEST = Verdict(accepted("").outcome, "30 % faster", {"gain": 0.3}, more=True)
NO = rejected("no faster")


def test_the_last_improvement_is_adopted_when_nothing_more_is_offered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW,), rounds=dict.fromkeys(Tier, 4), tier="auto")
    target = tmp_path / "conf"
    play(
        bench,
        *tries(Tier.SOLVER, 1, Call("judge", BETTER)),
        *tries(Tier.SOLVER, 2, Call("judge", BEST)),
        *tries(Tier.SOLVER, 3, Call("judge", NO)),
        Call("ask", None, tier=Tier.SOLVER, trials=3),
        Call("adoption", [write.action(target, "the best")]),
        Call("verify", accepted("there")),
        Call("reflect"),
    )
    outcome = bench.outcome
    assert outcome.tried == (
        ("solver", "improved"),
        ("solver", "improved"),
        ("solver", "rejected"),
        ("solver", "nothing"),
    )
    assert (outcome.status, outcome.reason, outcome.adopted) == ("accepted", "30 % faster", True)
    assert target.read_text() == "the best"
    assert read_receipt(Path(outcome.receipt)).content.proposal.content == 2
    assert outcome.result["content"] == 2  # the last trial that the adopter sees is the one that won


def test_a_doubt_after_an_improvement_does_not_throw_it_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(Tier.LOW,), rounds=dict.fromkeys(Tier, 4), tier="auto")
    target = tmp_path / "conf"
    play(
        bench,
        *tries(Tier.SOLVER, 1, Call("judge", BETTER)),
        *tries(Tier.SOLVER, 2, Call("judge", undecided("too noisy to say"))),
        Call("adoption", [write.action(target, "the better")]),
        Call("verify", accepted("there")),
        Call("reflect"),
    )
    assert (bench.outcome.status, bench.outcome.result["content"]) == ("accepted", 1)
    assert target.read_text() == "the better"


def test_judged_trials_are_read_once_each(tmp_path: Path) -> None:
    def reads_of_the_first(rounds: int) -> int:
        bench = Bench(tmp_path / str(rounds), rounds=dict.fromkeys(Tier, rounds))
        find, reads = bench.journal.find, list[str]()

        def counted(key: str) -> Record | None:
            reads.append(key)
            return find(key)

        bench.journal.find = counted  # type: ignore[method-assign]
        steps = [step for number in range(rounds) for step in tries(Tier.SOLVER, number, Call("judge", NO))]
        bench.plays(Script(*steps, Call("reflect")))
        return reads.count(bench.episode.key("observation", 1))

    assert reads_of_the_first(2) == reads_of_the_first(9) > 0


def test_a_trial_that_may_outlast_the_budget_is_not_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=Budget(seconds=50.0), rules=ApprovalRules(reversible="allow", disruptive="allow"))
    bench.declared["switch"] = Risk.REVERSIBLE
    action = Action("switch", {"path": str(tmp_path / "switch"), "to": "on"}, Risk.DISRUPTIVE, deadline_s=60.0)
    play(
        bench,
        Call("ask", 1),
        Call("precheck", accepted("fine")),
        Call("trial_actions", [action]),
    )
    assert bench.outcome.status == "budget"
    assert "60.0 seconds" in bench.outcome.reason


def test_a_budget_that_ends_a_search_leaves_the_best_in_the_receipt(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=Budget(trials=2), rounds=dict.fromkeys(Tier, 9))
    play(
        bench,
        *tries(Tier.SOLVER, 1, Call("judge", BETTER)),
        *tries(Tier.SOLVER, 2, Call("judge", NO)),
        Call("ask", 3, tier=Tier.SOLVER),
        Call("precheck", accepted("fine")),
        Call("trial_actions"),
    )
    assert bench.outcome.status == "budget"
    assert read_receipt(Path(bench.outcome.receipt)).content.proposal.content == 1


def test_a_search_of_hundreds_of_trials_ends_by_its_own_rounds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rounds=dict.fromkeys(Tier, 150))
    steps = [step for number in range(150) for step in tries(Tier.SOLVER, number, Call("judge", NO, trials=number + 1))]
    script = Script(*steps, Call("reflect"))
    bench.plays(script)
    script.finished()
    assert len(bench.outcome.tried) == 150 and bench.outcome.status == "rejected"


def test_a_trials_samples_are_taken_once_each_though_it_is_run_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    taken: list[str] = []

    def sample(performer: Performer, name: str) -> Json:
        def take() -> int:
            taken.append(name)
            return len(taken)

        return performer.note(name, take)

    def first(performer: Performer, permits: Mapping[str, Permit]) -> dict[str, Json]:
        sample(performer, "a")
        raise KeyboardInterrupt

    def again(performer: Performer, permits: Mapping[str, Permit]) -> dict[str, Json]:
        return {"samples": [sample(performer, "a"), sample(performer, "b")]}

    before = Call("ask", 1), Call("precheck", accepted("fine")), Call("trial_actions")
    with contextlib.suppress(KeyboardInterrupt):
        bench.plays(Script(*before, Call("trial", first)))
    script = Script(Call("trial", again), Call("judge", accepted("good")), Call("adoption"), Call("reflect"))
    bench.plays(script, None)
    script.finished()
    trial = bench.episode.history()[0]
    assert taken == ["a", "b"]
    assert trial.observation is not None and trial.observation.values == {"samples": [1, 2]}


def test_an_actions_own_deadline_is_bound_by_its_hash(tmp_path: Path) -> None:
    short = Action("chaos.kill", {"pid": 1}, Risk.DISRUPTIVE, deadline_s=5.0)
    assert short.hash != Action("chaos.kill", {"pid": 1}, Risk.DISRUPTIVE).hash
    assert short.hash != Action("chaos.kill", {"pid": 1}, Risk.DISRUPTIVE, deadline_s=50.0).hash


def test_a_change_of_a_trial_does_not_outlive_the_actions_deadline(tmp_path: Path) -> None:
    """The trial goes on and on, and only looks; the watchdog takes its change back, and what was seen is refused."""
    bench = Bench(
        tmp_path, rules=ApprovalRules(reversible="allow", disruptive="allow"), declared={"switch": Risk.REVERSIBLE}
    )
    switch = tmp_path / "switch"
    switch.write_text("off")
    action = Action("switch", {"path": str(switch), "to": "on"}, Risk.DISRUPTIVE, deadline_s=0.3)
    seen: list[str] = []

    def trial(performer: Performer, permits: Mapping[str, Permit]) -> dict[str, Json]:
        from tests.processes import wait_for

        performer.perform(action, permits[action.hash])
        seen.append(switch.read_text())
        wait_for(lambda: switch.read_text() == "off", "the deadline")
        return {"seen": "what was there without the change"}

    play(
        bench,
        Call("ask", 1),
        Call("precheck", accepted("fine")),
        Call("trial_actions", [action]),
        Call("trial", trial),
        Call("ask", None),
        Call("reflect"),
    )
    assert seen == ["on"] and switch.read_text() == "off"
    assert bench.outcome.tried[0] == ("solver", "rejected")

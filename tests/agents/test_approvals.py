"""Approvals: bound to every field of the action, used once, expiring, and --yes for reversible actions only."""

import os
import pwd
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.agents.approvals import GRANT_LIFETIME_S, Approvals, Choice, asked, grant, refuse, whoami
from opswright.errors import ApprovalNeeded, ApprovalRefused, InputError
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Permit, Risk
from opswright.settings import ApprovalRules, ApprovalSettings
from tests.processes import Child

ACTION = Action("files.write", {"path": "/x", "text": "a"}, Risk.REVERSIBLE, "local", "the diff")


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite3")


def test_the_default_policy() -> None:
    approvals = Approvals(Journal(Path("/nonexistent/journal")))
    choices = {risk: approvals.decide(replace(ACTION, risk=risk)).choice for risk in Risk}
    assert choices[Risk.READ] is Choice.ALLOW
    assert choices[Risk.REVERSIBLE] is choices[Risk.DISRUPTIVE] is Choice.ASK
    assert choices[Risk.IRREVERSIBLE] is not Choice.ALLOW
    production = approvals.decide(replace(ACTION, risk=Risk.IRREVERSIBLE, environment="production"))
    assert production.choice is Choice.DENY


@pytest.mark.parametrize("risk", list(Risk))
@pytest.mark.parametrize("rule", ["allow", "ask", "deny"])
@pytest.mark.parametrize("yes", [False, True])
def test_policy_by_class_and_environment(journal: Journal, risk: Risk, rule: str, yes: bool) -> None:
    rules = ApprovalRules.model_validate({risk.value: rule})
    approvals = Approvals(journal, ApprovalSettings(environments={"lab": rules}), yes=yes)
    decision = approvals.decide(replace(ACTION, risk=risk, environment="lab"))
    answered_by_yes = yes and rule == "ask" and risk in (Risk.READ, Risk.REVERSIBLE)
    expected = Choice.ALLOW if answered_by_yes else Choice(rule)
    assert decision.choice is expected
    assert (decision.permit is not None) == (expected is Choice.ALLOW)
    if decision.permit is not None:
        assert decision.permit == Permit(replace(ACTION, risk=risk, environment="lab").hash, decision.permit.granted_by)
        assert decision.permit.granted_by == ("flag" if answered_by_yes else "policy")


def test_an_unanswered_question_names_the_hash_and_waits_in_the_journal(journal: Journal) -> None:
    approvals = Approvals(journal)
    for _ in range(2):
        with pytest.raises(ApprovalNeeded) as error:
            approvals.require(ACTION, run="r", task="t")
    assert error.value.action_hash == ACTION.hash
    assert ACTION.hash in str(error.value) and "\n" not in str(error.value)
    assert error.value.exit_code == 5
    assert [record.run for record in journal.read("approval.asked")] == ["r"]
    question = asked(journal, ACTION.hash[:12].upper())
    assert question.action == ACTION
    assert question.run == "r"


def test_a_grant_is_for_one_use_of_one_action(journal: Journal) -> None:
    approvals = Approvals(journal)
    approvals.ask(ACTION, "why")
    approved = grant(journal, ACTION.hash[:12])
    assert approved.action == ACTION
    permit = approvals.require(ACTION, key="step-1")
    assert permit == Permit(ACTION.hash, "person")
    approvals.confirm(ACTION, permit, "step-1")
    approvals.confirm(ACTION, permit, "step-1")  # the same step, resumed
    with pytest.raises(ApprovalRefused):
        approvals.confirm(ACTION, permit, "step-2")
    assert approvals.decide(ACTION, "step-2").choice is Choice.ASK
    assert approvals.decide(ACTION, "step-1").choice is Choice.ALLOW
    grant(journal, ACTION.hash)
    approvals.confirm(ACTION, permit, "step-2")
    assert [record.payload["who"] for record in journal.read("approval.granted")] == [whoami(), whoami()]


def test_of_two_processes_with_one_grant_one_uses_it(journal: Journal) -> None:
    Approvals(journal).ask(ACTION, "why")
    grant(journal, ACTION.hash)

    def use(key: str) -> Callable[[Callable[[str], None]], None]:
        def run(say: Callable[[str], None]) -> None:
            try:
                Approvals(journal).confirm(ACTION, Permit(ACTION.hash, "person"), key)
                say("used")
            except ApprovalRefused:
                say("refused")

        return run

    children = [Child(use(f"step-{number}")) for number in range(6)]
    said = [line for child in children for line in child.lines()]
    for child in children:
        child.wait()
    assert sorted(said) == ["refused"] * 5 + ["used"]


def test_a_grant_expires(journal: Journal) -> None:
    clock = Clock()
    approvals = Approvals(journal, clock=clock)
    approvals.ask(ACTION, "why")
    grant(journal, ACTION.hash, clock=clock)
    clock.now += GRANT_LIFETIME_S - 1
    permit = approvals.require(ACTION)
    clock.now += 1
    with pytest.raises(ApprovalRefused):
        approvals.confirm(ACTION, permit, "step")
    with pytest.raises(ApprovalNeeded):
        approvals.require(ACTION)


def test_a_refusal_takes_earlier_grants_with_it(journal: Journal) -> None:
    approvals = Approvals(journal)
    approvals.ask(ACTION, "why")
    grant(journal, ACTION.hash)
    refuse(journal, ACTION.hash)
    assert approvals.decide(ACTION).choice is Choice.ASK
    grant(journal, ACTION.hash)
    assert approvals.decide(ACTION).choice is Choice.ALLOW


def test_a_permit_that_does_not_stand_is_refused_at_the_action(journal: Journal) -> None:
    plain, generous = Approvals(journal), Approvals(journal, yes=True)
    flag = generous.require(ACTION)
    for permit in (flag, Permit(ACTION.hash, "person"), Permit(ACTION.hash, "policy"), Permit(ACTION.hash, "model")):
        with pytest.raises(ApprovalRefused):
            plain.confirm(ACTION, permit, "step")
    generous.confirm(ACTION, flag, "step")
    with pytest.raises(ApprovalRefused):
        generous.confirm(replace(ACTION, environment="production"), flag, "step")


def test_what_the_policy_denies_no_grant_allows(journal: Journal) -> None:
    denying = ApprovalSettings(environments={"local": ApprovalRules(reversible="deny")})
    Approvals(journal).ask(ACTION, "why")
    grant(journal, ACTION.hash)
    approvals = Approvals(journal, denying, yes=True)
    with pytest.raises(ApprovalRefused):
        approvals.require(ACTION)
    with pytest.raises(ApprovalRefused):
        approvals.confirm(ACTION, Permit(ACTION.hash, "person"), "step")


@pytest.mark.parametrize("prefix", ["", "abc", "f" * 11, "g" * 12, "f" * 65, "0123456789ab", "../../etc/passwd"])
def test_an_unknown_or_short_hash_is_bad_input(journal: Journal, prefix: str) -> None:
    Approvals(journal).ask(ACTION, "why")
    for answer in (grant, refuse):
        with pytest.raises(InputError) as error:
            answer(journal, prefix)
        assert "\n" not in str(error.value)


def test_an_ambiguous_prefix_is_bad_input(journal: Journal) -> None:
    for ending in "ab":
        action_hash = "0123456789ab" + ending * 52
        journal.append("approval.asked", {"action_hash": action_hash, "action": {}, "reason": ""})
    with pytest.raises(InputError, match="begins 2"):
        grant(journal, "0123456789ab")


def test_a_stored_question_that_was_doctored_is_not_approved(journal: Journal) -> None:
    forged = {"effect": "files.write", "arguments": {}, "risk": "read", "environment": "local", "preview": "harmless"}
    journal.append("approval.asked", {"action_hash": ACTION.hash, "action": forged, "reason": ""})
    with pytest.raises(InputError, match="damaged"):
        grant(journal, ACTION.hash)
    assert list(journal.read("approval.granted")) == []


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
actions = st.builds(
    Action,
    st.text(max_size=5),
    st.dictionaries(st.text(max_size=3), values, max_size=3),
    st.sampled_from(Risk),
    st.text(max_size=5),
)


@given(actions, actions)
def test_the_hash_binds_every_field(one: Action, other: Action) -> None:
    def spelled(action: Action) -> str:  # repr tells 1 from True and 1.0, which compare equal
        def ordered(value: object) -> object:
            if isinstance(value, dict):
                return sorted((key, ordered(inner)) for key, inner in value.items())
            return [ordered(inner) for inner in value] if isinstance(value, list) else value

        return repr([action.effect, ordered(dict(action.arguments)), action.risk, action.environment])

    assert (one.hash == other.hash) == (spelled(one) == spelled(other))


@given(actions, st.data())
def test_changing_any_one_field_changes_the_hash(action: Action, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["effect", "arguments", "risk", "environment"]))
    changed: dict[str, Any] = {
        "effect": action.effect + "x",
        "arguments": {**action.arguments, "more": 1},
        "risk": next(risk for risk in Risk if risk is not action.risk),
        "environment": action.environment + "x",
    }
    assert replace(action, **{name: changed[name]}).hash != action.hash


def test_the_account_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert whoami().split("@")[0] == pwd.getpwuid(os.getuid()).pw_name


SPACE = {"settings": [{"heat": 18}, {"heat": 20}, {"heat": 22}]}
TRIED = Action(
    "house.set", {"at": "/c", "settings": {"heat": 18}}, Risk.DISRUPTIVE, "local", "diff", covers="task", space=SPACE
)
HERE = ("r1", "t1")


def tried(**more: Any) -> Action:
    return replace(TRIED, **more)


def test_one_grant_covers_the_trials_of_a_task_inside_its_space(journal: Journal) -> None:
    approvals = Approvals(journal)
    assert '{"heat":22}' in TRIED.preview and "every trial of this task" in TRIED.preview
    approvals.ask(TRIED, "why", run="r1", task="t1")
    grant(journal, TRIED.hash)
    for number, heat in enumerate((18, 20, 22, 20)):
        action = tried(arguments={"at": "/c", "settings": {"heat": heat}})
        permit = approvals.decide(action, f"step-{number}", HERE).permit
        assert permit == Permit(action.hash, "person")
        approvals.confirm(action, permit, f"step-{number}", HERE)


@pytest.mark.parametrize(
    ("action", "trial", "choice"),
    [
        (tried(arguments={"at": "/c", "settings": {"heat": 99}}), HERE, Choice.DENY),  # outside
        (tried(arguments={"at": "/c"}), HERE, Choice.DENY),
        (tried(space={}), HERE, Choice.DENY),
        (tried(arguments={"at": "/other", "settings": {"heat": 20}}), HERE, Choice.ASK),  # what the space does not name
        (tried(space={**SPACE, "settings": [*SPACE["settings"], {"heat": 99}]}), HERE, Choice.ASK),  # a wider space
        (tried(effect="house.burn"), HERE, Choice.ASK),
        (tried(environment="production"), HERE, Choice.ASK),
        (tried(risk=Risk.REVERSIBLE), HERE, Choice.ASK),
        (tried(risk=Risk.IRREVERSIBLE), HERE, Choice.DENY),
        (tried(deadline_s=5.0), HERE, Choice.ASK),
        (tried(covers="once", space={}), HERE, Choice.ASK),
        (tried(covers="once"), HERE, Choice.DENY),
        (TRIED, ("r1", "t2"), Choice.ASK),
        (TRIED, ("r2", "t1"), Choice.ASK),
        (TRIED, None, Choice.DENY),  # an adoption
    ],
)
def test_it_covers_nothing_else(
    journal: Journal, action: Action, trial: tuple[str, str] | None, choice: Choice
) -> None:
    approvals = Approvals(journal)
    approvals.ask(TRIED, "why", run="r1", task="t1")
    grant(journal, TRIED.hash)
    assert approvals.decide(action, "step", trial).choice is choice
    with pytest.raises(ApprovalRefused):
        approvals.confirm(action, Permit(action.hash, "person"), "step", trial)


def test_a_grant_for_a_task_expires_and_falls_with_a_refusal(journal: Journal) -> None:
    clock = Clock()
    approvals = Approvals(journal, clock=clock)
    approvals.ask(TRIED, "why", run="r1", task="t1")
    grant(journal, TRIED.hash, lifetime_s=10, clock=clock)
    assert approvals.decide(TRIED, "step", HERE).choice is Choice.ALLOW
    clock.now += 10
    assert approvals.decide(TRIED, "step", HERE).choice is Choice.ASK
    grant(journal, TRIED.hash, lifetime_s=10, clock=clock)
    assert approvals.decide(TRIED, "step", HERE).choice is Choice.ALLOW
    refuse(journal, TRIED.hash)
    assert approvals.decide(TRIED, "step", HERE).choice is Choice.ASK
    with pytest.raises(ApprovalRefused):
        approvals.confirm(TRIED, Permit(TRIED.hash, "person"), "step", HERE)


def test_two_tasks_that_ask_the_same_are_answered_one_by_one(journal: Journal) -> None:
    approvals = Approvals(journal)
    for task in ("t1", "t2"):
        approvals.ask(TRIED, "why", run="r1", task=task)
    grant(journal, TRIED.hash)
    assert approvals.decide(TRIED, "step", HERE).choice is Choice.ASK
    assert approvals.decide(TRIED, "step", ("r1", "t2")).choice is Choice.ALLOW
    grant(journal, TRIED.hash)
    assert approvals.decide(TRIED, "step", HERE).choice is Choice.ALLOW

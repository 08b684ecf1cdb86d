"""What holds for whoever may say yes to an action, and for every way of asking a person.

class TestMine(ApproverContract):
    @pytest.fixture
    def approver(self, journal): return Approver("policy", Approvals(journal, rules))
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from opswright.agents.approvals import Approvals, Choice
from opswright.errors import ApprovalRefused
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Permit, Risk
from opswright.settings import ApprovalRules, ApprovalSettings

ACTION = Action("files.write", {"path": "/x", "text": "a"}, Risk.REVERSIBLE, "local", "the diff")
DENY = ApprovalSettings(environments={"local": ApprovalRules(reversible="deny")})
OTHERS = (
    replace(ACTION, arguments={"path": "/x", "text": "b"}),
    replace(ACTION, effect="files.remove"),
    replace(ACTION, environment="production"),
    replace(ACTION, risk=Risk.IRREVERSIBLE),
    replace(ACTION, deadline_s=5.0),
)


@dataclass(frozen=True)
class Approver:
    """Who says yes to ACTION and to nothing else of OTHERS that is not milder: `approvals` with the yes in it."""

    granted_by: str
    approvals: Approvals


class ApproverContract:
    """Derive it, and say `approver`."""

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Journal:
        return Journal(tmp_path / "journal.sqlite3")

    @pytest.fixture
    def approver(self, journal: Journal) -> Approver:
        raise NotImplementedError("a class that keeps the contract says who approves")

    @pytest.fixture
    def permit(self, approver: Approver) -> Permit:
        permit = approver.approvals.decide(ACTION, "step").permit
        assert permit is not None
        return permit

    def test_the_permit_is_for_this_action_and_says_whose_leave_it_is(self, approver: Approver, permit: Permit) -> None:
        assert permit == Permit(ACTION.hash, approver.granted_by)

    def test_deciding_only_reads(self, approver: Approver, journal: Journal) -> None:
        before = len(list(journal.read()))
        for action in (ACTION, *OTHERS):
            approver.approvals.decide(action, "step")
        assert len(list(journal.read())) == before

    def test_it_stands_at_the_action_however_often_the_step_is_resumed(
        self, approver: Approver, permit: Permit
    ) -> None:
        for _ in range(3):
            approver.approvals.confirm(ACTION, permit, "step")

    @pytest.mark.parametrize("other", OTHERS, ids=range(len(OTHERS)))
    def test_it_is_for_no_other_action(self, approver: Approver, permit: Permit, other: Action) -> None:
        with pytest.raises(ApprovalRefused):
            approver.approvals.confirm(other, permit, "step")

    @pytest.mark.parametrize("risk", [Risk.DISRUPTIVE, Risk.IRREVERSIBLE])
    def test_a_yes_to_what_is_reversible_is_none_to_what_is_worse(self, approver: Approver, risk: Risk) -> None:
        assert approver.approvals.decide(replace(ACTION, risk=risk), "step").choice is not Choice.ALLOW

    def test_nobody_signs_for_somebody_else(self, approver: Approver, permit: Permit) -> None:
        for name in {"policy", "flag", "person", "model", ""} - {approver.granted_by}:
            with pytest.raises(ApprovalRefused):
                approver.approvals.confirm(ACTION, replace(permit, granted_by=name), "step")

    def test_it_falls_with_a_policy_that_denies(self, permit: Permit, journal: Journal) -> None:
        for yes in (False, True):
            with pytest.raises(ApprovalRefused):
                Approvals(journal, DENY, yes=yes).confirm(ACTION, permit, "step")


@dataclass(frozen=True)
class Asked:
    """What a person saw, and what came of their answer."""

    shown: str
    yes: bool


# Puts an action and a reason before a person who types `answer`; an empty one is the end of the input.
Asking = Callable[[Action, str, str], Asked]
NASTY = replace(ACTION, effect="files.write", preview="+ harmless\x1b[2K\r+ rm -rf /\u202e\x00")


class AskingContract:
    """Derive it, and say `asking`."""

    @pytest.fixture
    def asking(self) -> Asking:
        raise NotImplementedError("a class that keeps the contract says how a person is asked")

    def test_all_that_would_be_done_is_shown(self, asking: Asking) -> None:
        shown = asking(ACTION, "the policy asks", "n\n").shown
        for part in ("files.write", "reversible", "local", "the diff", "the policy asks", ACTION.hash[:12]):
            assert part in shown

    def test_what_it_quotes_cannot_rewrite_the_question(self, asking: Asking) -> None:
        shown = asking(NASTY, "because", "n\n").shown
        assert not [one for one in ("\x1b[2K", "\r+", "\u202e", "\x00") if one in shown]
        assert "rm -rf /" in shown

    @pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n", "YES\n"])
    def test_yes_is_yes(self, asking: Asking, answer: str) -> None:
        assert asking(ACTION, "because", answer).yes

    @pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "ye\n", "yes please\n", "1\n", "ja\n", "да\n"])
    def test_anything_else_is_no(self, asking: Asking, answer: str) -> None:
        assert not asking(ACTION, "because", answer).yes

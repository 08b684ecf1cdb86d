"""The policy, the flag and a person's grant keep one contract; the terminal keeps that of asking."""

import io

import pytest

from opswright.agents.approvals import Approvals, grant
from opswright.console import asking as console
from opswright.knowledge.journal import Journal
from opswright.nouns import Action
from opswright.settings import ApprovalRules, ApprovalSettings
from tests.contracts.approvers import ACTION, Approver, ApproverContract, Asked, Asking, AskingContract


class TestPolicy(ApproverContract):
    @pytest.fixture
    def approver(self, journal: Journal) -> Approver:
        rules = ApprovalSettings(environments={"local": ApprovalRules(reversible="allow")})
        return Approver("policy", Approvals(journal, rules))


class TestFlag(ApproverContract):
    @pytest.fixture
    def approver(self, journal: Journal) -> Approver:
        return Approver("flag", Approvals(journal, yes=True))


class TestPerson(ApproverContract):
    @pytest.fixture
    def approver(self, journal: Journal) -> Approver:
        approvals = Approvals(journal)
        approvals.ask(ACTION, "why")
        grant(journal, ACTION.hash)
        return Approver("person", approvals)


class TestTerminal(AskingContract):
    @pytest.fixture
    def asking(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asking:
        def asked(action: Action, reason: str, answer: str) -> Asked:
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            yes = console.ask(action, reason)
            said = capsys.readouterr()
            assert not said.out, "a question is no result"
            return Asked(said.err, yes)

        return asked

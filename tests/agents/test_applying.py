"""Applying a receipt of the policy specialist: verified, replayed, gated, performed once, and taken back when wrong."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.applying import apply_receipt, planned
from opswright.agents.approvals import grant
from opswright.agents.files import File
from opswright.agents.loading import build
from opswright.agents.manifests import read_manifests
from opswright.agents.policy.inputs import repair_inputs
from opswright.agents.ports import Adopter, Context, Specialist
from opswright.agents.receipts import Verification, verify_receipt, write_receipt
from opswright.agents.runs import start
from opswright.agents.undo import Undoer
from opswright.agents.wiring import Choices, NoModels, workshop_of
from opswright.errors import ApprovalNeeded, ApprovalRefused, InputError, ReceiptError, ToolFailed
from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import Reflections
from opswright.nouns import Outcome, Proposal, Task, Verdict
from opswright.settings import ApprovalRules, ApprovalSettings, Settings, load_settings

POLICY = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::reports"}
  ]
}
"""
SPEC = """requests:
  - {id: read, effect: allow, action: "s3:GetObject", resource: "arn:aws:s3:::reports/a.csv"}
  - {id: list, effect: allow, action: "s3:ListBucket", resource: "arn:aws:s3:::reports"}
"""


@dataclass
class Shop:
    """A policy, its repair's receipt, and what applies it."""

    settings: Settings
    policy: Path
    receipt: Path
    specialist: Specialist

    @property
    def journal(self) -> Journal:
        return Journal(self.settings.journal_path)

    def verified(self, live: bool = False) -> Verification:
        return verify_receipt(self.receipt, live=live, specialist=lambda name: self.specialist)

    def apply(self, yes: bool = True, specialist: Specialist | None = None) -> Any:
        workshop = workshop_of(self.settings, self.journal, yes)
        risk = read_manifests()["policy"].risk
        return apply_receipt(self.verified(), specialist or self.specialist, risk, workshop)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    settings = load_settings(environment={"HOME": str(tmp_path)}, folder=tmp_path)
    policy = tmp_path / "policy.json"
    policy.write_text(POLICY)
    inputs = repair_inputs(File(str(policy), POLICY), File("requests.yaml", SPEC))
    task = Task("t1", "policy", "repair it", inputs)
    done = start(task, settings, Choices(receipt=tmp_path / "receipt.json"))
    assert done.status == "accepted", done
    context = Context(models=NoModels(), memory=Reflections(Journal(settings.journal_path)))
    specialist = build(read_manifests()["policy"], context)
    assert policy.read_text() == POLICY
    return Shop(settings, policy, Path(done.receipts[0]), specialist)


def test_a_shown_repair_is_applied_and_undone(shop: Shop) -> None:
    assert shop.verified(live=True).outcome is Outcome.UNDECIDED
    applied = shop.apply()
    assert not applied.already
    assert shop.policy.read_text() == shop.verified().receipt.content.result["text"] != POLICY
    assert shop.verified(live=True).outcome is Outcome.ACCEPTED
    again = shop.apply()
    assert again.already and again.verdict.accepted
    undoer = Undoer(shop.journal, shop.settings.leases_dir)
    assert undoer.undo_all() == []
    adopted = next(shop.journal.read("effect.begun")).seq
    assert undoer.undo(adopted).message == "undone"
    assert shop.policy.read_text() == POLICY
    assert not shop.apply().already  # a new run: what was undone may be applied again


def test_it_needs_its_approval(shop: Shop) -> None:
    for _ in range(2):
        with pytest.raises(ApprovalNeeded) as error:
            shop.apply(yes=False)
    assert shop.policy.read_text() == POLICY
    question = grant(shop.journal, error.value.action_hash[:12])
    assert "s3:GetObject" in question.action.preview
    assert question.run == ""  # nothing to resume
    shop.apply(yes=False)
    assert shop.policy.read_text() != POLICY


def test_the_policy_can_deny_it(shop: Shop) -> None:
    rules = ApprovalSettings(environments={"local": ApprovalRules(reversible="deny")})
    shop.settings = shop.settings.model_copy(update={"approvals": rules})
    with pytest.raises(ApprovalRefused):
        shop.apply()
    assert shop.policy.read_text() == POLICY


def test_what_was_changed_since_is_left_alone(shop: Shop) -> None:
    shop.policy.write_text(POLICY + "\n")
    with pytest.raises(InputError, match="changed since"):
        shop.apply()
    assert shop.policy.read_text() == POLICY + "\n"
    shop.policy.unlink()
    with pytest.raises(InputError):
        shop.apply()
    assert not shop.policy.exists()


def forge(shop: Shop, change: Callable[[Any], Any]) -> None:
    """Another receipt with right digests."""
    content = shop.verified().receipt.content
    write_receipt(change(content), shop.receipt.parent, path=shop.receipt)


def test_a_forged_proposal_is_not_applied(shop: Shop) -> None:
    def widen(content: Any) -> Any:
        wide = json.loads(json.dumps(content.proposal.content).replace("s3:GetObject", "*"))
        return replace(content, proposal=Proposal(content.proposal.tier, wide))

    forge(shop, widen)
    with pytest.raises(ReceiptError, match="not the accepted one"):
        shop.apply()
    assert shop.policy.read_text() == POLICY


def test_another_validators_receipt_is_not_applied(shop: Shop) -> None:
    forge(shop, lambda content: replace(content, version="0"))
    assert shop.verified().outcome is Outcome.ACCEPTED
    with pytest.raises(ReceiptError, match="version 0"):
        shop.apply()
    assert shop.policy.read_text() == POLICY


def test_a_forged_result_and_proposal_do_not_replay(shop: Shop) -> None:
    def widen(content: Any) -> Any:
        def wide(value: Any) -> Any:
            return json.loads(json.dumps(value).replace("s3:GetObject", "*"))

        return replace(
            content,
            proposal=Proposal(content.proposal.tier, wide(content.proposal.content)),
            result=wide(content.result),
            evidence=wide(dict(content.evidence)),
        )

    forge(shop, widen)
    assert shop.verified().outcome is not Outcome.ACCEPTED
    with pytest.raises(ReceiptError, match="does not hold"):
        shop.apply()
    assert shop.policy.read_text() == POLICY


def test_the_receipts_own_actions_are_not_what_is_done(shop: Shop) -> None:
    target = shop.policy.with_name("victim")
    victim = replace(planned(shop.verified(), shop.specialist)[0])
    planted = replace(victim, arguments={"path": str(target), "text": "x", "expected": None})
    forge(shop, lambda content: replace(content, adoption=(planted,)))
    with pytest.raises(ReceiptError, match="other actions"):
        shop.apply()
    assert not target.exists() and shop.policy.read_text() == POLICY


def test_what_does_not_verify_afterwards_is_undone(shop: Shop) -> None:
    @dataclass
    class Doubting:
        adopter: Adopter

        def __getattr__(self, name: str) -> Any:
            return getattr(self.adopter, name)

        def verify(self, task: Task, proposal: Proposal) -> Verdict:
            return Verdict(Outcome.REJECTED, "it looks wrong")

    doubting: Any = Doubting(shop.specialist.adopter)
    with pytest.raises(ToolFailed, match="undone"):
        shop.apply(specialist=replace(shop.specialist, adopter=doubting))
    assert shop.policy.read_text() == POLICY
    assert list(Undoer(shop.journal, shop.settings.leases_dir).open()) == []


def test_an_unreplayed_receipt_is_not_applied(shop: Shop) -> None:
    with pytest.raises(ReceiptError, match="not replayed"):
        planned(verify_receipt(shop.receipt), shop.specialist)

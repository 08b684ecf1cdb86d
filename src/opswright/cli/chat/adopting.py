"""/apply: adopts the result of a receipt, after verifying it and showing what would change."""

from pathlib import Path

from opswright.agents.applying import apply_receipt
from opswright.agents.loading import build
from opswright.agents.manifests import Manifest, read_manifests
from opswright.agents.ports import Context, Specialist
from opswright.agents.receipts import verify_receipt
from opswright.agents.wiring import NoModels, workshop_of
from opswright.cli.chat.conversation import Conversation
from opswright.console import good, inline
from opswright.errors import ApprovalNeeded, ConfigError, InputError
from opswright.knowledge.reflections import Reflections


def adopt(conversation: Conversation, named: str) -> None:
    """The named receipt, else the newest of this session. Raises InputError and what applying raises."""
    from opswright.agents import approvals

    screen, journal = conversation.screen, conversation.journal
    receipts = [path for turn in conversation.session().turns for path in turn.receipts]
    if not named and not receipts:
        raise InputError("no result of this session has a receipt yet", "/apply")
    path = Path(named).expanduser() if named else Path(receipts[-1])
    found = verify_receipt(path, specialist=lambda name: _specialist(conversation, name)[1])
    manifest, specialist = _specialist(conversation, found.receipt.content.task.specialist)
    workshop = workshop_of(conversation.settings, journal, False, conversation.effects)
    while True:
        try:
            applied = apply_receipt(found, specialist, manifest.risk, workshop)
        except ApprovalNeeded as needed:
            question = approvals.asked(journal, needed.action_hash)
            if not screen.ask(question.action, question.reason):
                approvals.refuse(journal, needed.action_hash)
                return
            approvals.grant(journal, needed.action_hash)
        else:
            what = "it is applied already" if applied.already else good("applied")
            screen.text(f"{what}: {inline(applied.verdict.reason)}")
            if not applied.already:
                screen.dim("/undo takes it back")
            return
        finally:
            workshop.close()


def _specialist(conversation: Conversation, name: str) -> tuple[Manifest, Specialist]:
    manifests = read_manifests(conversation.specialists)
    if name not in manifests:
        raise ConfigError(f"the receipt is of the specialist {name}, which is not installed here")
    return manifests[name], build(manifests[name], Context(models=NoModels(), memory=Reflections(conversation.journal)))

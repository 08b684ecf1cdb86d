"""/apply: adopts the result of a receipt, after verifying it and showing what would change."""

from pathlib import Path

from opswright.agents.applying import apply_receipt
from opswright.agents.receipts import verify_receipt
from opswright.agents.wiring import Doors, specialists_of, workshop_of
from opswright.cli.chat.conversation import Conversation
from opswright.console import good, inline
from opswright.errors import ApprovalNeeded, InputError


def adopt(conversation: Conversation, named: str) -> None:
    """The named receipt, else the newest of this session. Raises InputError and what applying raises."""
    from opswright.agents import approvals

    screen, journal = conversation.screen, conversation.journal
    receipts = [path for turn in conversation.session().turns for path in turn.receipts]
    if not named and not receipts:
        raise InputError("no result of this session has a receipt yet", "/apply")
    path = Path(named).expanduser() if named else Path(receipts[-1])
    doors = Doors(
        say=screen.dim,
        specialists=conversation.specialists,
        effects=conversation.effects,
        surroundings=conversation.surroundings,
    )
    with specialists_of(conversation.settings, journal, doors) as specialists:
        found = verify_receipt(path, specialist=lambda name: specialists(name)[1])
        manifest, specialist = specialists(found.receipt.content.task.specialist)
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

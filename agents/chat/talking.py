"""Talk about the session: worded by a model where there is one, from the same facts without.

Nothing a model says here is carried out: it is offered no tools, its reply is text to be shown, and it is marked as the
model's words that nobody checked.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from opswright.agents.chat.facts import Facts, facts_of, record_of
from opswright.agents.ledger import Ledger
from opswright.agents.manifests import Manifest
from opswright.agents.sessions import Session
from opswright.agents.wiring import Metered, NoModels
from opswright.console.text import inline
from opswright.knowledge.journal import Journal
from opswright.nouns import Json, Tier

PROMPT = "chat/converse"
COMMANDS = """\
/file PATH or @PATH in a request attaches a file, /files lists them, /undo takes a change back, /approve answers a
waiting question, /resume goes on with a turn that was stopped, /tier chooses who may propose, /cost says what was
spent, /help lists all commands."""


class Talker(Protocol):
    """The part of the gateway that is used here."""

    def available(self) -> Sequence[Tier]:
        """Model tiers that can be asked, cheapest first."""
        ...

    def reply(
        self, tier: Tier, prompt_id: str, inputs: Mapping[str, Json], *, on_text: Callable[[str], None] | None = None
    ) -> object:
        """A reply in words, streamed."""
        ...


def talker_of(gateway: Metered, ledger: Ledger, journal: Journal, run: str) -> Talker | None:
    """Who words an answer on this account; None without a model."""
    if isinstance(gateway, NoModels):
        return None

    def trace(call: Mapping[str, Json]) -> None:
        journal.append("model.call", dict(call), run=run)

    talker = cast(Talker, gateway.metered(ledger, trace))
    return talker if talker.available() else None


def tier_for_talk(chosen: str, available: Sequence[Tier]) -> Tier:
    """The tier that was chosen where it is there, else the cheapest."""
    return next((tier for tier in available if tier.value == chosen), available[0])


def converse(
    talker: Talker,
    chosen: str,
    request: str,
    session: Session,
    manifests: Mapping[str, Manifest],
    journal: Journal,
    on_text: Callable[[str], None],
) -> str:
    """What the model says, handed over as it comes. Raises ModelRetry, BudgetSpent, EndpointFailed, ConfigError."""
    tier = tier_for_talk(chosen, talker.available())
    inputs = {
        "abilities": f"{abilities(manifests)}\n\n{COMMANDS}",
        "session": record_of(journal, session) or "nothing was asked yet",
        "request": request,
    }
    return str(getattr(talker.reply(tier, PROMPT, inputs, on_text=on_text), "text", ""))


def abilities(manifests: Mapping[str, Manifest]) -> str:
    """What the specialists can do, with an example each."""
    lines = []
    for name, manifest in manifests.items():
        lines.append(f"- {name}: {manifest.summary}")
        lines += [f"  such as: {example}" for example in manifest.routing.examples[:1]]
    return "\n".join(lines) or "- there is no specialist here"


def answer_without_a_model(session: Session, manifests: Mapping[str, Manifest], journal: Journal) -> str:
    """What the last turn that did something came to, what stands of all changes, and what can be asked."""
    facts = [facts_of(journal, turn) for turn in session.turns]
    worked = [one for one in facts if one.outcomes or one.changes]
    lines = _turn_lines(worked[-1]) if worked else ["Nothing was done in this session yet."]
    standing = [change for one in facts for change in one.changes if change.how_undone is None]
    undone = sum(1 for one in facts for change in one.changes if change.how_undone is not None)
    for change in standing:
        what = str(change.action.arguments.get("path", "")) or "a change"
        lines.append(f"changed: {inline(what)} ({change.action.effect}); to take it back: /undo {change.seq}")
    if not standing:
        lines.append(f"No change of this session stands{f' ({undone} undone)' if undone else ''}.")
    return "\n".join([*lines, "", "What can be asked here:", abilities(manifests), "/help lists the commands."])


def _turn_lines(facts: Facts) -> list[str]:
    turn = facts.turn
    lines = [f"Turn {turn.number}, {inline(' '.join(turn.request.split()))[:200]}: {turn.status}."]
    for outcome in facts.outcomes:
        lines.append(f"{outcome.specialist}: {outcome.status}: {inline(outcome.reason)}")
        if outcome.receipt:
            lines.append(f"receipt: {inline(outcome.receipt)}")
    return lines

"""What stands in a proposal of this specialist: `policy`, the whole document, and `edits`, a line for each change."""

from opswright.agents.ports import rejected
from opswright.errors import InputError
from opswright.nouns import History, Json, Proposal, Verdict
from opswright.tools.iam.document import Policy
from opswright.tools.iam.parser import policy_from_value


def read_proposal(proposal: Proposal) -> Policy | Verdict:
    """The proposed document, or the rejection that says why it is none."""
    content = proposal.content
    if not isinstance(content, dict) or "policy" not in content:
        return rejected("the proposal holds no policy")
    try:
        return policy_from_value(content["policy"])
    except InputError as error:
        return rejected(f"AWS would refuse the document: {error}")


def proposed_policy(history: History) -> Policy | None:
    """The document of the last accepted trial."""
    for trial in reversed(history):
        if trial.verdict is not None and trial.verdict.accepted:
            found = read_proposal(trial.proposal)
            return found if isinstance(found, Policy) else None
    return None


def notes_of(proposal: Proposal) -> list[Json]:
    """The proposal's own account of its changes."""
    content = proposal.content
    return list(content.get("edits", [])) if isinstance(content, dict) else []

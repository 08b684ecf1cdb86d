"""What AWS's action database says about the services of a task, short enough for a prompt."""

from opswright.agents.policy.inputs import Work
from opswright.agents.policy.proofs import outcome
from opswright.nouns import Json
from opswright.tools.iam import actions

MOST_ACTIONS = 12
MOST_NAMES = 120


def reference(work: Work) -> Json:
    """For each action in a wrongly decided request: its resource types and condition keys; names of its service; and
    entries of the policy that match no action, with the nearest one."""
    known = actions.load()
    wrong = [
        item.request.action
        for item in work.spec.requests
        if outcome(work.policy, item.request) != (item.effect == "allow")
    ]
    asked = list(dict.fromkeys(known.spelled(name) for name in wrong))[:MOST_ACTIONS]
    unknown = [
        {"entry": entry.text, "nearest": known.nearest(entry.text)}
        for statement in work.policy.statements
        for entry in statement.actions
        if known.unknown(entry.text)
    ]
    return {
        "actions": {
            name: {
                "resources": list(known.resource_types(name)),
                "condition_keys": [key.name for key in known.condition_keys(name).values()],
            }
            for name in asked
        },
        "services": {
            service: [known.spelled(name) for name in known.matching(f"{service}:*")[:MOST_NAMES]]
            for service in dict.fromkeys(name.partition(":")[0].lower() for name in asked)
        },
        "entries_without_an_action": unknown,
    }

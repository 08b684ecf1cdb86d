"""Real policies: one edit apart, and written in other words. Needs the policy data."""

from collections.abc import Iterator
from copy import deepcopy
from random import Random

import pytest

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.actions import ActionDatabase, load
from opswright.tools.iam.compare import beyond, new_access
from opswright.tools.iam.compare.patterns import glob
from opswright.tools.iam.compare.wording import fills
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.parser import policy_from_value
from tests.tools.iam.compare.drawing import shows
from tests.tools.iam.data import CORPORA, policy_data


def _listed(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else [value]


def _readable(name: str) -> list[Json]:
    found = []
    for item in policy_data(name):
        try:
            policy_from_value(item["policy"])
        except InputError:
            continue
        found.append(item["policy"])
    return found


def _edited(document: Json, random: Random) -> Json:
    """The document with one small change."""
    changed = deepcopy(document)
    changed["Statement"] = _listed(changed["Statement"])
    statement = random.choice(changed["Statement"])
    kind = random.choice(["effect", "action", "resource", "condition", "drop"])
    if kind == "effect":
        statement["Effect"] = "Deny" if statement["Effect"] == "Allow" else "Allow"
    elif kind == "action" and "Action" in statement:
        entries = _listed(statement["Action"])
        at = random.randrange(len(entries))
        entries[at] = f"{entries[at].split(':')[0]}:*" if ":" in entries[at] else "s3:*"
        statement["Action"] = entries
    elif kind == "resource" and "Resource" in statement:
        entries = _listed(statement["Resource"])
        at = random.randrange(len(entries))
        entries[at] = entries[at].rstrip("*") + random.choice(["?", "x*", "/a*"]) if entries[at] != "*" else "arn:*"
        statement["Resource"] = entries
    elif kind == "condition" and statement.get("Condition"):
        statement.pop("Condition")
    elif len(changed["Statement"]) > 1:
        changed["Statement"].remove(statement)
    return changed


def _split(document: Json, random: Random) -> Json:
    """The same permissions, one statement for each resource and half of the actions, in another order."""
    found: list[Json] = []
    for statement in _listed(document["Statement"]):
        bare = {name: value for name, value in statement.items() if name != "Sid"}
        actions = _listed(bare["Action"]) if "Action" in bare else []
        halves = [actions[::2], actions[1::2]] if len(actions) > 1 else [actions]
        for half in halves:
            for resource in _listed(bare["Resource"]) if "Resource" in bare else [None]:
                piece = {**bare, "Action": half} if half else dict(bare)
                found.append({**piece, "Resource": resource} if resource is not None else piece)
    random.shuffle(found)
    return {**document, "Statement": found}


def _near(policies: list[Policy], random: Random, database: ActionDatabase) -> Iterator[Request]:
    """Requests made of the policies' own words."""
    statements = [statement for one in policies for statement in one.statements]
    tests = [test for statement in statements for test in statement.conditions]
    named = [entry.text for statement in statements for entry in statement.principals or ()]
    while True:
        statement = random.choice(statements)
        actions = database.matching(random.choice(statement.actions).text) or ("s3:getobject",)
        resource = random.choice(statement.resources).text if statement.resources else "*"
        context = {}
        for test in (*statement.conditions, *random.sample(tests, min(len(tests), 2))):
            texts = fills(glob(random.choice(test.values).text)) or ["x"]
            context[test.key.lower()] = (random.choice([*texts, "x"]),)
        text = random.choice([*fills(glob(resource)), resource]) or "*"
        yield Request(random.choice(actions), text, random.choice(named) if named else None, context)


@pytest.mark.parametrize("name", CORPORA)
def test_one_edit_apart(name: str) -> None:
    random, database = Random(f"edit {name}"), load()
    documents = _readable(name)
    decided = 0
    for _ in range(40):
        document = random.choice(documents)
        edited = _edited(document, random)
        try:
            pair = policy_from_value(document), policy_from_value(edited)
        except InputError:
            continue
        for new, old in (pair, pair[::-1]):
            found = new_access(new, old, fallback=False)
            assert found.new_access is not None, found.reason
            decided += 1
            if found.new_access:
                assert found.witness is not None
                assert shows(found.witness, new, [old])
            else:
                near = _near([new, old], random, database)
                assert not any(shows(next(near), new, [old]) for _ in range(100))
    assert decided >= 60


@pytest.mark.parametrize("name", CORPORA)
def test_the_same_in_other_words(name: str) -> None:
    random = Random(f"split {name}")
    for document in random.sample(_readable(name), 40):
        one, other = policy_from_value(document), policy_from_value(_split(document, random))
        assert new_access(one, other, fallback=False).new_access is False
        assert new_access(other, one, fallback=False).new_access is False


def test_the_largest_are_within_their_own_halves() -> None:
    documents = sorted(_readable("aws_managed_policies"), key=lambda document: len(str(document)))[-20:]
    for document in documents:
        statements = [s for s in _listed(document["Statement"]) if s["Effect"] == "Allow"]
        whole, *halves = (
            policy_from_value({**document, "Statement": chosen})
            for chosen in (statements, statements[::2], statements[1::2])
            if chosen
        )
        assert beyond(whole, halves, fallback=False).new_access is False
        assert len(halves) == 1 or beyond(whole, halves[:1], fallback=False).new_access is not None

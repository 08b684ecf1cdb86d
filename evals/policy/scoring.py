"""Scores of one repair: pure functions of policies and requests, none of them the repair's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from opswright.errors import InputError
from opswright.evals.policy.faults import statement_list
from opswright.evals.policy.faults.statement import entries
from opswright.evals.policy.halves import Labelled
from opswright.nouns import Json, canonical_json
from opswright.tools.iam.document import ConditionTest, Effect, Entry, Policy, PrincipalEntry, Request, Statement
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.operators import OPERATORS, Family


@dataclass(frozen=True)
class Edits:
    """How far two documents are apart: statements touched, and element entries added or taken away."""

    statements: int
    elements: int


def right(policy: Policy, labelled: Iterable[Labelled]) -> int:
    """How many requests the policy judges as labelled; one the evaluator refuses to judge is wrong."""
    return sum(judged(policy, one.request) is one.allow for one in labelled)


def judged(policy: Policy, request: Request) -> bool | None:
    """Whether a request is allowed; None where the policy tests a set of values with a single-value operator."""
    try:
        return decide(policy, request).allowed
    except InputError:
        return None


def edits(before: Json, after: Json) -> Edits:
    """The edit distance of two documents by elements.

    Statements that are equal pair up first, then the most alike; what stays alone was added or dropped whole.
    A changed Effect counts one, any other element each entry that is in one and not in the other. Sids do not count.
    """
    old = [_atoms(statement) for statement in statement_list(before)]
    new = [_atoms(statement) for statement in statement_list(after)]
    for atoms in list(old):
        if atoms in new:
            old.remove(atoms)
            new.remove(atoms)
    statements = elements = 0
    while old and new:
        shared, i, j = max((len(old[i] & new[j]), -i, -j) for i, j in product(range(len(old)), range(len(new))))
        if shared == 0:
            break
        one, other = old.pop(-i), new.pop(-j)
        statements += 1
        elements += max(len(one - other), len(other - one))
    for alone in (*old, *new):
        statements += 1
        elements += len(alone)
    return Edits(statements, elements)


def _atoms(statement: dict[str, Json]) -> frozenset[str]:
    """A statement as a set of its smallest parts."""
    atoms: set[str] = set()
    for name, value in statement.items():
        if name == "Sid":
            continue
        if name == "Condition":
            parts = [[op, key, v] for op, keys in value.items() for key, vs in keys.items() for v in entries(vs)]
        elif isinstance(value, dict):
            parts = [[kind, text] for kind, texts in value.items() for text in entries(texts)]
        else:
            parts = [text.lower() if name.endswith("Action") else text for text in entries(value)]
        atoms.update(canonical_json([name, part]) for part in parts)
    return frozenset(atoms)


def required(labelled: Sequence[Labelled], others: Sequence[Policy]) -> Policy:
    """What the requests themselves require: exactly the allowed ones, each as a statement.

    The action and the resource of the request, its principal where it names one (a role stands for its sessions too:
    the language cannot name it without them), and each key of its context with exactly its values, read as the `others`
    read that key; keys the request does not name are free. A request on `*` requires the resource `*`.
    """
    families = {
        test.key.lower(): OPERATORS[test.operator].family
        for policy in others
        for statement in policy.statements
        for test in statement.conditions
        if OPERATORS[test.operator].family in _EQUALS
    }
    allowed = [one.request for one in labelled if one.allow]
    return Policy(tuple(_point(at, request, families) for at, request in enumerate(allowed)), version="2008-10-17")


_EQUALS: Mapping[Family, str] = {"bool": "Bool", "ip": "IpAddress", "numeric": "NumericEquals", "date": "DateEquals"}


def _point(index: int, request: Request, families: Mapping[str, Family]) -> Statement:
    tests: list[ConditionTest] = []
    for key, values in sorted(request.context.items()):
        wanted = tuple(Entry(value) for value in values)
        operator = _EQUALS.get(families.get(key, "string"), "StringEquals")
        # Set operators, so that the statement itself does not confine the key to one value in a comparison.
        tests += [ConditionTest(operator, key, wanted, "ForAllValues")]
        tests += [ConditionTest(operator, key, (entry,), "ForAnyValue") for entry in wanted]
    principals = None
    if request.principal is not None:
        # Kind Federated is compared as it stands, AWS also by account and session.
        aws = request.principal.startswith("arn:") or request.principal == "*"
        principals = (PrincipalEntry("AWS" if aws else "Federated", request.principal),)
    return Statement(
        index=index,
        effect=Effect.ALLOW,
        actions=(Entry(request.action),),
        resources=(Entry(request.resource),),
        principals=principals,
        conditions=tuple(tests),
    )

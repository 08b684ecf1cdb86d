"""The injector: every kind applies somewhere, touches one element, and can change what a policy means."""

import copy
from random import Random

import pytest

from opswright.evals.policy.drawing.free import FreeSampler
from opswright.evals.policy.faults import KINDS, WHOLE, Fault, inject, statement_list, with_faults
from opswright.evals.policy.faults.statement import Kind, misspelled, wrong_digit
from opswright.evals.policy.faults.values import wrong_value
from opswright.evals.policy.scoring import judged
from opswright.nouns import Json
from opswright.tools.iam.actions import load
from opswright.tools.iam.parser import policy_from_value

from .fixtures import POLICIES

PAIRS = ({"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"})


def _found(kind: Kind, seed: int) -> list[tuple[Json, Fault]]:
    actions = load()
    found = [(policy, inject(policy, kind, Random(seed), actions)) for policy in POLICIES.values()]
    return [(policy, fault) for policy, fault in found if fault is not None]


def test_there_are_far_more_than_ten_kinds() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) == 26


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_touches_one_element_and_nothing_else(kind: Kind) -> None:
    found = [one for seed in range(5) for one in _found(kind, seed)]
    assert found, "no fixture policy lets this kind apply"
    for policy, fault in found:
        kept = copy.deepcopy(policy)
        faulty = with_faults(policy, [fault])
        assert policy == kept, "the true document was changed in place"
        before, after = statement_list(policy), statement_list(faulty)
        if WHOLE in fault.elements:
            assert after == before[: fault.index] + before[fault.index + 1 :]
            continue
        assert len(fault.elements) == 1 or set(fault.elements) in PAIRS
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
            assert changed == (set(fault.elements) if index == fault.index else set())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_changes_what_the_policy_means(kind: Kind) -> None:
    """Somewhere among the fixtures a drawn request is judged differently: no kind is vacuous."""
    actions = load()
    for seed in range(12):
        for policy, fault in _found(kind, seed):
            true, faulty = policy_from_value(policy), policy_from_value(with_faults(policy, [fault]))
            for request in FreeSampler([true, faulty], actions, Random(seed)).sample(300):
                if judged(true, request) != judged(faulty, request):
                    return
    pytest.fail("no request shows the fault")


def test_faults_of_one_case_do_not_touch_each_other() -> None:
    actions = load()
    for seed in range(30):
        rng = Random(seed)
        faults: list[Fault] = []
        for kind in rng.sample(KINDS, len(KINDS)):
            fault = inject(POLICIES["operator"], kind, rng, actions, faults)
            if fault is not None:
                faults.append(fault)
        touched = [(fault.index, element) for fault in faults for element in fault.elements]
        assert len(touched) == len(set(touched))
        dropped = {fault.index for fault in faults if WHOLE in fault.elements}
        assert all(sum(fault.index == index for fault in faults) == 1 for index in dropped)
        forth = with_faults(POLICIES["operator"], faults)
        assert forth == with_faults(POLICIES["operator"], list(reversed(faults)))


def test_the_same_seed_injects_the_same() -> None:
    actions = load()
    for kind in KINDS:
        assert inject(POLICIES["home"], kind, Random(7), actions) == inject(POLICIES["home"], kind, Random(7), actions)


@pytest.mark.parametrize("seed", range(40))
def test_a_misspelled_action_is_no_action(seed: int) -> None:
    actions = load()
    kind = next(kind for kind in KINDS if kind.name == "action_typo")
    fault = inject(POLICIES["reader"], kind, Random(seed), actions)
    assert fault is not None
    written = {text for text in _texts(fault.after["Action"]) if text not in _texts(fault.before["Action"])}
    assert len(written) == 1
    assert not actions.matching(written.pop())


def _texts(value: Json) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(
    "value",
    ["us-east-1", "10.0.0.0/16", "10.1.2.3", "123456789012", "true", "2026-01-01T00:00:00Z", "public/*", True, 5],
)
def test_a_wrong_value_is_another_value(value: Json, seed: int) -> None:
    assert wrong_value(value, Random(seed)) != value


@pytest.mark.parametrize("seed", range(50))
def test_slips(seed: int) -> None:
    assert misspelled("GetObject", Random(seed)) != "GetObject"
    digits = wrong_digit("123456789012", Random(seed))
    assert sum(a != b for a, b in zip(digits, "123456789012", strict=True)) == 1

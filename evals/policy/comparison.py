"""The comparison part: the glob engine without its fallback against a peer and against drawn requests.

Five groups of pairs from a seed: single-edit mutants of CloudFix, quacky and AWS managed policies, pairs of AWS managed
policies, and the 20 largest managed policies against mutants. Every pair is asked in both directions.

A wrong answer is any of: "no new access" where the peer or a drawn request shows some, with a request that the
evaluator confirms; "new access" whose witness the evaluator does not confirm. Where engine and peer differ and no
request settles it, the pair is counted apart as a difference in reading.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from opswright.errors import InputError
from opswright.evals import stats
from opswright.evals.policy.corpus import CLOUDFIX, MANAGED, QUACKY, Document, documents
from opswright.evals.policy.cvc5_strings import NotCovered
from opswright.evals.policy.drawing.free import FreeSampler
from opswright.evals.policy.encoder_cvc5 import peer_new_access
from opswright.evals.policy.faults import KINDS, inject, with_faults
from opswright.evals.policy.judging import request_json
from opswright.evals.policy.scoring import judged
from opswright.evals.suites import Case, Goal, Summary, Table
from opswright.evals.text import count
from opswright.nouns import Json
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.compare import Comparison
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.parser import policy_from_value

SAMPLES = 1000
GROUPS = (
    ("cloudfix-mutant", 100),
    ("quacky-mutant", 100),
    ("managed-mutant", 60),
    ("managed-pair", 100),
    ("largest", 20),
)
LARGEST = "largest"
TELLING = ("proof", "reason", "not_covered_text")  # what repeats text of a policy: never kept of CloudFix


@dataclass(frozen=True)
class ComparisonPart:
    """Cases are pairs; each row holds both directions."""

    folder: Path
    seed: int
    name: str = "comparison"

    def cases(self) -> Sequence[Case]:
        """Group and number say which pair; the process that runs it draws it from the seed."""
        return [Case(f"{group}/{at:03}", {"group": group, "at": at}) for group, size in GROUPS for at in range(size)]

    def run(self, case: Case) -> Json:
        """Asks engine, peer and drawn requests in both directions."""
        from opswright.tools.iam.actions import load

        actions = load()
        one, other, told = _pair(self.folder, self.seed, case.data["group"], case.data["at"], actions)
        _warm(actions)
        directions = [(new, old, _asked(new, old)) for new, old in ((one, other), (other, one))]
        sampled = FreeSampler([one, other], actions, Random(f"samples/{self.seed}/{case.id}")).sample(SAMPLES)
        rows = [_direction(new, old, asked, sampled, actions) for new, old, asked in directions]
        if case.data["group"] == "cloudfix-mutant":
            rows = [{name: row[name] for name in row if name not in TELLING} for row in rows]
        right = not any(row["wrong"] for row in rows)
        return {"passed": right, "group": case.data["group"], "pair": told, "directions": rows}

    def show(self, case: Case) -> Json:
        """What the pair is made of: two documents, or one and the kind of its fault."""
        from opswright.tools.iam.actions import load

        return {**case.data, "pair": _pair(self.folder, self.seed, case.data["group"], case.data["at"], load())[2]}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """A line a group: wrong answers, undecided, times of the engine, of the peer, and their ratio."""
        found = [
            (row["group"], direction) for row in rows.values() if "directions" in row for direction in row["directions"]
        ]
        groups = {group: [d for name, d in found if name == group] for group, _ in GROUPS}
        lines = [_group_cells(group, directions) for group, directions in groups.items() if directions]
        columns: tuple[str, ...] = ("group", "queries", "wrong", "readings differ", "undecided", "median ms", "99 % ms")
        columns += ("max ms", "peer median ms", "peer 99 % ms", "peer/engine", "judged by peer", "peer undecided")
        everything = [d for _, d in found]
        notes = [
            "Engine: fallback off. Peer: cvc5 through the suite's own encoder, same process, encoding included.",
            f"Every pair is also judged by up to {SAMPLES} requests drawn near both policies.",
            _not_covered(everything),
        ]
        wrong = {
            id: d["proof"] for id, row in rows.items() for d in row.get("directions", ()) if d["wrong"] and "proof" in d
        }
        notes += [f"wrong: {id}: {proof}" for id, proof in wrong.items()]
        table = Table("Comparison engine against a peer", columns, tuple(lines))
        figures = {group: _figures(directions) for group, directions in groups.items() if directions}
        return Summary(self.name, (table,), tuple(_goals(groups)), figures, tuple(notes))


@cache
def _warm(actions: ActionDatabase) -> None:
    """Loads the peer and both engines once a process, so that no pair pays for imports."""
    from opswright.tools.iam.compare import new_access

    one = policy_from_value({"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a*"}})
    new_access(one, one, fallback=False)
    peer_new_access(one, one, actions.names)


def _pair(folder: Path, seed: int, group: str, at: int, actions: ActionDatabase) -> tuple[Policy, Policy, Json]:
    rng = Random(f"comparison/{seed}/{group}/{at}")
    if group == "managed-pair":
        one, other = rng.sample(documents(folder, MANAGED), 2)
        return one.policy, other.policy, [one.id, other.id]
    if group == LARGEST:
        largest = sorted(documents(folder, MANAGED), key=lambda d: (-len(str(d.value)), d.id))
        return _mutated([largest[at]], rng, actions)
    corpus = {"cloudfix-mutant": CLOUDFIX, "quacky-mutant": QUACKY, "managed-mutant": MANAGED}[group]
    return _mutated(documents(folder, corpus), rng, actions)


def _mutated(pool: Sequence[Document], rng: Random, actions: ActionDatabase) -> tuple[Policy, Policy, Json]:
    """A document and itself with one fault, whether or not that changes its meaning."""
    while True:
        document, kind = rng.choice(pool), rng.choice(KINDS)
        fault = inject(document.value, kind, rng, actions)
        if fault is None:
            continue
        try:
            mutant = policy_from_value(with_faults(document.value, [fault]))
        except InputError:
            continue
        return document.policy, mutant, [document.id, kind.name]


def _asked(new: Policy, old: Policy) -> tuple[Comparison, float]:
    """The engine's answer and the milliseconds it took, before anything else has looked at the pair."""
    from opswright.tools.iam.compare import new_access

    began = time.perf_counter()
    return new_access(new, old, fallback=False), 1000 * (time.perf_counter() - began)


def _direction(
    new: Policy, old: Policy, asked: tuple[Comparison, float], sampled: Sequence[Request], actions: ActionDatabase
) -> dict[str, Json]:
    answer, took = asked
    row: dict[str, Json] = {"answer": answer.new_access, "ms": took, "reason": answer.reason[:200]}
    shown = _first_shown(new, old, sampled)
    began = time.perf_counter()
    try:
        peer = peer_new_access(new, old, actions.names)
        row |= {"peer": peer.new_access, "peer_ms": 1000 * (time.perf_counter() - began), "peer_reason": peer.reason}
        confirmed = peer.request is not None and _shows(new, old, peer.request)
        shown = shown or (peer.request if confirmed else None)
    except NotCovered as error:
        row |= {"peer": None, "not_covered": error.what, "not_covered_text": str(error)}
    row["sampled"] = len(sampled)
    row |= _verdict(new, old, answer.new_access, answer.witness, row["peer"], shown)
    return row


def _verdict(
    new: Policy, old: Policy, answer: bool | None, witness: Request | None, peer: bool | None, shown: Request | None
) -> dict[str, Json]:
    """Whether the engine's answer is wrong, and by which request; or whether only the readings differ."""
    if answer is False and shown is not None:
        return {"wrong": True, "differs": False, "proof": {"allowed although proved not to be": request_json(shown)}}
    if answer is True and (witness is None or not _shows(new, old, witness)):
        return {"wrong": True, "differs": False, "proof": {"witness not confirmed": request_json(witness)}}
    differs = answer is not None and peer is not None and answer != peer
    return {"wrong": False, "differs": differs, "proof": request_json(witness)}


def _shows(new: Policy, old: Policy, request: Request) -> bool:
    return judged(new, request) is True and judged(old, request) is False


def _first_shown(new: Policy, old: Policy, sampled: Sequence[Request]) -> Request | None:
    return next((request for request in sampled if _shows(new, old, request)), None)


def _group_cells(group: str, directions: Sequence[Json]) -> tuple[str, ...]:
    figures = _figures(directions)
    return (
        group,
        str(figures["queries"]),
        str(figures["wrong"]),
        str(figures["differs"]),
        f"{figures['undecided']} ({100 * figures['undecided'] / figures['queries']:.2f} %)",
        *(f"{figures[key]:.1f}" for key in ("median_ms", "p99_ms", "max_ms")),
        *("-" if figures[key] is None else f"{figures[key]:.1f}" for key in ("peer_median_ms", "peer_p99_ms", "ratio")),
        count(figures["judged_by_peer"], figures["queries"]),
        str(figures["peer_undecided"]),
    )


def _figures(directions: Sequence[Json]) -> dict[str, Json]:
    times = [d["ms"] for d in directions]
    both = [(d["ms"], d["peer_ms"]) for d in directions if "peer_ms" in d]
    peer = [ms for _, ms in both]
    return {
        "queries": len(directions),
        "wrong": sum(d["wrong"] for d in directions),
        "differs": sum(d["differs"] for d in directions),
        "undecided": sum(d["answer"] is None for d in directions),
        "new_access": sum(d["answer"] is True for d in directions),
        "median_ms": stats.quantile(times, 0.5),
        "p99_ms": stats.quantile(times, 0.99),
        "max_ms": max(times),
        "peer_median_ms": stats.quantile(peer, 0.5) if peer else None,
        "peer_p99_ms": stats.quantile(peer, 0.99) if peer else None,
        "ratio": stats.quantile([theirs / max(ours, 1e-6) for ours, theirs in both], 0.5) if both else None,
        "judged_by_peer": sum(d["peer"] is not None for d in directions),
        "peer_undecided": sum(d["peer"] is None and "peer_ms" in d for d in directions),
    }


def _goals(groups: Mapping[str, Sequence[Json]]) -> list[Goal]:
    everything = [d for directions in groups.values() for d in directions]
    if not everything:
        return []
    n = len(everything)
    wrong = sum(d["wrong"] for d in everything)
    undecided = sum(d["answer"] is None for d in everything)
    goals = [
        Goal("wrong answers", "none", count(wrong, n), wrong == 0),
        Goal("undecided", "< 0.5 %", f"{100 * undecided / n:.2f} %", undecided / n < 0.005),
    ]
    for group, directions in groups.items():
        if not directions:
            continue
        figures = _figures(directions)
        median, slow = (1000, 5000) if group == LARGEST else (25, 1000)
        goals.append(
            Goal(f"{group}: median", f"< {median} ms", f"{figures['median_ms']:.1f} ms", figures["median_ms"] < median)
        )
        goals.append(
            Goal(f"{group}: 99th percentile", f"< {slow} ms", f"{figures['p99_ms']:.1f} ms", figures["p99_ms"] < slow)
        )
    return goals


def _not_covered(directions: Sequence[Json]) -> str:
    reasons: dict[str, int] = {}
    for direction in directions:
        if "not_covered" in direction:
            reasons[direction["not_covered"]] = reasons.get(direction["not_covered"], 0) + 1
    told = "; ".join(f"{reason}: {times}" for reason, times in sorted(reasons.items()))
    return f"Queries the peer does not cover (judged by drawn requests alone): {told or 'none'}."

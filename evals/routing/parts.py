"""One half of the labelled requests: by the rules alone, by a model alone, and by both as the product has them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.manifests import read_manifests
from opswright.agents.planning import ask_model
from opswright.agents.routing import Route, read_fields, route
from opswright.errors import BudgetSpent, ModelRetry
from opswright.evals.cases import read_cases
from opswright.evals.product import models
from opswright.evals.suites import Case, Setup, Summary
from opswright.nouns import Json, Tier

RULES, PRODUCT = "solver", "auto"


@dataclass(frozen=True)
class Requests:
    """`name`: which half. Rows hold what was expected and found, never a request's text."""

    name: str
    setup: Setup

    def cases(self) -> Sequence[Case]:
        """As they stand in the file."""
        return read_cases(self.setup.cases / f"{self.name}.jsonl")

    def show(self, case: Case) -> Json:
        """The request, unless it is for judging only."""
        data = dict(case.data)
        return data if self.name == "development" else {key: data[key] for key in ("language", "kind")}

    def run(self, case: Case) -> Json:
        """One request by the rules and, where one is recorded or configured, by a model and by both together."""
        request = case.data["request"]
        expected = [task["specialist"] for task in case.data["tasks"]]
        fields = read_fields(read_manifests())
        began = time.process_time()
        ruled = route(request, (), fields)
        rules = _row(RULES, ruled, expected) | {"route_ms": 1000 * (time.process_time() - began)}
        rows = {RULES: rules | {"sure": ruled.sure, "probability": round(ruled.probability, 4)}}
        if self.setup.tier != RULES:
            rows |= self._modelled(case.id, request, expected, ruled, rules)
        default = rows.get(PRODUCT, rows[RULES])
        return {
            **default,
            "kind": case.data["kind"],
            "language": case.data["language"],
            "expected": expected,
            "rows": rows,
        }

    def _modelled(
        self, case: str, request: str, expected: Sequence[str], ruled: Route, rules: Mapping[str, Json]
    ) -> dict[str, Json]:
        with models(self.setup) as (gateway, ledger):
            tiers = [tier for tier in gateway.available() if self.setup.tier in ("auto", tier)]
            if not tiers:
                return {}
            try:
                found = ask_model(request, (), read_fields(read_manifests()), gateway, Tier(tiers[0]))
                said = ""
            except (ModelRetry, BudgetSpent) as error:  # the product falls back on its rules
                found, said = ruled, type(error).__name__
            spent = ledger.spent
        cost = {
            "tokens_in": spent.tokens_in,
            "tokens_out": spent.tokens_out,
            "cached_tokens": spent.cached_tokens,
            "cost_usd": spent.cost_usd,
            "calls": spent.calls,
            "estimated": spent.estimated,
            "seconds": spent.seconds,
        }
        asked = {**_row(tiers[0], found, expected), **cost, "said": said}
        return {str(tiers[0]): asked, PRODUCT: dict(rules) if ruled.sure else dict(asked)}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """How many are exactly right: all, by kind, language and specialist; what was taken for what; abstention."""
        from opswright.evals.routing.summing import summary

        return summary(self.name, list(rows.values()))


def _row(tier: str, found: Route, expected: Sequence[str]) -> dict[str, Json]:
    names = [step.specialist for step in found.steps]
    return {"tier": str(tier), "found": names, "passed": names == list(expected)}

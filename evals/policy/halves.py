"""The labelled requests of a case, drawn half by half (see `cases` for what a half is made of, and why)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from opswright.evals.policy.drawing.realistic import Place, RequestSource
from opswright.nouns import canonical_json
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.evaluator import decide

HALF = 24
DRAWS = 1200  # requests drawn at most for one half

Region = Literal["fault", "near", "elsewhere"]


@dataclass(frozen=True)
class Labelled:
    """A request, whether the true policy allows it, and where it was drawn."""

    request: Request
    allow: bool
    region: Region

    @property
    def key(self) -> str:
        """One spelling for equal requests."""
        asked = self.request
        return canonical_json([asked.action.lower(), asked.resource, asked.principal, sorted(asked.context.items())])


@dataclass
class Halves:
    """Draws the halves of a case; remembers what was drawn, so that no request comes twice."""

    true: Policy
    faulty: Policy
    single: Sequence[Policy]
    focus: Sequence[list[Place]]
    source: RequestSource
    rng: Random
    taken: set[str] = field(default_factory=set)

    def half(self) -> tuple[Labelled, ...]:
        """Up to HALF requests: a third misjudged, a third near the faults, a third from anywhere, balanced."""
        shown: list[list[Labelled]] = [[] for _ in self.focus]
        near: list[Labelled] = []
        elsewhere: list[Labelled] = []
        anywhere = [Place(self.true, statement) for statement in self.true.statements]
        third = HALF // 3
        seen = set(self.taken)  # what was drawn before and not taken may come again
        for turn in range(DRAWS):
            if all(len(pool) >= third for pool in shown) and _plenty(near, third) and _plenty(elsewhere, third):
                break
            at = turn % (len(self.focus) + 1)
            request = self.source.draw(self.focus[at] if at < len(self.focus) else anywhere)
            labelled = self._new(request, "near" if at < len(self.focus) else "elsewhere", seen)
            if labelled is None:
                continue
            faults = self._showing(labelled)
            if faults:
                self.rng.choice([shown[fault] for fault in faults]).append(labelled)
            else:
                (near if labelled.region == "near" else elsewhere).append(labelled)
        chosen = self._chosen(shown, near, elsewhere)
        self.taken.update(labelled.key for labelled in chosen)
        return tuple(chosen)

    def shown(self, half: Sequence[Labelled], fault: int) -> bool:
        """Whether some request of a half is misjudged because of a fault."""
        return any(fault in self._showing(labelled) for labelled in half)

    def _new(self, request: Request | None, region: Region, seen: set[str]) -> Labelled | None:
        if request is None:
            return None
        labelled = Labelled(request, decide(self.true, request).allowed, region)
        if labelled.key in seen:
            return None
        seen.add(labelled.key)
        return labelled

    def _showing(self, labelled: Labelled) -> list[int]:
        """The faults that alone misjudge a request which the faulty policy misjudges too."""
        if decide(self.faulty, labelled.request).allowed == labelled.allow:
            return []
        return [at for at, one in enumerate(self.single) if decide(one, labelled.request).allowed != labelled.allow]

    def _chosen(self, shown: list[list[Labelled]], near: list[Labelled], elsewhere: list[Labelled]) -> list[Labelled]:
        third = HALF // 3
        chosen: list[Labelled] = []
        turns = [_alternating(pool) for pool in shown]
        while len(chosen) < third and any(turns):
            for pool in turns:
                if pool and len(chosen) < third:
                    chosen.append(pool.pop(0))
        chosen = [Labelled(one.request, one.allow, "fault") for one in chosen]
        spare = [one for pool in turns for one in pool]
        for pool, size in ((near, third), (elsewhere, third), ([*near, *elsewhere, *spare], HALF)):
            wanted = min(size, HALF - len(chosen))
            chosen += _balancing([one for one in pool if one not in chosen], chosen, wanted)
        self.rng.shuffle(chosen)
        return chosen


def _plenty(pool: Sequence[Labelled], size: int) -> bool:
    allowed = sum(labelled.allow for labelled in pool)
    return allowed >= size and len(pool) - allowed >= size


def _alternating(pool: Sequence[Labelled]) -> list[Labelled]:
    """The pool with allowed and denied in turn, as long as there are both."""
    allowed = [one for one in pool if one.allow]
    denied = [one for one in pool if not one.allow]
    both = [one for pair in zip(allowed, denied, strict=False) for one in pair]
    short = min(len(allowed), len(denied))
    return both + allowed[short:] + denied[short:]


def _balancing(pool: Sequence[Labelled], chosen: Sequence[Labelled], size: int) -> list[Labelled]:
    """Up to `size` of a pool, each time of the label that is rarer so far."""
    left = list(pool)
    taken: list[Labelled] = []
    balance = sum(1 if one.allow else -1 for one in chosen)
    while left and len(taken) < size:
        rarer = next((one for one in left if one.allow == (balance < 0)), left[0])
        left.remove(rarer)
        taken.append(rarer)
        balance += 1 if rarer.allow else -1
    return taken

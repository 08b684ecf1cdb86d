"""From labelled clauses to ordered steps: what comes earlier is said by `before`, `after` and `first`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from opswright.agents.routing.clauses import Clause, Cut
from opswright.agents.routing.scoring import NOBODY

_TIES = frozenset({"then", "before", "after", "first"})  # the later one builds on the earlier


@dataclass(frozen=True)
class Step:
    """One specialist's part of a request. `after`: indices of the steps whose receipts it needs."""

    specialist: str
    goal: str
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Run:
    """Clauses in a row for one specialist. `tied`: it builds on what comes before it, or what comes after on it."""

    specialist: str
    clauses: tuple[Clause, ...]
    goal: str = ""
    tied: bool = False


def steps_of(cut: Cut, labels: Sequence[str], text: str) -> tuple[Step, ...]:
    """The steps in the order of work. `text`: the request, as long as the cut's text; one step gets all of it."""
    runs = _runs(cut, labels)
    if not runs:
        return ()
    if len(runs) == 1:
        return (Step(runs[0].specialist, text.strip()),)
    ordered = _merged(_in_order([replace(run, goal=_goal(cut, run)) for run in runs]))
    if len(ordered) == 1:
        return (Step(ordered[0].specialist, text.strip()),)
    return tuple(Step(run.specialist, run.goal, (at - 1,) if at and run.tied else ()) for at, run in enumerate(ordered))


def _runs(cut: Cut, labels: Sequence[str]) -> list[_Run]:
    """Clauses in a row with one label; nobody's parts are left out."""
    found: list[_Run] = []
    for clause, label in zip(cut.clauses, labels, strict=True):
        if label == NOBODY:
            continue
        if found and found[-1].specialist == label:
            found[-1] = replace(found[-1], clauses=(*found[-1].clauses, clause))
        else:
            found.append(_Run(label, (clause,)))
    return found


def _in_order(runs: Sequence[_Run]) -> list[_Run]:
    ordered: list[_Run] = []
    waiting: _Run | None = None  # "before A, B": A waits for B
    for at, run in enumerate(runs):
        marks, ends = run.clauses[0].marks, run.clauses[-1].ends
        heads = not at or run.clauses[0].gap == "sentence"
        more = at + 1 < len(runs)
        if at and "first" in marks and "then" not in marks and waiting is None:
            ordered = [run, *_tied(ordered[:1]), *ordered[1:]]
        elif at and not heads and marks & {"after"}:
            ordered = [*ordered[:-1], run, *_tied(ordered[-1:])]
        elif more and waiting is None and ((heads and "before" in marks) or "before" in ends):
            waiting = run
        else:
            tied = bool(at and marks & _TIES) or bool(at and _ended(runs[at - 1]))
            ordered.append(replace(run, tied=tied and bool(ordered)))
            if waiting is not None:
                ordered.append(replace(waiting, tied=True))
                waiting = None
    return ordered


def _ended(run: _Run) -> bool:
    return bool(run.clauses[0].marks & {"after"} or run.clauses[-1].ends & {"after"})


def _tied(runs: Sequence[_Run]) -> list[_Run]:
    return [replace(run, tied=True) for run in runs]


def _merged(runs: Sequence[_Run]) -> list[_Run]:
    """One specialist twice in a row is one task."""
    found: list[_Run] = []
    for run in runs:
        if found and found[-1].specialist == run.specialist:
            found[-1] = replace(found[-1], goal=f"{found[-1].goal} {run.goal}")
        else:
            found.append(run)
    return found


def _goal(cut: Cut, run: _Run) -> str:
    """The user's own words for a run, without what ties it to its neighbours."""
    parts: list[str] = []
    for clause in run.clauses:
        begin = clause.content if not parts else clause.first
        start = cut.tokens[begin].start
        end = cut.tokens[clause.last].start if clause.last < len(cut.tokens) else len(cut.text)
        follows = clause.last < len(cut.tokens)
        parts.append(
            _opened(cut.text, start, clause.first if begin == clause.first else begin, cut)
            + _closed(cut.text[start:end], follows)
        )
    return " ".join(part.strip() for part in parts).strip(" \t\r\n,;\u3001\uff0c+&")


def _opened(text: str, start: int, token: int, cut: Cut) -> str:
    """An opening quote, bracket or sign right before the first token belongs to it."""
    before = text[cut.tokens[token - 1].end if token else 0 : start]
    kept = before.rstrip()[-1:] if before and not before[-1:].isspace() else ""
    return kept if kept in tuple("\"'([{/~\u00bf\u00a1\u300c\u201c\u201e") else ""


def _closed(part: str, follows: bool) -> str:
    """The text of a clause up to the next one's first token, without an opening sign that belongs to that one."""
    return (
        part.rstrip("\"'([{/~\u00bf\u00a1\u300c\u201c\u201e \t\r\n")
        if follows and part[-1:] in "\u00bf\u00a1([{/~"
        else part
    )

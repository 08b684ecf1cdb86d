"""A policy under repair: its statements as rows of masks, the edits made so far, and what is still wrong."""

from dataclasses import dataclass, replace
from functools import cached_property

from opswright.agents.policy.evidence import Evidence, Row
from opswright.tools.iam.document import Effect, Policy, Statement


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to one statement: `slot` None adds, no `statements` removes, several split.

    `kind` names the slip it mends (such as `action-typo`), `cost` is how unlikely that slip is (about bits), `note` is
    a line about it. A statement's `index` is its slot: its place in the original, or the next free number of a new one.
    """

    kind: str
    slot: int | None
    statements: tuple[Statement, ...]
    cost: float
    note: str

    @property
    def mark(self) -> tuple[str, int | None, str]:
        """Equal marks are equal edits."""
        return self.kind, self.slot, self.note


@dataclass(frozen=True)
class Draft:
    """Some edits applied to the original statements."""

    evidence: Evidence
    rows: tuple[Row, ...]
    edits: tuple[Edit, ...] = ()
    cost: float = 0.0
    next_slot: int = 0

    @classmethod
    def of(cls, evidence: Evidence, policy: Policy) -> "Draft":
        """The unedited policy."""
        rows = tuple(evidence.row(statement) for statement in policy.statements)
        return cls(evidence, rows, next_slot=len(rows))

    def apply(self, edit: Edit) -> "Draft":
        """The draft with one edit more; untouched rows are shared."""
        made = list(edit.statements)
        fresh = self.next_slot
        for at, statement in enumerate(made):
            if (edit.slot is None or at > 0) and statement.index != fresh:
                made[at] = replace(statement, index=fresh)
            fresh += edit.slot is None or at > 0
        new_rows = tuple(self.evidence.row(statement) for statement in made)
        if edit.slot is None:
            rows = self.rows + new_rows
        else:
            at = self.position(edit.slot)
            rows = (*self.rows[:at], *new_rows[:1], *self.rows[at + 1 :], *new_rows[1:])
        return Draft(self.evidence, rows, (*self.edits, edit), self.cost + edit.cost, fresh)

    def position(self, slot: int) -> int:
        """Where the statement of that slot stands among the rows."""
        return next(at for at, row in enumerate(self.rows) if row.statement.index == slot)

    @cached_property
    def _covers(self) -> tuple[int, int, int, int]:
        allow_once = allow_twice = deny_once = deny_twice = 0
        for row in self.rows:
            if row.allow:
                allow_twice |= allow_once & row.hits
                allow_once |= row.hits
            else:
                deny_twice |= deny_once & row.hits
                deny_once |= row.hits
        return allow_once, allow_twice, deny_once, deny_twice

    @property
    def allows(self) -> int:
        """Requests that an Allow statement matches."""
        return self._covers[0]

    @property
    def denies(self) -> int:
        """Requests that a Deny statement matches."""
        return self._covers[2]

    @property
    def allowed(self) -> int:
        """Requests that the draft allows."""
        return self._covers[0] & ~self._covers[2]

    @property
    def missing(self) -> int:
        """Requests wrongly denied."""
        return self.evidence.allow & ~self.allowed

    @property
    def excess(self) -> int:
        """Requests wrongly allowed."""
        return self.evidence.deny & self.allowed

    @cached_property
    def unread(self) -> int:
        """Requests that some statement cannot be decided for."""
        found = 0
        for row in self.rows:
            found |= row.unread
        return found

    @property
    def wrong(self) -> int:
        """Requests that are not decided as wanted."""
        return self.missing | self.excess | self.unread

    def only(self, row: Row) -> int:
        """The requests that of all statements with its effect only this one matches."""
        _, allow_twice, _, deny_twice = self._covers
        return row.hits & ~(allow_twice if row.allow else deny_twice)

    def wrong_after(self, edit: Edit) -> int:
        """What would be wrong after an edit, without building the draft."""
        allow_once, allow_twice, deny_once, deny_twice = self._covers
        unread = self.unread
        if edit.slot is not None:
            row = self.rows[self.position(edit.slot)]
            unread &= ~row.unread
            if row.allow:
                allow_once = (allow_once & ~row.hits) | allow_twice
            else:
                deny_once = (deny_once & ~row.hits) | deny_twice
        for statement in edit.statements:
            made = self.evidence.row(statement)
            hits = made.hits
            unread |= made.unread
            if statement.effect is Effect.ALLOW:
                allow_once |= hits
            else:
                deny_once |= hits
        allowed = allow_once & ~deny_once
        return (self.evidence.allow & ~allowed) | (self.evidence.deny & allowed) | unread

    def statements(self) -> tuple[Statement, ...]:
        """The statements in their order."""
        return tuple(row.statement for row in self.rows)


@dataclass(frozen=True)
class View:
    """One row of a draft as the operators see it.

    `need`: requests this statement should come to match; `drop`: requests it should cease to match; `keep`: requests
    that must go on being matched by it; `avoid`: requests it must not come to match.
    """

    draft: Draft
    row: Row
    need: int
    drop: int
    keep: int
    avoid: int

    @classmethod
    def of(cls, draft: Draft, row: Row) -> "View":
        """The view of a row: for an Allow from the wrongly denied, for a Deny from the wrongly allowed requests."""
        evidence = draft.evidence
        if row.allow:
            wanted, other = evidence.allow, evidence.deny & ~draft.denies
            need = evidence.allow & ~draft.allows
        else:
            wanted, other = evidence.deny & draft.allows, evidence.allow
            need = draft.excess
        keep = wanted & draft.only(row)
        hits, unread = row.hits, row.unread
        return cls(draft, row, (need | unread & wanted) & ~hits, other & (hits | unread), keep, other & ~hits)

    @property
    def statement(self) -> Statement:
        return self.row.statement

    @property
    def evidence(self) -> Evidence:
        return self.draft.evidence

    def edit(self, kind: str, cost: float, note: str, *statements: Statement) -> Edit:
        """An edit of this row."""
        return Edit(kind, self.statement.index, statements, cost, note)

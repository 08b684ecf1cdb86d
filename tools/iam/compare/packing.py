"""Many automata side by side in one integer, stepped together."""

from collections.abc import Iterable, Sequence

from opswright.tools.iam.compare.patterns import ANY, Many, Mark, Pattern
from opswright.tools.iam.compare.relations import included_from

Symbol = str | Mark
_FILLERS = "xzqjkvwyghnbduplmoeatirscfXZQJKVWY0123456789-_~@éÿłжя中"


class Packed:
    """The product of unions that must match and patterns that must not; a state is one integer, -1 is a dead end.

    With `marked`, the first union reads marks; all other patterns step over them, taking the stretch between two marks
    for the unknown value where they wait for it.
    """

    def __init__(self, positives: Sequence[tuple[Pattern, ...]], negatives: Sequence[Pattern], marked: bool) -> None:
        self.start = self._skips = self._negative_final = self._negative_sure = 0
        self._runs = 0  # positions of unbounded runs, where all before can be forgotten
        self._inside = self._strict = self._all = 0
        self._forget: dict[int, int] = {}
        self._regions: list[tuple[int, int, int]] = []  # mask, final positions, positions that cannot fail
        self._placed: list[tuple[int, Pattern]] = []
        self._remaining: list[int] = []
        self._width = 0
        self._tables: dict[Symbol, tuple[int, int]] = {}
        self._swallows: dict[int, int] = {}
        self._negative_runs = 0
        for number, union in enumerate(positives):
            self._add_union(union, strict=marked and number == 0)
        first_negative = self._width
        self._positives = len(self._placed)
        for one in negatives:
            self._add_negative(one)
        self._negative_runs = self._runs >> first_negative << first_negative
        self._waiting = self._waiting_symbols()
        self._fresh = self._fresh_symbols()

    def _add_union(self, union: Sequence[Pattern], strict: bool) -> None:
        first = self._width
        final = sure = 0
        for one in union:
            at = self._place(one, strict)
            final |= 1 << (at + one.size)
            if one.tokens and one.tokens[-1] == ANY and not strict:
                sure |= 1 << (at + one.size - 1)
        mask = (1 << self._width) - (1 << first)
        if strict:
            self._strict |= mask
        self._regions.append((mask, final, sure))

    def _add_negative(self, one: Pattern) -> None:
        at = self._place(one, False)
        self._negative_final |= 1 << (at + one.size)
        if one.tokens and one.tokens[-1] == ANY:
            self._negative_sure |= 1 << (at + one.size - 1)

    def _place(self, one: Pattern, strict: bool) -> int:
        at = self._width
        self._placed.append((at, one))
        self._width += one.size + 1
        self.start |= 1 << at
        self._skips |= one.skips << at
        for position, run in one.runs:
            if run == ANY and not strict:
                self._runs |= 1 << (at + position)
                self._forget[at + position] = ~((1 << (at + position)) - (1 << at))
        for position, _ in one.unknowns:
            self._inside |= 2 << (at + position)
        self._all |= (1 << self._width) - (1 << at)
        self._remaining.extend(_distances(one))
        return at

    def _waiting_symbols(self) -> list[tuple[Symbol, int]]:
        """What the required patterns wait for: each symbol with the positions that take it."""
        waiting: dict[Symbol, int] = {}
        for at, one in self._placed[: self._positives]:
            for char, mask in one.literals.items():
                waiting[char] = waiting.get(char, 0) | mask << at
            for position, mark in one.marks:
                waiting[mark] = waiting.get(mark, 0) | 1 << (at + position)
        return sorted(waiting.items(), key=lambda item: str(item[0]))

    def _fresh_symbols(self) -> tuple[Symbol, ...]:
        """One character for each way in which a character that no pattern names can behave."""
        named = {char for _, one in self._placed for char in one.literals}
        runs = {run for _, one in self._placed for _, run in one.runs}
        ones = {token for _, one in self._placed for _, token in one.ones}
        excluded = "".join(sorted({*(run.excluded for run in runs), *(one.excluded for one in ones)}))
        allowed = "".join(sorted({char for run in runs for char in run.allowed}))
        special = set(excluded + allowed)
        fillers = (*_FILLERS, *map(chr, range(0x4E01, 0x9FA5)))
        fresh = [next(char for char in fillers if char not in named and char not in special)]
        unnamed = [char for char in allowed if char not in named]
        fresh.extend(unnamed[-1:] or allowed)
        return (*fresh, *excluded)

    def symbols(self, state: int) -> list[Symbol]:
        """The symbols worth trying in a state."""
        found = [symbol for symbol, mask in self._waiting if mask & state]
        found.extend(symbol for symbol in self._fresh if symbol not in found)
        return found

    def _table(self, symbol: Symbol) -> tuple[int, int]:
        known = self._tables.get(symbol)
        if known is None:
            known = self._mark_table(symbol) if isinstance(symbol, Mark) else self._char_table(symbol)
            self._tables[symbol] = known
        return known

    def _char_table(self, char: str) -> tuple[int, int]:
        moves, stays = 0, self._inside
        for at, one in self._placed:
            one_moves, one_stays = one.step(char)
            moves |= one_moves << at
            stays |= one_stays << at
        return moves, stays

    def _mark_table(self, mark: Mark) -> tuple[int, int]:
        """Patterns that read marks move on; the others stand still, or enter or leave the unknown value."""
        moves, stays = 0, self._all & ~self._strict & ~self._inside
        for at, one in self._placed:
            for position, own in one.marks:
                if own == mark:
                    moves |= 1 << (at + position)
            for position, unknown in one.unknowns:
                if unknown.key == mark.unknown.key and (unknown.fold or not mark.unknown.fold):
                    moves |= 1 << (at + position + (not mark.opens))
        return moves, stays

    def read(self, state: int, symbol: Symbol) -> int:
        """The state after a symbol; -1 when nothing good can follow."""
        moves, stays = self._table(symbol)
        return self.settle((state & moves) << 1 | (state & stays), state)

    def settle(self, state: int, before: int) -> int:
        """Closes a state under skipping and brings it to its normal form; -1 for a dead end."""
        state |= (state & self._skips) << 1
        if state & self._negative_sure:
            return -1
        new = state & self._runs & ~before
        while new:
            at = new.bit_length() - 1
            state &= self._forget[at]
            new &= self._forget[at] & ~(1 << at)
        for mask, _, sure in self._regions:
            live = state & mask
            if not live:
                return -1
            done = live & sure
            if done:
                done &= -done
                state = state & ~mask | done | done << 1
        return state

    def accepts(self, state: int) -> bool:
        """Whether the text read so far fits."""
        if state & self._negative_final:
            return False
        return all(state & final for _, final, _ in self._regions)

    def distance(self, state: int) -> int:
        """About how many characters are missing."""
        total = 0
        for mask, _, sure in self._regions:
            live = state & mask
            if not live & sure:
                total += self._remaining[live.bit_length() - 1]
        return total

    def hopeless(self, state: int) -> bool:
        """Whether the rest of some required union lies wholly inside rests of forbidden patterns."""
        reached = state & self._negative_runs
        for mask, _, sure in self._regions:
            live = state & mask
            if live & sure or mask & self._strict:
                continue
            if all(self._swallowed_by(position) & reached for position in _bits(live)):
                return True
        return False

    def _swallowed_by(self, position: int) -> int:
        """The runs of forbidden patterns from which they match whatever a required one matches from a position."""
        known = self._swallows.get(position)
        if known is None:
            at, one = self._owner(position)
            known = 0
            if position - at in one.positions:
                rest = one.tokens[one.positions.index(position - at) :]
                for run in _bits(self._negative_runs):
                    start, other = self._owner(run)
                    if included_from(rest, other, 1 << (run - start)):
                        known |= 1 << run
            self._swallows[position] = known
        return known

    def _owner(self, position: int) -> tuple[int, Pattern]:
        low, high = 0, len(self._placed)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._placed[middle][0] <= position else (low, middle)
        return self._placed[low]


def _distances(one: Pattern) -> list[int]:
    """For every position, how many tokens that must be read follow."""
    found = [0] * (one.size + 1)
    missing = 0
    for token, at in zip(reversed(one.tokens), reversed(one.positions[:-1]), strict=True):
        missing += not isinstance(token, Many)
        found[at] = missing
        if at + 1 < len(found) and at + 1 not in one.positions:
            found[at + 1] = missing
    return found


def _bits(mask: int) -> Iterable[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low

"""A small screen: what a terminal of some size shows after the bytes a program wrote, and what scrolled off its top."""

import re

_CSI = re.compile(r"\x1b\[([?>=]?)([0-9;]*)([A-Za-z])")
_OTHER = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Za-z0-9]|[=>78cM])")


class Screen:
    """Knows cursor moves, erasing, scrolling and line wrap: what the program's libraries use."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.lines = [[" "] * columns for _ in range(rows)]
        self.gone: list[str] = []
        self.row = self.column = 0
        self.asked = 0  # how often the cursor's place was asked for
        self._rest = ""

    def resize(self, columns: int, rows: int) -> None:
        """As a terminal does: lines are cut or filled, the lowest stay."""
        kept = [(line + [" "] * columns)[:columns] for line in self.lines]
        while len(kept) > rows:
            self.gone.append("".join(kept.pop(0)).rstrip())
            self.row = max(0, self.row - 1)
        self.lines = kept + [[" "] * columns for _ in range(rows - len(kept))]
        self.columns, self.rows = columns, rows
        self.column = min(self.column, columns - 1)

    def text(self) -> str:
        """What is shown now."""
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")

    def everything(self) -> str:
        """What is shown, and above it what scrolled off."""
        return "\n".join([*self.gone, self.text()])

    def feed(self, text: str) -> None:
        """What the program wrote; an escape sequence may be cut anywhere."""
        text, self._rest = self._rest + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = _CSI.match(text, at) or _OTHER.match(text, at)
                if found is None:
                    if len(text) - at < 32:
                        self._rest = text[at:]
                        return
                    at += 1
                    continue
                if found.re is _CSI:
                    self._control(found[1], found[2], found[3])
                at = found.end()
            else:
                self._character(text[at])
                at += 1

    def _character(self, one: str) -> None:
        if one == "\r":
            self.column = 0
        elif one == "\n":
            self._down()
        elif one == "\b":
            self.column = max(0, self.column - 1)
        elif one >= " ":
            if self.column >= self.columns:
                self.column = 0
                self._down()
            self.lines[self.row][self.column] = one
            self.column += 1

    def _down(self) -> None:
        if self.row + 1 < self.rows:
            self.row += 1
            return
        self.gone.append("".join(self.lines.pop(0)).rstrip())
        self.lines.append([" "] * self.columns)

    def _control(self, private: str, numbers: str, kind: str) -> None:
        values = [int(one or 0) for one in numbers.split(";")] if numbers else []
        count = max(1, values[0] if values else 1)
        if kind in "ABCD":
            down, right = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}[kind]
            self.row = min(self.rows - 1, max(0, self.row + down * count))
            self.column = min(self.columns - 1, max(0, self.column + right * count))
        elif kind == "G":
            self.column = min(self.columns, count) - 1
        elif kind in "Hf":
            place = [*values, 1, 1]
            self.row, self.column = min(self.rows, max(1, place[0])) - 1, min(self.columns, max(1, place[1])) - 1
        elif kind in "JK":
            self._erase(kind, values[0] if values else 0)
        elif kind == "n" and values == [6]:
            self.asked += 1

    def _erase(self, kind: str, how: int) -> None:
        line = self.lines[self.row]
        begin, end = {0: (self.column, self.columns), 1: (0, self.column + 1)}.get(how, (0, self.columns))
        line[begin:end] = [" "] * (min(end, self.columns) - begin)
        if kind == "J":
            rows = {0: range(self.row + 1, self.rows), 1: range(self.row)}.get(how, range(self.rows))
            for row in rows:
                self.lines[row] = [" "] * self.columns

"""Charts as inline SVG: points with intervals over a cost axis, each with its name beside it and as a tooltip. Pure."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 34, 16, 52
LABEL_HEIGHT = 14


@dataclass(frozen=True)
class Point:
    """One thing that is compared: cost of a case, quality with its interval (0 to 1). `group` picks the colour."""

    name: str
    cost: float
    quality: float
    low: float
    high: float
    group: int = 0


def cost_against_quality(points: Sequence[Point], cost_name: str) -> str:
    """The chart; a cost axis from 0, a quality axis around what was measured."""
    right = _nice(max((point.cost for point in points), default=1.0) or 1.0)
    # Never 1, where all intervals have no width: the axis would have no length.
    bottom = min(0.9, max(0.0, math.floor(10 * min((point.low for point in points), default=0.0)) / 10))
    frame = _Frame(right, bottom)
    parts = [*frame.axes(cost_name), *(mark for point in points for mark in frame.marks(point))]
    parts += frame.labels(points)
    label = html.escape(f"Quality against {cost_name}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" class="chart">'
        + "".join(parts)
        + "</svg>"
    )


def _nice(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


@dataclass(frozen=True)
class _Frame:
    """Where values lie in the picture."""

    right: float
    bottom: float

    def x(self, cost: float) -> float:
        return LEFT + cost / self.right * (WIDTH - LEFT - RIGHT)

    def y(self, quality: float) -> float:
        return HEIGHT - BOTTOM - (quality - self.bottom) / (1 - self.bottom) * (HEIGHT - TOP - BOTTOM)

    def axes(self, cost_name: str) -> list[str]:
        lines = []
        for step in range(6):
            cost, quality = self.right * step / 5, self.bottom + (1 - self.bottom) * step / 5
            x, y = self.x(cost), self.y(quality)
            lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            lines.append(
                f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * quality:.0f} %</text>'
            )
            text = html.escape(_number(cost))
            lines.append(
                f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text}</text>'
            )
        middle = (LEFT + WIDTH - RIGHT) / 2
        named = html.escape(cost_name)
        lines.append(
            f'<text class="axis" x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{named}, mean of a case</text>'
        )
        return lines

    def marks(self, point: Point) -> list[str]:
        x, low, high = self.x(point.cost), self.y(point.low), self.y(point.high)
        told = f"{point.name}: {100 * point.quality:.1f} % [{100 * point.low:.1f}, {100 * point.high:.1f}]"
        return [
            f'<g class="g{point.group % 6}"><title>{html.escape(told)}, cost {_number(point.cost)}</title>',
            f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>',
            f'<circle cx="{x:.1f}" cy="{self.y(point.quality):.1f}" r="5"/></g>',
        ]

    def labels(self, points: Sequence[Point]) -> list[str]:
        """Names beside the points, moved down where they would lie on each other."""
        taken: list[tuple[float, float, float]] = []
        lines = []
        for point in sorted(points, key=lambda one: self.y(one.quality)):
            width = 6.4 * len(point.name)
            x, anchor = self.x(point.cost) + 9, "start"
            if x + width > WIDTH - RIGHT:
                x, anchor = self.x(point.cost) - 9, "end"
            begin = x if anchor == "start" else x - width
            y = self.y(point.quality) + 4
            while any(abs(y - other) < LABEL_HEIGHT and begin < to and at < begin + width for at, to, other in taken):
                y += LABEL_HEIGHT
            taken.append((begin, begin + width, y))
            name = html.escape(point.name)
            lines.append(f'<text class="label" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{name}</text>')
        return lines

"""Draws growth: python -m benchmarks.picture [NAME] writes docs/growth.svg from what `make bench-growth` has kept.

Both axes of every panel are logarithmic, with the same length for a factor of ten: linear growth is a diagonal, and the
dashed diagonals show it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from benchmarks import measure

PLACE = Path(__file__).parent.parent / "docs" / "growth.svg"
_DECADE = 62  # pixels for a factor of ten
_LEFT, _ABOVE, _BELOW, _LEGEND, _RIGHT = 56, 34, 40, 150, 16
_COLUMNS = 2
_COLOURS = ("#0060a8", "#c04000", "#2e7d32", "#7b3fa0")


class Panel(NamedTuple):
    """A title, its unit, and what is drawn: name of the line to key of the rows."""

    title: str
    unit: str
    lines: dict[str, str]


PANELS = (
    Panel("Rebuild", "s", {"wall": "rebuild_wall_s", "CPU": "rebuild_cpu_s", "resolve (CPU)": "resolve_cpu_s"}),
    Panel("Size", "MB", {"documents": "mb", "cache": "database_mb", "peak memory": "peak_mb"}),
    Panel(
        "Staying fresh",
        "ms",
        {
            "sync, unchanged": "unchanged_ms",
            "sync, one changed": "one_changed_ms",
            "bare walk": "walk_ms",
            "told which one": "told_ms",
        },
    ),
    Panel(
        "Ten hits with snippets",
        "ms",
        {
            "word of half": "common_ms",
            "phrase": "phrase_ms",
            "word of one": "rare_ms",
            "as a process": "search_process_ms",
        },
    ),
)


class Scale(NamedTuple):
    """Where a value lies between two powers of ten, in pixels from the lower."""

    low: int
    high: int

    def at(self, value: float) -> float:
        return (math.log10(value) - self.low) * _DECADE

    @property
    def length(self) -> int:
        return (self.high - self.low) * _DECADE

    @property
    def ticks(self) -> range:
        return range(self.low, self.high + 1)


def scale(values: Iterable[float]) -> Scale:
    """The powers of ten that all values lie between."""
    logs = [math.log10(value) for value in values]
    low, high = math.floor(min(logs) + 1e-9), math.ceil(max(logs) - 1e-9)
    return Scale(low, max(high, low + 1))


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """The picture as SVG."""
    across = scale(row["documents"] for row in rows)
    drawn = [_lines(panel, rows) for panel in PANELS]
    scales = [scale(chain.from_iterable((y for _, y in line) for line in lines.values())) for lines in drawn]
    width = _LEFT + across.length + _LEGEND + _RIGHT
    heights = [max(one.length for one in scales[at : at + _COLUMNS]) for at in range(0, len(PANELS), _COLUMNS)]
    total = sum(height + _ABOVE + _BELOW for height in heights)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * _COLUMNS} {total}" font-family="sans-serif"'
        ' font-size="12" fill="#222">',
        "<title>Time, memory, size and latency by number of documents</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for number, (panel, lines, up) in enumerate(zip(PANELS, drawn, scales, strict=True)):
        line, column = divmod(number, _COLUMNS)
        top = sum(height + _ABOVE + _BELOW for height in heights[:line]) + _ABOVE + heights[line]
        parts.append(f'<g transform="translate({column * width + _LEFT} {top})">')
        parts += [*_axes(panel, across, up), *_diagonals(across, up), *_graphs(lines, across, up), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


_Line = list[tuple[float, float]]


def _lines(panel: Panel, rows: Sequence[dict[str, Any]]) -> dict[str, _Line]:
    """The points of each line; memory is not known everywhere."""
    return {
        name: [(row["documents"], row[key]) for row in rows if row[key] is not None]
        for name, key in panel.lines.items()
    }


def _axes(panel: Panel, across: Scale, up: Scale) -> Iterator[str]:
    yield f'<text y="{-up.length - 12}" x="-40" font-weight="bold">{escape(panel.title)}, {panel.unit}</text>'
    for tick in up.ticks:
        y = -up.at(10**tick)
        yield f'<path d="M0 {y:.0f}h{across.length}" stroke="#ddd"/>'
        yield f'<text x="-6" y="{y + 4:.0f}" text-anchor="end">{_number(tick)}</text>'
    for tick in across.ticks:
        x = across.at(10**tick)
        yield f'<path d="M{x:.0f} 0v{-up.length}" stroke="#ddd"/>'
        yield f'<text x="{x:.0f}" y="16" text-anchor="middle">{_number(tick)}</text>'


def _number(tick: int) -> str:
    return f"{10**tick:,}" if tick >= 0 else f"{10**tick:g}"


def _diagonals(across: Scale, up: Scale) -> Iterator[str]:
    """Linear growth through every power of ten on the left, as far as the panel goes."""
    for tick in range(up.low, up.high):
        length = min(across.length, up.length - up.at(10**tick))
        yield f'<path d="M0 {-up.at(10**tick):.0f}l{length:.0f} {-length:.0f}" stroke="#bbb" stroke-dasharray="3 4"/>'


def _graphs(lines: dict[str, _Line], across: Scale, up: Scale) -> Iterator[str]:
    """Each line in its colour, and its name where it ends, one below the other."""
    ends = sorted(lines, key=lambda name: -lines[name][-1][1])
    least = -math.inf
    for name in ends:
        colour = _COLOURS[list(lines).index(name)]
        points = [(across.at(x), -up.at(y)) for x, y in lines[name]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        least = max(least + 15, points[-1][1] + 4)
        yield f'<text x="{points[-1][0] + 8:.0f}" y="{least:.0f}" fill="{colour}">{escape(name)}</text>'


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "growth"
    PLACE.write_text(draw(measure.kept(name)["rows"]), encoding="utf-8")


if __name__ == "__main__":
    main()

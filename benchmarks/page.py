"""Writes tables of docs/performance.md and docs/precision.md from what benchmarks have kept: python -m benchmarks.page

In a page a table stands between `<!-- NAME -->` and `<!-- end -->`, NAME being that of a result or `budgets`: all
promises that results tell of. The text around them is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import measure

PLACES = tuple(Path(__file__).parent.parent / "docs" / name for name in ("performance.md", "precision.md"))
_SLOT = re.compile(r"^(<!-- ([\w-]+) -->\n)(?:.*?\n)??(<!-- end -->\n)", re.MULTILINE | re.DOTALL)
# Those whose budgets are promised; the others, like the rebuild of other documents, only tell.
_PROMISES = (
    "rebuild-product",
    "rebuild-rfcs4",
    "rebuild-tldr",
    "growth",
    "sync",
    "watch",
    "search",
    "swap",
    "check",
    "startup",
)

# The load of a machine that does nothing else, just after a benchmark before.
_ALONE = 2.0

Result = Mapping[str, Any]
Cells = Mapping[str, str]


def filled(page: str) -> str:
    """The page with its tables as the results have them now."""
    return _SLOT.sub(lambda slot: f"{slot[1]}\n{_table(slot[2])}\n{slot[3]}", page)


def _table(name: str) -> str:
    if name == "budgets":
        return _budgets()
    if name in _PRECISION:
        return _markdown(_PRECISION[name](measure.kept("precision")["rows"]))
    found = measure.kept(name)
    rows = found["rows"]
    if name == "growth":
        return f"{_markdown(_sideways(rows))}\n\n{_source(found)}"
    columns = _COLUMNS[name.partition("-")[0]]
    return f"{_markdown([{head: cell(row) for head, cell in columns.items()} for row in rows])}\n\n{_source(found)}"


def _source(found: Result) -> str:
    """What was run, where and when."""
    machine, corpus = found["machine"], found["corpus"]
    said = [
        f"`{found['command']}`",
        found["date"][:10],
        *(f"{name} {machine[name.lower()]}" for name in ("mdcache", "Python", "SQLite")),
        f"{machine['cores']} cores of {machine['cpu']}",
        f"{machine['memory_gb']:.0f} GB",
        _company(machine["load_before"]),
    ]
    documents = (
        f"{corpus['name']}: {corpus['documents']:,} documents, {corpus['bytes'] / 1e6:.1f} MB. " if corpus else ""
    )
    return f"{documents}{', '.join(said)}."


def _company(load: float) -> str:
    return f"others at work too (load {load:.1f})" if load > _ALONE else "otherwise idle"


def _markdown(rows: list[Cells]) -> str:
    heads = list(rows[0])
    lines = [heads, ["---"] + ["--:"] * (len(heads) - 1), *([row[head] for head in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None, unit: str = "") -> str:
    """With three digits that count."""
    if value is None:
        return "–"
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def _cell(key: str, unit: str = "") -> Callable[[Result], str]:
    return lambda row: _number(row[key], unit)


def _text(key: str) -> Callable[[Result], str]:
    return lambda row: str(row[key])


def _named(row: Result) -> str:
    return f"{row['name']} {row['version']}" + (": failed" if row["failed"] else "")


def _both(wall: str, cpu: str) -> Callable[[Result], str]:
    return lambda row: "–" if row[wall] is None else f"{_number(row[wall])} / {_number(row[cpu])}"


_COLUMNS: dict[str, dict[str, Callable[[Result], str]]] = {
    "rebuild": {
        "": _text("name"),
        "wall, s": _cell("wall_s"),
        "× floor": _cell("ratio"),
        "CPU, s": _cell("cpu_s"),
        "peak, MB": _cell("peak_mb"),
        "database, MB": _cell("database_mb"),
        "× documents": _cell("database_ratio"),
    },
    "peers": {
        "wall / CPU, s": _named,
        "first index": _both("wall_s", "cpu_s"),
        "nothing changed": _both("unchanged_s", "unchanged_cpu_s"),
        "one changed": _both("changed_s", "changed_cpu_s"),
        "peak, MB": _cell("peak_mb"),
        "database, MB": _cell("database_mb"),
        "documents rewritten": _cell("rewritten"),
    },
    "sync": {"": _text("what"), "documents": _cell("documents"), "median, ms": _cell("median_ms")},
    "search": {
        "": _text("name"),
        "sections that match": _cell("sections"),
        "median, ms": _cell("median_ms"),
        "95 % within, ms": _cell("p95_ms"),
    },
    "watch": {
        "": _text("what"),
        "documents": _cell("documents"),
        "changes, seconds or events": _cell("number"),
        "median": lambda row: _number(row["median"], row["unit"]),
        "worst": lambda row: _number(row["worst"], row["unit"]),
    },
    "check": {"": _text("what"), "median, ms": _cell("median_ms"), "CPU, ms": _cell("cpu_ms")},
    "startup": {"": _text("name"), "median, ms": _cell("median_ms"), "CPU, ms": _cell("cpu_ms")},
    "swap": {
        "": _text("name"),
        "queries": _cell("queries"),
        "median, ms": _cell("median_ms"),
        "longest, ms": _cell("longest_ms"),
        "longest but for a processor, ms": _cell("longest_but_for_processor_ms"),
    },
}
_GROWTH = {
    "documents, MB": "mb",
    "rebuild: wall, s": "rebuild_wall_s",
    "rebuild: CPU of all processes, s": "rebuild_cpu_s",
    "of it, the inserting process, s": "insert_cpu_s",
    "of it, resolve, s": "resolve_cpu_s",
    "peak memory of all processes, MB": "peak_mb",
    "cache, MB": "database_mb",
    "bare walk, ms": "walk_ms",
    "sync, nothing changed, ms": "unchanged_ms",
    "sync, one changed, ms": "one_changed_ms",
    "one changed, told which, ms": "told_ms",
    "search: a word of one document, ms": "rare_ms",
    "search: a word of half of them, ms": "common_ms",
    "search: a phrase, ms": "phrase_ms",
    "the first of these as a process, ms": "search_process_ms",
    "load before": "load_before",
}


def _sideways(rows: list[dict[str, Any]]) -> list[Cells]:
    return [
        {"documents": what, **{f"{row['documents']:,}": _number(row[key]) for row in rows}}
        for what, key in _GROWTH.items()
    ]


def _budgets() -> str:
    """Every promise, from every result that has one."""
    rows: list[Cells] = []
    for name in _PROMISES:
        for one in measure.kept(name)["budgets"]:
            rows.append(
                {
                    "": one["what"],
                    "measured": _number(one["measured"], one["unit"]),
                    "budget": _number(one["limit"]),
                    "met": "yes" if one["kept"] else "**no**",
                    "from": f"`{name}`",
                }
            )
    return _markdown(rows)


def _dialects(rows: list[dict[str, Any]]) -> list[Cells]:
    """A row for each dialect, and one for all."""
    names = list(dict.fromkeys(row["dialect"] for row in rows))
    by_name = {name: [row for row in rows if row["dialect"] == name] for name in names}
    return [_summed(name, found) for name, found in {**by_name, "all": rows}.items()]


def _summed(name: str, rows: list[dict[str, Any]]) -> Cells:
    of = {
        key: sum(row[key] or 0 for row in rows) for key, value in rows[0].items() if not isinstance(value, str | list)
    }
    return {
        "dialect": name,
        "repositories": str(len(rows)),
        "findings": f"{of['findings']:,}",
        "true, of those looked at": _part(of["true"], of["judged"]),
        "links and fragments judged": f"{_share(of['links_judged'], of['links'])} of {of['links']:,}",
        "planted faults found": _part(of["found"], of["planted"]),
        "rumdl: findings": f"{of['rumdl_findings']:,}",
        "rumdl: true": _part(of["rumdl_true"], of["rumdl_judged"]),
        "rumdl: planted found": str(of["rumdl_found"]),
    }


def _part(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "–"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _repositories(rows: list[dict[str, Any]]) -> list[Cells]:
    return [
        {
            "repository": f"{row['repository']} `{row['commit'][:7]}`",
            **{key: value for key, value in _summed(row["dialect"], [row]).items() if key != "repositories"},
        }
        for row in rows
    ]


_PRECISION: dict[str, Callable[[list[dict[str, Any]]], list[Cells]]] = {
    "precision-dialects": _dialects,
    "precision-repositories": _repositories,
}


def main() -> None:
    for place in PLACES:
        place.write_text(filled(place.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The options that say how rows are written, for every command that gives rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mdcache.cli.formats.rows import Chosen, Form
from mdcache.errors import UsageError

_F = TypeVar("_F", bound=Callable[..., Any])

# Which options go together, and what they mean then; all others exclude each other.
_MEANINGS: dict[frozenset[str], Form] = {
    frozenset(("table",)): Form.TABLE,
    frozenset(("fmt",)): Form.TABLE,
    frozenset(("table", "fmt")): Form.TABLE,
    frozenset(("csv",)): Form.CSV,
    frozenset(("tsv",)): Form.TSV,
    frozenset(("json",)): Form.ANSWER,
    frozenset(("nl",)): Form.NL,
    frozenset(("arrays",)): Form.ARRAYS,
    frozenset(("nl", "arrays")): Form.NL_ARRAYS,
}


class _TableFormat(click.ParamType[str]):
    """A name that tabulate knows; it is imported only when one is given or completed."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = _table_formats()
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(known)}", param, ctx)
        return value

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _table_formats() if name.startswith(incomplete)]


def _table_formats() -> list[str]:
    from tabulate import tabulate_formats

    return list(tabulate_formats)


_OPTIONS = {
    "table": click.option("--table", is_flag=True, help="An aligned table."),
    "fmt": click.option("--fmt", type=_TableFormat(), metavar="FORMAT", help="A table as github, html, latex, rst, …"),
    "csv": click.option("--csv", is_flag=True, help="CSV with a header."),
    "tsv": click.option("--tsv", is_flag=True, help="The same, separated by tabs."),
    "json": click.option("--json", is_flag=True, help="One JSON object: columns and rows."),
    "arrays": click.option("--arrays", is_flag=True, help="A JSON list of lists."),
    "nl": click.option("--nl", is_flag=True, help="A JSON object a line; with --arrays a list."),
}


def row_options(default: Form, *names: str) -> Callable[[_F], _F]:
    """Return a decorator that adds the options of these names; the command gets what they mean as chosen."""

    def decorate(command: _F) -> _F:
        @functools.wraps(command)
        def called(*args: Any, **options: Any) -> Any:
            given = {name: options.pop(name) for name in names}
            return command(
                *args, chosen=choose(default, {name: value for name, value in given.items() if value}), **options
            )

        for name in reversed(names):
            called = _OPTIONS[name](called)
        return called  # type: ignore[return-value]

    return decorate


def choose(default: Form, given: dict[str, Any]) -> Chosen:
    """Return what the options given mean together. Raises UsageError when they contradict each other."""
    if not given:
        return Chosen(default)
    form = _MEANINGS.get(frozenset(given))
    if form is None:
        raise UsageError(f"{' and '.join(f'--{name}' for name in given)} do not go together: choose one")
    return Chosen(form, given.get("fmt", Chosen(form).table))

"""The command `mdcache search`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, at_most, common
from mdcache.errors import No

_F = TypeVar("_F", bound=Callable[..., Any])


class _Words(click.Command):
    """A command whose words may begin with a minus: `search cache -redis`. Long options are still options."""

    # Put before a word that is to be none of click's options. No argument can hold it: arguments end at it.
    _GUARD = "\0"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        known = {name for one in options for name in (*one.opts, *one.secondary_opts)}
        valued = {name for one in options if not one.is_flag for name in one.opts}
        guarded, before = [], ""
        for arg in args:
            is_word = arg.startswith("-") and not arg.startswith("--") and arg not in known and before not in valued
            guarded.append(self._GUARD + arg if is_word else arg)
            before = arg
        return super().parse_args(ctx, guarded)

    @classmethod
    def joined(cls, words: tuple[str, ...]) -> str:
        """Return the words as they were typed, with spaces between them."""
        return " ".join(word.removeprefix(cls._GUARD) for word in words)


_OPTIONS = (
    click.option(
        "--limit",
        type=click.IntRange(1),
        callback=at_most,
        default=10,
        show_default=True,
        metavar="N",
        help="At most N results.",
    ),
    click.option("--path", metavar="GLOB", help="Only documents whose path matches: 'guides/*'."),
    click.option("--tag", metavar="TAG", help="Only documents with this tag, or one nested in it."),
    click.option("--type", "type_", metavar="TYPE", help="Only documents of this type."),
    click.option("--all", "all_", is_flag=True, help="Every section of a document, not only its best."),
    click.option("--raw", is_flag=True, help="QUERY is an FTS5 expression."),
)


def narrowed(command: _F) -> _F:
    """Add the options that say which sections are wanted, and how many."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(cls=_Words, context_settings=HELP)
@click.argument("query", nargs=-1, required=True)
@AS_JSON
@narrowed
@common
def search(
    asked: Common,
    query: tuple[str, ...],
    as_json: bool,
    limit: int,
    path: str | None,
    tag: str | None,
    type_: str | None,
    all_: bool,
    raw: bool,
) -> None:
    """Find sections: words, "a phrase", prefix*, -without. Nothing you type is a syntax error."""
    from mdcache.cli import render
    from mdcache.read.search import Query
    from mdcache.read.search import search as find

    with asked.cache() as cache:
        hits = find(cache, Query(_Words.joined(query), limit, path, tag, type_, all_, raw))
        if as_json:
            show.as_json({"results": [hit.as_dict() for hit in hits]})
        else:
            render.hits(cache, hits)
    if not hits:
        raise No("" if as_json or asked.quiet else "nothing found")

"""Writes dialects.md from the dialects themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mdcache.dialects import GITHUB, Dialect
from mdcache.dialects.facets import FACETS, Facet
from mdcache.dialects.known import dialects, kinds

INTRODUCTION = """\
# Dialects

<!-- Made by `make docs` from pipeline/mdcache/dialects: edit that. -->

A documentation generator or a note-taking program reads links in its own way: where `/x` begins, whether `page/`
means `page.md`, which id a heading has, whether `[[x]]` is a link, whether a link to nothing is a page to be made.
mdcache reads each document as the site or vault that it lies in: `links`, search, backlinks and `mdcache check` follow
the same rules.

Nothing has to be set up. A site is found by the file that its own program looks for, wherever that lies in the tree, or
above it up to the top of the repository; the nearest site whose folder of documents holds a document counts, and
everything else is read as on GitHub. Where there is none, but a `.gitignore` at the base or above it names `.obsidian`,
links find notes and files by name, as in a vault of Obsidian. There may be several sites in one repository. What their
settings say as plain values is taken from them (folders, the base URL, how ids are made); nothing of theirs is run.
`--rev` and `--staged` go by the files as they are there.

```console
$ mdcache check -C sites/github --explain dialect
all other documents: read as GitHub reads it, by default (dialect = "github")
  / begins in the top folder
```

`mdcache status` shows the sites of a cache. The [settings](settings.md#links) name another dialect, for all
documents or for some paths, or change single facets.

Where a rule cannot be known, because a plugin or a script decides it, mdcache is silent and not wrong. What works on
GitHub is no finding either: a link is broken when it is dead on the site and there. `mdcache check --stats` counts how
many links are judged at all.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *_overview(), *_dialects(), *_facets()]).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield "## Which there are\n"
    yield "| dialect | found by | documents with |"
    yield "|---|---|---|"
    yield "| [`github`](#github) | where nothing else is found | |"
    for kind in kinds():
        dialect = kind.dialect
        markers = ", ".join(f"`{marker}`" for marker in kind.markers)
        more = ", ".join(f"`{extension}`" for extension in dialect.extensions)
        yield f"| [`{dialect.name}`](#{_anchor(dialect)}) | {markers} | {more} |"
    yield ""


def _anchor(dialect: Dialect) -> str:
    return GITHUB.slug(dialect.title)


def _dialects() -> Iterator[str]:
    for dialect in dialects().values():
        yield f"## {dialect.title}\n"
        yield "| facet | here |"
        yield "|---|---|"
        for facet in FACETS:
            if dialect is GITHUB or getattr(dialect, facet.name) != getattr(GITHUB, facet.name):
                yield f"| [`{facet.name}`](#facets) | `{facet.shown(dialect)}` |"
        yield ""


def _facets() -> Iterator[str]:
    yield "## Facets\n"
    yield "Each may be set in [`[links]`](settings.md#links), and then holds in every dialect.\n"
    yield "| facet | means | may be |"
    yield "|---|---|---|"
    for facet in FACETS:
        yield f"| `{facet.name}` | {facet.says.replace('|', chr(92) + '|')} | {_choices(facet)} |"
    yield ""


def _choices(facet: Facet) -> str:
    if facet.flag:
        return "`true`, `false`"
    listed = ", ".join(f'`"{choice}"`' for choice in facet.choices) or "texts"
    return f"a list of {listed}" if facet.many else listed


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")

"""Writes schema.md from the comments of the built-in DDL: `make docs`.

What stands above a statement becomes text, the statement stays as it is, with the meaning of its columns at its ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mdcache.store import ddl

INTRODUCTION = """\
# Tables

<!-- Made by `make docs` from schema/*.sql: edit those. -->

These are the tables and views of a cache, as its DDL declares them; `mdcache schema` prints it with your own added.
Your SQL may rely on the names in *nodes, sections, links, edges, tags, aliases, properties, tasks, code_blocks,
sections_fts, problems, files, history* and *meta*. The other tables are mdcache's own and may change.

A key is a number that is good for one generation only: whoever keeps something about a document for longer keeps it
by `id`, by `path`, or by `hash`.
"""
_NAMED = re.compile(r"CREATE (?:VIRTUAL )?(?:TABLE|VIEW) (\w+)")


def page() -> str:
    """The whole page."""
    scripts = ("\n\n".join(_parts(script)) for script in ddl.builtin())
    return "\n".join([INTRODUCTION, *(f"{script}\n" for script in scripts)])


def _parts(script: ddl.Script) -> Iterator[str]:
    """The headings, paragraphs and code blocks of one script, 10-documents.sql for instance."""
    yield f"## {script.name.partition('-')[2].removesuffix('.sql').capitalize()}"
    for block in script.text.strip().split("\n\n"):
        lines = block.splitlines()
        comment = [line for line in lines if line.startswith("--")]
        statement = "\n".join(lines[len(comment) :])
        named = _NAMED.match(statement)
        if named:
            yield f"### {named[1]}"
        if comment:
            yield _prose(comment)
        if statement:
            yield f"```sql\n{statement}\n```"


def _prose(comment: list[str]) -> str:
    """Markdown would take <!-- for a comment of its own."""
    return (
        "\n".join(line.removeprefix("--").strip() for line in comment).replace("<!--", "`<!--").replace("-->", "-->`")
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")

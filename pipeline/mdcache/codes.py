"""The codes of problems: what each means, how grave it is, what to do. `mdcache check --explain` and docs read this."""

from __future__ import annotations

import re
from typing import NamedTuple

from mdcache.errors import UsageError


class Code(NamedTuple):
    """A kind of problem, with the severity it has unless the settings or its page say otherwise."""

    name: str
    severity: str
    summary: str
    """What is wrong, in a sentence or two."""
    page: str


# Each page: the code, its severity, what is wrong, and what to do. Markdown.
_PAGES = """\
## `front-matter` (error)

The YAML at the top cannot be read, is larger than 128 KB, nests deeper than 64, or uses aliases (`*name`). It is a
warning when a document begins like front matter and no `---` closes it. The text below is indexed without it.

Fix it: the line and what the parser says are named. Values with a colon, or that begin with `@`, `*` or `%`, need
quotes.

## `not-utf8` (error)

A byte is not UTF-8; the first is named. The document is indexed with a sign in its place.

Save the file as UTF-8.

## `too-large` (warning)

The file is over `size_limit` (10 MB unless set). Only its name and front matter are found.

Raise the limit, split the file, or leave it.

## `nesting` (warning)

A line nests 200 quotes or lists or more, which no person writes. The line is left out.

Take the markers out, or leave it.

## `too-many` (warning)

A document has more than 50,000 headings, or more than 50,000 links in its text. The headings beyond count as text, the
links beyond are left out.

Split the file, or leave it.

## `conflict-marker` (error)

A merge conflict was left in: `<<<<<<<`, `=======` and `>>>>>>>`, each at the beginning of a line, outside code.

Settle it. What only shows such a conflict belongs into a code block.

## `duplicate-id` (error)

The `id` in the front matter is taken, by an earlier document or by another's path. Until it is changed the document
goes by its path.

Choose another id.

## `broken-link` (error)

A link to a file that is not there, neither among the documents nor on disk. It is a warning in front matter and in
relations, where a name may be meant that is not written yet.

Fix the target, or write the document. The nearest name that exists is offered.

## `missing-embed` (error)

An image or embed of a file that is not there.

Fix the target, or add the file.

## `broken-anchor` (error)

The document is there; the heading or anchor after the `#` is not. Headings have the anchors that GitHub gives them, or
the [site](dialects.md) that they lie in, or their own text, as in Obsidian; `^block` ids and the attributes `id` and
`name` count too.

Fix the part after the `#`. The heading may have been renamed.

## `unwritten` (note)

A link to a document that is not there, in a vault or wiki whose own program takes such a link for a page to be made:
Obsidian, Foam, Dendron, SilverBullet, wikis of GitHub and GitLab. It is told, but counts as no problem.

Write the page, or fix the target: the nearest name that exists is offered. `--strict`, or `unwritten = "error"` in the
settings, lets no such link pass; `"off"` tells none. In `[links]`, `unwritten = false` makes it `broken-link`.

## `ambiguous-link` (warning)

A wikilink may mean several documents that are equally near.

Write more of the path: `[[guides/setup]]`.

## `unreadable` (error)

The file cannot be read, or is longer than 1 GB; there is no document for it.

Look at its permissions and at its size.

## `odd-name` (error)

The file's name is not UTF-8; there is no document for it.

Rename it.

## `name-collision` (error)

The path differs from another document's only by case, or by how its accents are composed. On macOS and Windows only
one of the two can be checked out. Only `mdcache check` looks for this.

Rename one of them.

## `immutable` (error)

A committed document under a pattern of `immutable` in the settings was changed, renamed or removed. Only `mdcache
check` looks for this, in a git repository.

Take the change back, and say what is new in a document of its own that links to this one.
"""


def _codes() -> dict[str, Code]:
    found = {}
    for page in re.split(r"^(?=## )", _PAGES, flags=re.MULTILINE)[1:]:
        name, severity = re.findall(r"`(.+)` \((\w+)\)", page)[0]
        summary = " ".join(page.split("\n\n")[1].split())
        found[name] = Code(name, severity, summary, page.strip() + "\n")
    return found


CODES = _codes()


def page(name: str) -> str:
    """What there is to know of a code, in markdown. Raises UsageError."""
    if name not in CODES:
        raise UsageError(f"no problem has the code '{name}': there are {', '.join(CODES)}")
    return CODES[name].page

"""Writes problems.md from the codes of mdcache check: `make docs`."""

from __future__ import annotations

from pathlib import Path

from mdcache.codes import CODES

INTRODUCTION = """\
# Problems

<!-- Made by `make docs` from pipeline/mdcache/codes.py: edit that. -->

What is wrong in a document becomes a row in `problems`: the document's path, a line and a column (both from 1, the
column in characters), a code, a severity and a message. The rest of the document is still indexed. Codes are stable.
What is wrong and what only looks like it: [precision](precision.md).

```console
$ mdcache rebuild handbook --quiet
$ mdcache query --csv 'SELECT path, line, "column", code, severity FROM problems'
path,line,column,code,severity
README.md,6,20,broken-link,error
```

[`mdcache check`](check.md) reports them and more, at the severity that your settings give them. A link to a file that
is no document is judged by it alone: the cache knows documents only.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(code.page for code in CODES.values())])


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")

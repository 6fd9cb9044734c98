"""GitHub's own pages: what a reader of a repository there sees. It holds where nothing else is known."""

from __future__ import annotations

import re

from mdcache.dialects.dialect import Dialect

GITHUB = Dialect(
    name="github",
    title="GitHub",
    # The top of the page, lines of a file, footnotes, the tabs of a repository's page (`#contributing-ov-file`).
    made_places=re.compile(
        r"top|[\w.-]+-ov-file|L\d+(?:C\d+)?(?:-L\d+(?:C\d+)?)?|fn(?:ref)?(?:[:-].*|\d+)", re.IGNORECASE
    ),
    readme_places=frozenset(("readme",)),
)

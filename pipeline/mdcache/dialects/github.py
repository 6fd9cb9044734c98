"""GitHub's own pages: what a reader of a repository there sees. It holds where nothing else is known."""

from __future__ import annotations

import re

from mdcache.dialects import slugs, tags
from mdcache.dialects.dialect import Dialect

GITHUB = Dialect(
    name="github",
    index_names=("readme", "index"),
    slug=slugs.github,
    numbered=slugs.skipping_taken,
    # The top of the page, lines of a file, footnotes, the tabs of a repository's page (`#contributing-ov-file`).
    made_places=re.compile(
        r"top|[\w.-]+-ov-file|L\d+(?:C\d+)?(?:-L\d+(?:C\d+)?)?|fn(?:ref)?(?:[:-].*|\d+)", re.IGNORECASE
    ),
    readme_places=frozenset(("readme",)),
    spaced_fragments_are_text=True,  # not GitHub's: vaults are kept there, too, and Obsidian writes such links
    tag=tags.BY_WORD,
    numeric_tags=False,
    percent_comments=True,
)

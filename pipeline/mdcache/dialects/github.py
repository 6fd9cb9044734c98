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
    # The top of the page, lines of a file, footnotes.
    made_places=re.compile(r"top|L\d+(?:C\d+)?(?:-L\d+(?:C\d+)?)?|fn(?:ref)?(?:[:-].*|\d+)", re.IGNORECASE),
    tag=tags.BY_WORD,
    numeric_tags=False,
)

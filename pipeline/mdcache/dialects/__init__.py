"""How a kind of site or vault reads markdown: a dialect is one frozen value, each of its fields a facet.

The package takes nothing and gives values: `Dialect` says which facets there are, `GITHUB` is what holds where nothing
else is known. It knows no document, no settings and no file: who asks hands it text. A new kind is a new value, not a
new code path.
"""

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.github import GITHUB

__all__ = ["GITHUB", "Dialect"]

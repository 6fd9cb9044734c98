"""How a kind of site or vault reads markdown: a dialect is one frozen value, each of its fields a facet.

The package takes text and gives values. `Dialect` says which facets there are, `GITHUB` is what holds where nothing
else is known, and each other kind is a module with one value more, and with what it reads out of the files by which
such a site is found. Nothing here opens a file or knows a document. A new kind is a new value, not a new code path.

Who only searches needs GITHUB at most: `known` and `facets` bring all the others, and are imported where they are used.
"""

from mdcache.dialects.dialect import FRONT_MATTER, Dialect
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site, Sites

__all__ = ["FRONT_MATTER", "GITHUB", "Dialect", "Kind", "Marked", "Mount", "Site", "Sites"]

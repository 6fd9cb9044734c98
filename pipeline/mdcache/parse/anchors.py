"""The forms in which a fragment may name a heading or another place."""

from __future__ import annotations

from mdcache.dialects import Dialect
from mdcache.dialects.slugs import github


def forms(fragment: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the names that a fragment may have: itself, and the slug of a heading's text (as in Obsidian).

    `Guide#Setup#Linux` asks for the last heading of the path.
    """
    last = _place(fragment).rpartition("#")[2].strip().removeprefix("user-content-")
    if last.startswith("^"):
        return (last,)
    return (last, last.lower(), dialect.slug(last))


def exact_forms(fragment: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the ids that a fragment may have where it is an id and no text: itself, without what viewers add.

    Their letters may be of either case: GitHub's pages look for the small ones, too.
    """
    place = _place(fragment).removeprefix("user-content-")
    return (place, place.lower(), dialect.slug(place)) if dialect.slugged_fragments else (place, place.lower())


def _place(fragment: str) -> str:
    """Return a fragment without its text directive: `#setup:~:text=make%20install` is `#setup`."""
    return fragment.partition(":~:")[0] if ":~:" in fragment else fragment


def is_text(wiki: bool, fragment: str, dialect: Dialect) -> bool:
    """Return whether a fragment is a heading's text, as in a wikilink, and no id."""
    return wiki or dialect.fragments_are_text or (dialect.spaced_fragments_are_text and " " in fragment)


def loose_forms(fragment: str) -> tuple[str, ...]:
    """Return what Obsidian compares: `[[#A B draft]]` means `## A/B #draft`, `[[#Guide > Setup]]` is a path."""
    return loose(fragment.rpartition("#")[2]), loose(fragment), loose(fragment.rpartition(" > ")[2])


def loose(text: str) -> str:
    """Return a heading's text or anchor without case, spaces and marks. A block id keeps its ^ and equals neither."""
    return "^" * text.startswith("^") + github(text).replace("-", "").replace("_", "")


def is_made_by_viewers(fragment: str, is_readme: bool, dialect: Dialect) -> bool:
    """Return whether the program that shows a page makes the place: its top, lines, footnotes, or highlighted words.

    is_readme: the page is a README, which its folder's page shows as a part of its own.
    """
    place = _place(fragment).removeprefix("user-content-")
    if not place or (is_readme and place.lower() in dialect.readme_places):
        return True
    return bool(dialect.made_places.fullmatch(place))

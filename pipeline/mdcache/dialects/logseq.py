"""Logseq: a graph of pages, whose links are titles. A page is there as soon as something names it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from urllib.parse import unquote

from mdcache.dialects.dialect import Dialect, Fields
from mdcache.dialects.site import Kind, Marked, Mount, Site

_PROPERTY = re.compile(r"^(?:[-*][ \t]+|[ \t]+)?([A-Za-z][\w-]*)::[ \t]+(\S[^\n]*)$", re.MULTILINE)
_JOURNAL = re.compile(r"(\d{4})[_-](\d\d)[_-](\d\d)")
_NAMES = ("title", "alias", "aliases")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


def properties(text: str) -> Fields:
    """Return the properties at the top of a page that name it: `title:: A page`, `alias:: one, [[two]]`."""
    top = text.partition("\n\n")[0]
    found = ((match[1].lower(), match[2].strip()) for match in _PROPERTY.finditer(top))
    return {key: said if key == "title" else _listed(said) for key, said in found if key in _NAMES}


def _listed(said: str) -> list[str]:
    names = (name.strip().removeprefix("[[").removesuffix("]]") for name in said.split(","))
    return [name for name in names if name]


def titles(path: str, fields: Fields) -> Iterator[str]:
    """Yield the titles under which a page is found, as paths from the top of the graph."""
    name = path.rpartition("/")[2].rpartition(".")[0]
    for form in dict.fromkeys((name, name.replace("___", "/"), name.replace(".", "/"))):
        yield f"/{unquote(form)}"
    yield from (f"/{title}" for title in _of_day(name))
    for key in _NAMES:
        said = fields.get(key, ())
        yield from (f"/{one}" for one in ((said,) if isinstance(said, str) else said) if one.strip("/"))


def _of_day(name: str) -> Iterator[str]:
    """Yield how a journal's page is called in the formats that people choose; nothing for another page."""
    found = _JOURNAL.fullmatch(name)
    if not found:
        return
    try:
        day = datetime.date(*map(int, found.groups()))
    except ValueError:
        return
    number, month, week = f"{day.day}{_ORDINALS.get(day.day, 'th')}", _MONTHS[day.month - 1], _DAYS[day.weekday()]
    yield f"{month[:3]} {number}, {day.year}"
    yield f"{month} {number}, {day.year}"
    yield f"{week}, {month} {number}, {day.year}"
    yield f"{week}, {month[:3]} {number}, {day.year}"
    yield f"{week[:3]}, {month[:3]} {number}, {day.year}"
    yield f"{day:%Y-%m-%d}"
    yield f"{day:%Y/%m/%d}"
    yield f"{day:%d-%m-%Y}"


LOGSEQ = Dialect(
    name="logseq",
    title="Logseq",
    index_names=(),
    any_case=True,
    addresses=titles,
    wikilinks_begin=("root",),
    aliases=False,
    mentioned_is_made=True,
    properties=properties,
    # A label may stand before a page or a block: `[text]([[page]])`, `[text](((uuid)))`.
    unjudged=re.compile(r"^(?:\[\[|\(\()"),
    numeric_tags=True,
    percent_comments=False,
)


def _sites(marked: Marked) -> Iterator[Site]:
    yield Site(LOGSEQ, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(LOGSEQ, markers=("logseq/config.edn",), texts=(), sites=_sites, is_editor=True)

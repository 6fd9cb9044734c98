"""Databases whose pages are as SQLite never writes them: the format is that of https://www.sqlite.org/fileformat.html."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from mdcache.store import connections

_LEAF, _INTERIOR = 13, 5
_HEAD, _SIZE_AT, _COUNT_AT = 100, 16, 28


class Pages:
    """The pages of a database, to be changed; their numbers begin with 1."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        self._path, self._size = path, int.from_bytes(raw[_SIZE_AT : _SIZE_AT + 2], "big")
        self._pages = [raw[at : at + self._size] for at in range(0, len(raw), self._size)]

    def save(self) -> None:
        """Write the file."""
        first, count = self._pages[0], len(self._pages).to_bytes(4, "big")
        self._pages[0] = first[:_COUNT_AT] + count + first[_COUNT_AT + 4 :]
        self._path.write_bytes(b"".join(self._pages))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._pages)

    def add(self, page: bytes) -> int:
        """Add a page, and return its number."""
        self._pages.append(page)
        return len(self._pages)

    def lead(self, root: int, more: int) -> None:
        """Let the root of a table lead to the rows that it has, and to those of another page."""
        before = self._pages[root - 1]
        page = self.interior((len(self._pages) + 1, more))
        if root == 1:  # the header of the file stands before that of the page; the cells stay where they are
            page = before[:_HEAD] + _head(page) + page[_HEAD + len(_head(page)) :]
            before = _head(before[_HEAD:]) + bytes(_HEAD) + before[_HEAD + len(_head(before[_HEAD:])) :]
        self._pages[root - 1] = page
        self.add(before)

    def again_and_again(self, leaf: bytes, fan: int = 100, levels: int = 8) -> int:
        """Add pages that each lead to the one before so many times, down to a leaf; return the number of the last."""
        number = self.add(leaf)
        for _ in range(levels):
            number = self.add(self.interior([number] * fan))
        return number

    def leaf(self, cells: Sequence[bytes]) -> bytes:
        """Return a page of rows."""
        return self._page(_LEAF, b"", cells)

    def interior(self, children: Sequence[int]) -> bytes:
        """Return a page that leads to others."""
        *others, last = (child.to_bytes(4, "big") for child in children)
        return self._page(_INTERIOR, last, [child + b"\1" for child in others])

    def _page(self, kind: int, last: bytes, cells: Sequence[bytes]) -> bytes:
        content, places = b"", b""
        for cell in cells:
            content = cell + content
            places += (self._size - len(content)).to_bytes(2, "big")
        start = (self._size - len(content)).to_bytes(2, "big")
        head = bytes((kind, 0, 0)) + len(cells).to_bytes(2, "big") + start + b"\0" + last + places
        return head + content.rjust(self._size - len(head), b"\0")

    def cells(self, rows: Iterable[bytes]) -> list[bytes]:
        """Return the cells of rows of one length. The end of those that are too long for a page is that of the last."""
        found, rest = [], b""
        for number, row in enumerate(rows, 1):
            local = self._local(len(row))
            found.append(_varint(len(row)) + _varint(number) + row[:local])
            rest = row[local:]
        following = (len(self._pages) + 1).to_bytes(4, "big") if rest else b""
        room = self._size - 4
        for at in range(0, len(rest), room):
            number = len(self._pages) + 2 if at + room < len(rest) else 0
            self.add((number.to_bytes(4, "big") + rest[at : at + room]).ljust(self._size, b"\0"))
        return [cell + following for cell in found]

    def _local(self, length: int) -> int:
        """Return how much of a row of this length stands in its own page."""
        most, least = self._size - 35, (self._size - 12) * 32 // 255 - 23
        if length <= most:
            return length
        wanted = least + (length - least) % (self._size - 4)
        return wanted if wanted <= most else least


def _head(page: bytes) -> bytes:
    """Return the header of a page, with the places of its cells."""
    return page[: (12 if page[0] == _INTERIOR else 8) + 2 * int.from_bytes(page[3:5], "big")]


def row(*values: str | int | None) -> bytes:
    """Return the content of a row."""
    types, content = b"", b""
    for value in values:
        raw = b"" if value is None else value.to_bytes(4, "big") if isinstance(value, int) else value.encode()
        types += _varint(0 if value is None else 4 if isinstance(value, int) else 13 + 2 * len(raw))
        content += raw
    return _varint(len(types) + 1) + types + content


def _varint(number: int) -> bytes:
    parts = [number & 127]
    while number := number >> 7:
        parts.append(number & 127 | 128)
    return bytes(reversed(parts))


# Caches that take for ever to open


def with_an_index_again_and_again(path: Path) -> None:
    """An index that needs no SQL stands in the schema a hundred times at each of eight levels."""
    pages = Pages(path)
    own = row("index", "sqlite_autoindex_meta_1", "meta", 3, None)
    pages.lead(1, pages.again_and_again(pages.leaf(pages.cells([own]))))
    pages.save()


def with_a_long_text_again_and_again(path: Path) -> None:
    """So does a table that is there, declared at length."""
    pages = Pages(path)
    own = row("table", "meta", "meta", 2, f"CREATE TABLE IF NOT EXISTS meta({'a,' * 400_000}b)")
    pages.lead(1, pages.again_and_again(pages.leaf(pages.cells([own]))))
    pages.save()


def with_views_that_share_a_long_text(path: Path) -> None:
    """In memory they share nothing."""
    pages = Pages(path)
    names = [f"v{number:02}" for number in range(60)]
    cells = pages.cells(row("view", one, one, 0, f"CREATE VIEW {one} AS SELECT {'1,' * 200_000}1") for one in names)
    pages.lead(1, pages.add(pages.interior([pages.add(pages.leaf([cell])) for cell in cells])))
    pages.save()


def with_a_page_that_leads_to_itself(path: Path) -> None:
    pages = Pages(path)
    number = pages.count + 1
    pages.lead(1, pages.add(pages.interior([number] * 100)))
    pages.save()


def with_a_page_that_leads_to_the_root(path: Path) -> None:
    pages = Pages(path)
    pages.lead(1, pages.add(pages.interior([1] * 100)))
    pages.save()


def with_statistics_again_and_again(path: Path) -> None:
    """SQLite reads them with the schema."""
    with closing(connections.open_live(str(path))) as db:
        db.execute("ANALYZE")
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_stat1'").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = Pages(path)
    pages.lead(root, pages.again_and_again(pages.leaf(pages.cells([row("meta", None, "1")]))))
    pages.save()


def with_facts_that_share_a_long_text(path: Path) -> None:
    """Hundreds of rows of meta."""
    with closing(connections.open_live(str(path))) as db:
        for statement in ("CREATE TABLE m AS SELECT * FROM meta", "DROP TABLE meta", "ALTER TABLE m RENAME TO meta"):
            db.execute(statement)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'").fetchone()
    pages = Pages(path)
    cells = pages.cells(row(f"{number:02}", "a" * 900_000) for number in range(99))
    children = [pages.add(pages.leaf([cell])) for cell in cells]
    pages.lead(root, pages.add(pages.interior(children * 9)))
    pages.save()


ENDLESS = (
    with_an_index_again_and_again,
    with_a_long_text_again_and_again,
    with_views_that_share_a_long_text,
    with_a_page_that_leads_to_itself,
    with_a_page_that_leads_to_the_root,
    with_statistics_again_and_again,
)
"""What makes such a cache of the one at a path."""

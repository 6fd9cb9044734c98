from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mdcache.files.compare import Gone, Known, Suspect, compare, tally
from mdcache.model import Entry, Stamp, Tally


def entry(path: str, size: int = 1, mtime_ns: int = 2, ctime_ns: int = 3, inode: int = 4) -> Entry:
    return Entry(path, path, Stamp(size, mtime_ns, ctime_ns, inode))


def known(path: str, size: int = 1, mtime_ns: int | None = 2, ctime_ns: int = 3, inode: int = 4) -> Known:
    return Known(path, Stamp(size, mtime_ns, ctime_ns, inode), "hash")


def test_the_same_stamps_are_no_change() -> None:
    assert list(compare([entry("a"), entry("b")], [known("a"), known("b")])) == []


def test_any_other_stamp_is_a_suspect_with_the_hash_it_had() -> None:
    for changed in (entry("a", size=9), entry("a", mtime_ns=9), entry("a", ctime_ns=9), entry("a", inode=9)):
        assert list(compare([changed], [known("a")])) == [Suspect(changed, "hash")]


def test_a_racy_row_is_a_suspect_whatever_the_stamps() -> None:
    assert list(compare([entry("a")], [known("a", mtime_ns=None)])) == [Suspect(entry("a"), "hash", True)]
    assert list(compare([entry("a", size=9)], [known("a", mtime_ns=None)])) == [
        Suspect(entry("a", size=9), "hash", False)
    ]


def test_a_new_file_is_a_suspect_without_a_hash() -> None:
    assert list(compare([entry("a"), entry("b")], [known("b")])) == [Suspect(entry("a"), None)]


def test_what_is_known_and_not_found_is_gone() -> None:
    rows = [known("a"), known("b"), known("c")]
    assert list(compare([entry("b")], rows)) == [Gone("a"), Gone("c")]
    assert list(compare([], rows)) == [Gone("a"), Gone("b"), Gone("c")]


paths = st.lists(st.text("ab/é\U0001f600", min_size=1, max_size=4), unique=True).map(sorted)


@given(paths, paths)
def test_every_path_is_found_new_gone_or_unchanged(found: list[str], rows: list[str]) -> None:
    changes = list(compare(map(entry, found), map(known, rows)))
    new = [change.entry.path for change in changes if isinstance(change, Suspect)]
    gone = [change.path for change in changes if isinstance(change, Gone)]
    assert new == sorted(set(found) - set(rows))
    assert gone == sorted(set(rows) - set(found))


hashes = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("12"))


@given(hashes, hashes)
def test_two_generations_are_counted_as_sets_would(before: dict[str, str], after: dict[str, str]) -> None:
    changed = sum(before[path] != after[path] for path in before.keys() & after.keys())
    wanted = Tally(len(after.keys() - before.keys()), changed, len(before.keys() - after.keys()))
    assert tally(sorted(before.items()), sorted(after.items())) == wanted

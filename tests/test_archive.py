"""A zip archive is seen as the folder that it would unpack to, whatever its maker had in mind."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import mdcache
from test_gittree import FILES, IGNORES, write

from mdcache.errors import UsageError, WorkError
from mdcache.files.content import NO_CLOCK
from mdcache.files.scan import Tree, scan
from mdcache.files.sources import DISK, Archive, Source, reader_of
from mdcache.model import Entry, Problem, Rules

Vault = Callable[..., Path]
LIMIT = 1_000_000


def zipped(file: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


def documents(base: Path, source: Source) -> dict[str, Any]:
    """What a scan finds and a reader reads: default id and bytes by path, or a problem."""
    tree = Tree(str(base), (str(base),), Rules().extensions, source=source)
    listed = [found for found in scan(tree) if isinstance(found, Entry)]
    reads = source.reader(str(base)).contents(listed, LIMIT, NO_CLOCK)
    found: dict[str, Any] = {one.path: one for one in scan(tree) if isinstance(one, Problem)}
    for entry, read in zip(listed, reads, strict=True):
        found[entry.path] = (entry.default_id, read[0].data) if read and not isinstance(read, Problem) else read
    return found


def only(file: Path) -> Problem:
    """The problem of an archive's one document."""
    (found,) = documents(file, Archive(str(file))).values()
    assert isinstance(found, Problem)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=FILES, ignores=IGNORES, how=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_an_archive_is_seen_as_the_folder_that_it_unpacks_to(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], ignores: dict[str, str], how: int
) -> None:
    folder = tmp_path_factory.mktemp("law")
    write(folder / "docs", {**files, **{path: text.encode() for path, text in ignores.items()}})
    (folder / "docs").mkdir(exist_ok=True)
    lying = {str(file.relative_to(folder / "docs")): file for file in (folder / "docs").rglob("*") if file.is_file()}
    made = zipped(folder / "docs.zip", {path: file.read_bytes() for path, file in lying.items()}, how)
    assert documents(made, Archive(str(made))) == documents(folder / "docs", DISK)


@pytest.mark.parametrize(
    "name", ["d/" * 20_000 + "a.md", "d/" * 201 + "a.md", "x" * 5_000 + "/a.md", "é" * 2_100 + ".md"]
)
def test_a_name_that_no_path_on_disk_has_is_one_short_problem(tmp_path: Path, name: str) -> None:
    made = zipped(tmp_path / "a.zip", {name: b"", f"{name[0]}/{name[1:]}": b"", "z.md": b"text"})
    odd, other, document = documents(made, Archive(str(made))).values()
    assert document == ("z", b"text")
    assert {odd.code, other.code} == {"odd-name"} and odd.path != other.path
    assert "longer than 4,096 bytes or deeper than 200 folders: rename it" in odd.message
    assert odd.path.endswith(".md") and len(odd.path) < 1_000 and "/" not in odd.path


def test_the_longest_and_the_deepest_name_are_documents(tmp_path: Path) -> None:
    names = ("d/" * 200 + "a.md", "x" * 4_093 + ".md")
    made = zipped(tmp_path / "a.zip", dict.fromkeys(names, b""))
    assert set(documents(made, Archive(str(made)))) == set(names)


def test_folders_in_the_names_of_an_archive_take_little_memory(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {f"{number}/" + "d/" * 20_000 + "a.md": b"" for number in range(10)})
    tracemalloc.start()
    try:
        assert len(documents(made, Archive(str(made)))) == 10
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_a_folder_that_holds_an_archive_may_be_the_base(tmp_path: Path) -> None:
    made = zipped(tmp_path / "docs.zip", {"a.md": b"text"})
    reader = Archive(str(made)).reader(str(tmp_path))
    assert reader.whole("docs.zip/a.md") == b"text"
    with pytest.raises(WorkError, match=r"has no docs\.zip/b\.md any more"):
        reader.whole("docs.zip/b.md")


def test_the_later_of_two_members_with_one_name_counts(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.md", "first")
        archive.writestr("a.md", "second")
    assert documents(tmp_path / "a.zip", Archive(str(tmp_path / "a.zip"))) == {"a.md": ("a", b"second")}


def test_an_archive_that_changed_is_read_as_it_is_now(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {"a.md": b"one", "gone.md": b""})
    source = Archive(str(made))
    zipped(tmp_path / "new.zip", {"a.md": b"another"}).replace(made)
    assert documents(made, source) == {"a.md": ("a", b"another"), "gone.md": None}
    assert documents(made, Archive(str(made))) == {"a.md": ("a", b"another")}
    made.unlink()
    with pytest.raises(WorkError, match=r"cannot read .*a\.zip: No such file or directory"):
        documents(made, source)


# Hostile archives


@pytest.mark.parametrize(
    "name", ["../x.md", "/x.md", "a/../../x.md", "a//x.md", "./x.md", "a\\x.md", "C:\\x.md", "a\0.md", "a/..md/../x.md"]
)
def test_a_name_that_is_no_path_within_is_a_problem(tmp_path: Path, name: str) -> None:
    made = tmp_path / "a.zip"
    info = zipfile.ZipInfo("a" * len(name.encode()))
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(info, b"text")
    made.write_bytes(made.read_bytes().replace(b"a" * len(name.encode()), name.encode()))
    problem = only(made)
    assert problem.code == "odd-name"
    assert not {"/", "\0"} & set(problem.path)


def lying_about(member: bytes, **changes: bytes) -> bytes:
    """An archive of one member whose entry in the directory is changed, at an offset from its beginning."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.md", member)
    data = bytearray(raw.getvalue())
    at = data.index(b"PK\1\2")
    for where, what in changes.items():
        offset = at + {"flags": 8, "method": 10, "crc": 16, "size": 24, "start": 42}[where]
        data[offset : offset + len(what)] = what
    return bytes(data)


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (lying_about(b"x" * 2_000_000, size=number(10)), "it is damaged"),
        (lying_about(b"text", size=number(100)), "it is damaged"),
        (lying_about(b"text", crc=number(1)), "it is damaged"),
        (lying_about(b"text" * 99, start=number(0x7FFFFFFF)), "it is damaged"),
        (lying_about(b"text", flags=b"\1\0"), "it is encrypted"),
        (lying_about(b"text", method=b"\x0c\0"), "it is neither stored nor deflated"),
        (lying_about(b"x" * (LIMIT + 1)), "it is longer than 1000000 bytes"),
    ],
)
def test_a_member_that_is_not_what_it_says_is_a_problem(tmp_path: Path, archive: bytes, why: str) -> None:
    (tmp_path / "a.zip").write_bytes(archive)
    assert only(tmp_path / "a.zip") == Problem("a.md", 1, 1, "unreadable", "error", f"cannot be read: {why}")


def test_a_bomb_does_not_go_off(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {"a.md": bytes(20_000_000)})
    with pytest.raises(WorkError, match="it is compressed to less than a 200th of its size"):
        Archive(str(made)).reader(str(made)).whole("a.md")


def test_links_and_pipes_are_no_documents(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, mode in (("link.md", 0o120777), ("pipe.md", 0o010644), ("plain.md", 0o100644)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, "/etc/passwd")
    source = Archive(str(tmp_path / "a.zip"))
    assert documents(tmp_path / "a.zip", source) == {"plain.md": ("plain", b"/etc/passwd")}
    assert list(source.texts([str(tmp_path / "a.zip/link.md"), str(tmp_path / "x.md")])) == [None, None]


def test_a_gitignore_that_is_too_long_is_an_error_as_on_disk(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {"a.md": b"", ".gitignore": os.urandom(200_001)})
    with pytest.raises(WorkError, match=r"cannot read .*\.gitignore: it is longer than 200000 bytes"):
        documents(made, Archive(str(made)))


@pytest.mark.parametrize("data", [b"", b"PK", b"no archive", b"PK\5\6" + b"\xff" * 18])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(WorkError, match=r"a\.zip is no zip archive that can be read: "):
        Archive(str(tmp_path / "a.zip"))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_archive_gives_what_was_in_it_or_says_that_it_is_damaged(
    tmp_path: Path, at: float, byte: int, cut: bool
) -> None:
    made = zipped(tmp_path / "a.zip", {"a.md": b"text" * 50, "b/c.md": b"more"})
    data = bytearray(made.read_bytes())
    place = int(at * len(data))
    data[place] = byte
    made.write_bytes(data[:place] if cut else data)
    try:
        found = documents(made, Archive(str(made)))
    except WorkError:
        return
    assert all(isinstance(one, Problem) or one[1] in (b"text" * 50, b"more") for one in found.values())


def test_meta_leads_to_no_archive_elsewhere(tmp_path: Path) -> None:
    zipped(tmp_path / "secret.zip", {"a.md": b"secret"})
    base = tmp_path / "clone"
    base.mkdir()
    (base / "link.zip").symlink_to("../secret.zip")
    for elsewhere in ("../secret.zip", str(tmp_path / "secret.zip"), "a\0.zip"):
        with pytest.raises(WorkError, match="does not lie in"):
            reader_of(str(base), {"archive": elsewhere})
    with pytest.raises(WorkError, match="cannot read"):
        reader_of(str(base), {"archive": "link.zip"}).whole("link.zip/a.md")


def test_roots_outside_an_archive_are_refused(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {"a.md": b""})
    Archive(str(made)).refuse_outside((str(made), f"{made}/b"))
    with pytest.raises(UsageError, match=f"^{tmp_path} does not lie in the archive {made}$"):
        Archive(str(made)).refuse_outside((str(tmp_path),))


# On the command line


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with an archive of more documents than one process parses."""
    many = {f"many/{number:04}.md": f"# Number {number}\n\nSome text.\n".encode() for number in range(600)}
    zipped(tmp_path / "docs.zip", {"guide.md": b"# Guide\n\nSee [one](many/0001.md), a rare word.\n", **many})
    return tmp_path


def test_an_archive_has_the_digest_of_its_folder_and_its_cache_is_read_from_it(shelf: Path) -> None:
    built = mdcache(shelf, "rebuild", "docs.zip", "--db", "x.db", "--workers", "2", "--json")
    with zipfile.ZipFile(shelf / "docs.zip") as archive:
        archive.extractall(shelf / "folder")
    unpacked = mdcache(shelf, "rebuild", "folder", "--json")
    kept = ("digest", "documents", "sections", "links", "unresolved", "problems")
    report, expected = json.loads(built.stdout), json.loads(unpacked.stdout)
    assert report["documents"] == 601
    assert [report[key] for key in kept] == [expected[key] for key in kept]
    assert (
        mdcache(shelf, "read", "guide", "--db", "x.db").stdout == "# Guide\n\nSee [one](many/0001.md), a rare word.\n"
    )
    assert "a «rare» word" in mdcache(shelf, "search", "rare", "--db", "x.db").stdout
    assert mdcache(shelf, "verify", "--db", "x.db").returncode == 0


def test_a_cache_tells_when_its_archive_has_changed(shelf: Path) -> None:
    mdcache(shelf, "rebuild", "docs.zip", "--db", "x.db")
    zipped(shelf / "docs.zip", {"guide.md": b"# Guide\n\nAnother rare word.\n"})
    assert json.loads(mdcache(shelf, "read", "guide", "--db", "x.db", "--json").stdout)["changed"] is True
    assert json.loads(mdcache(shelf, "verify", "--db", "x.db", "--json").stdout)["stale"] == ["guide.md"]


def test_beside_settings_the_archive_lies_in_their_folder(shelf: Path) -> None:
    (shelf / "mdcache.toml").write_text('exclude = ["many"]\n')
    assert mdcache(shelf, "rebuild", "docs.zip", "--output", "x.db").returncode == 0
    assert mdcache(shelf, "read", "docs.zip/guide.md", "--db", "x.db").stdout.startswith("# Guide")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("docs.zip",), "an archive goes with --output FILE or --db PATH"),
        (("docs.zip", ".", "--db", "x.db"), "does not lie in the archive"),
    ],
)
def test_an_archive_that_cannot_be_built_is_refused(shelf: Path, words: tuple[str, ...], said: str) -> None:
    done = mdcache(shelf, "rebuild", *words)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not (shelf / "x.db").exists()


def test_sync_does_not_take_an_archive_for_a_folder(shelf: Path) -> None:
    mdcache(shelf, "rebuild", "docs.zip", "--db", "x.db")
    done = mdcache(shelf, "sync", "--db", "x.db")
    assert done.returncode == 3
    assert f"it holds the archive . of {shelf}/docs.zip" in done.stderr
    assert "cannot list" in done.stderr


def test_what_macos_adds_to_an_archive_is_no_document(tmp_path: Path) -> None:
    members = {"docs/a.md": b"text", "docs/._a.md": b"\0\5\x16\7", "__MACOSX/docs/._a.md": b"\0\5\x16\7"}
    made = zipped(tmp_path / "docs.zip", members)
    assert documents(made, Archive(str(made))) == {"docs/a.md": ("docs/a", b"text")}

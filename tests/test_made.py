"""Who is believed: a cache that was made here gives texts of what it was made of, every other from its folder only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlite_utils
from caches import settings_of
from click.testing import CliRunner
from processes import MDCACHE, git, mdcache, one_line, run, start

import mdcache as library
from mdcache import state
from mdcache.build import rebuild
from mdcache.cli import main as cli
from mdcache.cli.pluginsearch import command as plugin_search
from mdcache.errors import MdcacheError, UsageError, WorkError
from mdcache.store import connections, lock, made, meta
from mdcache.store.cache import opened
from mdcache.watching import work

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_state")]

Vault = Callable[..., Path]
ANOTHER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
where_files_have_marks = pytest.mark.skipif(not hasattr(os, "setxattr"), reason="files have no attributes here")
WORD = "passphrase"
TEXTS = "SELECT document_text(key), section_text(key) FROM nodes"


class Place(NamedTuple):
    """A folder with a cache, whose documents lie in another folder beside it."""

    folder: Path
    file: Path


@pytest.fixture
def own(vault: Vault, tmp_path: Path) -> Place:
    """A cache that was made here, of private documents elsewhere."""
    made_of(vault({"a.md": ""}, tmp_path / "main"), tmp_path / "main/main.db")
    private = vault({"secret.md": f"# Secret\n\nThe {WORD}.\n"}, tmp_path / "private")
    folder = vault({"guide.md": "# Guide\n"}, tmp_path / "clone")
    made_of(private, folder / ".mdcache/cache.db")
    return Place(folder, folder / ".mdcache/cache.db")


def made_of(docs: Path, file: Path, **options: Any) -> None:
    rebuild.rebuild(settings_of(docs)._replace(database=str(file)), rebuild.Options(workers=0, **options))


# Every way in


def by_option(place: Place, capfd: pytest.CaptureFixture[str]) -> str:
    return said(capfd, "-C", str(place.folder.parent), "--db", str(place.file))


def by_finding(place: Place, capfd: pytest.CaptureFixture[str]) -> str:
    if place.file.parent.name != ".mdcache":
        (place.folder / "mdcache.toml").write_text(f'database = "{place.file.name}"\n')
    return said(capfd, "-C", str(place.folder))


def said(capfd: pytest.CaptureFixture[str], *where: str) -> str:
    capfd.readouterr()
    for words in (["read", "secret"], ["search", "--json", WORD], ["query", TEXTS]):
        assert cli.run([*where, *words]) in (0, 1, 2, 3)
    out, err = capfd.readouterr()
    assert "bug in mdcache" not in err
    return out


def by_attaching(place: Place, capfd: pytest.CaptureFixture[str]) -> str:
    main = place.folder.parent / "main"
    capfd.readouterr()
    sql = "SELECT document_text(key), section_text(key), path FROM other.nodes"
    shutil.copy(place.file, main / "other.db")
    cli.run(["--db", str(main / "main.db"), "query", sql, "--attach", str(main / "other.db")])
    return capfd.readouterr().out


def by_library(place: Place, _: pytest.CaptureFixture[str]) -> str:
    return asked(place.file)


def by_library_folder(place: Place, _: pytest.CaptureFixture[str]) -> str:
    return asked(place.folder) if place.file.parent.name == ".mdcache" else asked(place.file)


def asked(where: Path) -> str:
    found: list[object] = []
    questions: tuple[Callable[[Any], object], ...] = (
        lambda cache: cache.read("secret").text,
        lambda cache: cache.search(WORD),
        lambda cache: cache.query(TEXTS),
        lambda cache: cache.connection().execute(TEXTS).fetchall(),
    )
    for question in questions:
        try:
            with library.open(where) as cache:
                found.append(question(cache))
        except MdcacheError as error:
            found.append(type(error))
    return repr(found)


def by_plugin(place: Place, _: pytest.CaptureFixture[str]) -> str:
    with sqlite_utils.Database(place.file) as db:
        return repr(list(db.query(TEXTS)))


def by_plugin_search(place: Place, _: pytest.CaptureFixture[str]) -> str:
    return CliRunner().invoke(plugin_search, [str(place.file), WORD]).output


WAYS = (by_option, by_finding, by_attaching, by_library, by_library_folder, by_plugin, by_plugin_search)
TEXTUAL = tuple(way for way in WAYS if way is not by_attaching)
every_way = pytest.mark.parametrize("way", WAYS)
every_textual_way = pytest.mark.parametrize("way", TEXTUAL)


# What is not believed


def cloned(own: Place) -> Place:
    """A clone of a repository that brings a cache, with base = '../../private'."""
    there = Path(shutil.copytree(own.folder, own.folder.parent / "theirs"))
    return Place(there, there / ".mdcache/cache.db")


def beside_a_fitting_lock(own: Place) -> Place:
    place = cloned(own)
    file = Path(lock.path_of(str(place.file)))
    record = {"pid": 1, "command": "x", "since": "", "published": 1, "inode": file.stat().st_ino}
    file.write_text(json.dumps(record).ljust(511) + "\n")
    return place


def with_the_inode_of_an_own_one(own: Place) -> Place:
    """An own cache was removed, and the system gave its inode to the file of a clone."""
    place = cloned(own)
    made.remember(str(place.file), str(place.file), ["0" * 32])
    return place


def over_an_own_one(own: Place) -> Place:
    """`cp theirs.db .mdcache/cache.db`: the file is the same, but not what is in it."""
    place = cloned(own)
    with closing(sqlite3.connect(place.file)) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'generation_id'", ("0" * 32,))
        db.commit()
    own.file.write_bytes(place.file.read_bytes())
    return own


def of_another_user(own: Place) -> Place:
    os.chown(own.file, ANOTHER, ANOTHER)
    return own


def that_others_may_write(own: Place) -> Place:
    own.file.chmod(0o666)
    return own


def with_a_log_from_a_pull(own: Place) -> Place:
    """The log stands for more than the file, and git writes it as a file of the user's."""
    place = cloned(own)
    with closing(sqlite3.connect(place.file, isolation_level=None)) as db, closing(sqlite3.connect(place.file)) as held:
        held.execute("BEGIN").execute("SELECT count(*) FROM nodes").fetchone()
        db.execute("UPDATE nodes SET title = 'x'")
        log = Path(f"{place.file}-wal").read_bytes()
    Path(f"{own.file}-wal").write_bytes(log)
    assert log
    return own


def with_a_log_from_an_archive(own: Place) -> Place:
    """It may give the log any mode, that of the file too."""
    with_a_log_from_a_pull(own)
    Path(f"{own.file}-wal").chmod(own.file.stat().st_mode & 0o777)
    return own


def with_its_generation_and_the_inode_of_an_own_one(own: Place) -> Place:
    """It was committed once. git removes it, writes that of a pull, and the system gives that one the free inode."""
    place = cloned(own)
    content = place.file.read_bytes()
    place.file.unlink()
    place.file.write_bytes(content)
    record = Path(str(made.record_of(str(own.file))))
    shutil.copy(record, record.with_name(str(place.file.stat().st_ino)))
    own.file.unlink()
    return place


def over_a_published_one(own: Place) -> Place:
    """`curl --output public.db`: the same file and generation, changed by those who hand it out."""
    file = own.folder / "public.db"
    made_of(own.folder, file, output=str(file))
    changed = own.folder / "changed.db"
    shutil.copy(file, changed)
    with closing(sqlite3.connect(changed)) as db:
        db.execute("UPDATE meta SET value = '../private' WHERE key = 'base'")
        db.execute("UPDATE nodes SET path = 'secret.md', hash = ?", (hash_of(own.folder.parent / "private/secret.md"),))
        db.commit()
    file.write_bytes(changed.read_bytes())
    return Place(own.folder, file)


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def under_another_name(own: Place) -> Place:
    """An archive may hold a link to what lies where it is unpacked."""
    folder = own.folder.parent / "linked"
    (folder / ".mdcache").mkdir(parents=True)
    os.link(own.file, folder / ".mdcache/cache.db")
    return Place(folder, folder / ".mdcache/cache.db")


def behind_a_link(own: Place) -> Place:
    place = cloned(own)
    place.file.rename(place.folder / "theirs.db")
    place.file.symlink_to("../theirs.db")
    return place


def published_reproducibly(own: Place) -> Place:
    file = own.folder / "public.db"
    made_of(own.folder.parent / "private", file, output=str(file), reproducible=True)
    return Place(own.folder, file)


def published_and_taken_elsewhere(own: Place) -> Place:
    made_of(own.folder.parent / "private", own.folder / "public.db", output=str(own.folder / "public.db"))
    there = own.folder.parent / "elsewhere"
    there.mkdir()
    return Place(there, Path(shutil.copy(own.folder / "public.db", there)))


def with_a_record_that_it_brought(own: Place) -> Place:
    """MDCACHE_STATE is relative, and a clone brings the folder."""
    place = cloned(own)
    with closing(connections.open_reader(str(place.file))) as db:
        id_ = meta.read(db).generation_id
    assert id_
    os.environ["MDCACHE_STATE"] = str(place.folder / "state")
    made.remember(str(place.file), str(place.file), [id_])
    os.environ["MDCACHE_STATE"] = "state"
    os.chdir(place.folder)
    return place


def with_a_link_among_its_folders(own: Place) -> Place:
    place = cloned(own)
    (place.folder / "inside").symlink_to("../private")
    with closing(connections.open_live(str(place.file))) as db:
        db.execute("UPDATE meta SET value = '../inside' WHERE key = 'base'")
    return place


def of_a_revision_in_a_repository_elsewhere(own: Place) -> Place:
    """An archive brings a .git that leads to a repository of the user's, and the id of a commit there."""
    place, private = cloned(own), own.folder.parent / "private"
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        git(private, *words)
    (place.folder / ".git").write_text(f"gitdir: {private}/.git\n")
    with closing(connections.open_live(str(place.file))) as db:
        db.execute("UPDATE meta SET value = '..' WHERE key = 'base'")
        db.execute("INSERT INTO meta VALUES ('commit', ?)", (git(private, "rev-parse", "HEAD").strip(),))
    return place


FOREIGN = (
    of_a_revision_in_a_repository_elsewhere,
    cloned,
    beside_a_fitting_lock,
    with_the_inode_of_an_own_one,
    over_an_own_one,
    pytest.param(of_another_user, marks=as_root),
    that_others_may_write,
    with_a_log_from_a_pull,
    pytest.param(with_a_log_from_an_archive, marks=where_files_have_marks),
    pytest.param(with_its_generation_and_the_inode_of_an_own_one, marks=where_files_have_marks),
    over_a_published_one,
    under_another_name,
    behind_a_link,
    published_reproducibly,
    published_and_taken_elsewhere,
    with_a_record_that_it_brought,
    with_a_link_among_its_folders,
)


@pytest.fixture
def back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Working folder and variable are put back, whatever the test does to them."""
    monkeypatch.setenv("MDCACHE_STATE", os.environ["MDCACHE_STATE"])
    monkeypatch.chdir(os.getcwd())


@every_way
@pytest.mark.parametrize("spoilt", FOREIGN)
@pytest.mark.usefixtures("back")
def test_nothing_else_gives_a_text_from_outside_its_folder(
    own: Place, spoilt: Callable[[Place], Place], way: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert WORD not in way(spoilt(own), capfd).replace(f"'{WORD}'", "")


# What is believed


def made_here(own: Place) -> Place:
    return own


def with_a_folder_that_was_moved(own: Place) -> Place:
    (own.folder.parent / "new").mkdir()
    for name in ("clone", "private"):
        (own.folder.parent / name).rename(own.folder.parent / "new" / name)
    folder = own.folder.parent / "new/clone"
    return Place(folder, folder / ".mdcache/cache.db")


def on_a_device_with_another_number(own: Place) -> Place:
    """As after a restart."""
    record = Path(str(made.record_of(str(own.file))))
    entries = [{**json.loads(line), "device": -1} for line in record.read_text().splitlines()]
    record.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return own


def published_here(own: Place) -> Place:
    file = own.folder / "public.db"
    made_of(own.folder.parent / "private", file, output=str(file))
    return Place(own.folder, file)


def rebuilt_many_times(own: Place) -> Place:
    for _ in range(10):
        made_of(own.folder.parent / "private", own.file)
    return own


def whose_rebuilds_were_killed(own: Place) -> Place:
    """Each left an entry before it could publish."""
    with closing(connections.open_reader(str(own.file))) as db:
        id_ = meta.read(db).generation_id or ""
    for number in range(20):
        made.remember(str(own.file), str(own.file), [id_, f"{number:032}"])
    return own


@every_textual_way
@pytest.mark.parametrize(
    "kept",
    [
        made_here,
        with_a_folder_that_was_moved,
        on_a_device_with_another_number,
        published_here,
        rebuilt_many_times,
        whose_rebuilds_were_killed,
    ],
)
def test_a_cache_that_was_made_here_gives_texts_from_wherever_it_was_made_of(
    own: Place, kept: Callable[[Place], Place], way: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert WORD in way(kept(own), capfd).replace(f"'{WORD}'", "")


@every_textual_way
def test_a_copy_gives_texts_from_the_folder_that_it_lies_in(
    vault: Vault, tmp_path: Path, way: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = vault({"secret.md": f"# Secret\n\nThe {WORD}.\n"}, tmp_path / "old")
    made_of(folder, folder / ".mdcache/cache.db")
    copied = Path(shutil.copytree(folder, tmp_path / "new"))
    found = way(Place(copied, copied / ".mdcache/cache.db"), capfd)
    assert (WORD in found) != (way is by_plugin), "only beside other programs a copy gives none"


def test_a_copy_is_data_and_its_words_can_be_searched_and_counted(own: Place) -> None:
    place = published_and_taken_elsewhere(own)
    (hit,) = library.open(place.file).search(WORD)
    assert (hit.id, hit.snippet, hit.state) == ("secret", None, "withheld")
    assert library.open(place.file).query("SELECT count(*) AS n FROM nodes") == [{"n": 1}]
    with pytest.raises(WorkError, match="was not made here, and leads elsewhere: no text is read for it"):
        library.open(place.file).read("secret")
    done = mdcache(place.folder, "search", WORD, "--db", str(place.file))
    said = "the cache was not made here, and its texts are read only from within its folder: run mdcache rebuild"
    assert done.stdout == f"secret.md:1: Secret: ({said})\n"


@pytest.mark.parametrize(
    ("path", "state", "said"),
    [
        ("../private/secret.md", "withheld", "leads out of its folder: no text is read for it, until mdcache rebuild"),
        (".env", "withheld", ".env is hidden: no text is read for it, until mdcache rebuild makes one"),
        ("gone.md", "missing", "No such file"),
        ("guide.md", "changed", ""),
    ],
)
def test_of_a_copy_it_is_said_why_there_is_no_text(own: Place, path: str, state: str, said: str) -> None:
    place = cloned(own)
    with closing(connections.open_live(str(place.file))) as db:
        db.execute("UPDATE meta SET value = '..' WHERE key = 'base'")
        db.execute("UPDATE nodes SET path = ?", (path,))
    (hit,) = json.loads(mdcache(place.folder, "search", "--json", WORD).stdout)["results"]
    assert hit["state"] == state
    shown = mdcache(place.folder, "search", WORD).stdout
    assert "run mdcache rebuild)" in shown and ("is gone" in shown) == (state == "missing")
    assert said in mdcache(place.folder, "read", hit["id"]).stderr


# What becomes of a copy


@pytest.fixture
def copied(vault: Vault, tmp_path: Path) -> Path:
    """A folder whose cache was copied with it, without problems that it should have."""
    folder = vault({"mdcache.toml": 'docs = ["docs"]\n', "docs/a.md": "[gone](gone.md)\n"}, tmp_path / "old")
    made_of(folder, folder / ".mdcache/cache.db")
    with closing(connections.open_live(str(folder / ".mdcache/cache.db"))) as db:
        db.execute("DELETE FROM all_problems")
        db.execute("DELETE FROM links")
    return Path(shutil.copytree(folder, tmp_path / "new"))


def test_check_finds_what_is_wrong_whatever_a_cache_that_came_along_says(copied: Path) -> None:
    before = (copied / ".mdcache/cache.db").read_bytes()
    assert mdcache(copied, "check").stdout.count("broken-link") == 1
    assert [one.problem.code for one in library.check(copied)] == ["broken-link"]
    assert (copied / ".mdcache/cache.db").read_bytes() == before


def test_check_looks_at_all_documents_whatever_folders_a_cache_that_came_along_names(copied: Path) -> None:
    (copied / "mdcache.toml").unlink()
    with closing(connections.open_live(str(copied / ".mdcache/cache.db"))) as db:
        db.execute("UPDATE meta SET value = '[\"empty\"]' WHERE key = 'roots'")
    (copied / "empty").mkdir()
    assert mdcache(copied, "check").stdout.count("broken-link") == 1


def test_no_folder_outside_is_scanned_because_a_cache_that_came_along_names_it(own: Place) -> None:
    place = cloned(own)
    said = one_line(mdcache(place.folder, "sync"), 3)
    assert "was not made here: it is only read, until mdcache rebuild" in said
    assert "no documents named" in one_line(mdcache(place.folder, "rebuild"), 2)
    done = mdcache(place.folder, "rebuild", ".", "--json")
    assert json.loads(done.stdout)["documents"] == 1, "guide.md, and nothing of what the cache named"


def test_one_rebuild_makes_a_copy_ones_own(copied: Path) -> None:
    one_line(mdcache(copied, "sync"), 3)
    assert json.loads(mdcache(copied, "status", "--json").stdout)["made_here"] is False
    assert mdcache(copied, "rebuild").returncode == 0
    assert json.loads(mdcache(copied, "sync", "--json").stdout)["rebuilt"] is False
    assert json.loads(mdcache(copied, "status", "--json").stdout)["made_here"] is True


def test_those_who_read_a_copy_go_on_reading_while_it_is_replaced(copied: Path) -> None:
    path = str(copied / ".mdcache/cache.db")
    with opened(path, "/") as cache:
        assert cache.db.execute("SELECT count(*) FROM links").fetchone() == (0,)
        assert mdcache(copied, "rebuild").returncode == 0
        assert cache.db.execute("SELECT count(*) FROM links").fetchone() == (1,)


def test_a_damaged_cache_of_ones_own_is_built_again_and_that_of_others_is_not(own: Place) -> None:
    place = cloned(own)
    for file in (own.file, place.file):
        file.write_bytes(file.read_bytes()[:100] + b"x" * 50_000)
    assert mdcache(own.folder, "sync", ".").returncode == 0
    assert "was not made here" in one_line(mdcache(place.folder, "sync", "."), 3)


def test_no_cache_is_made_that_nobody_could_know_again(own: Place) -> None:
    with pytest.raises(UsageError, match="--reproducible goes with --output FILE"):
        library.rebuild(own.folder, reproducible=True)


# What others have in their hands


@pytest.mark.parametrize("command", [["sync"], ["rebuild"], ["watch"]])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(
            lambda file: os.chown(file, ANOTHER, ANOTHER), f"belongs to another user, {ANOTHER}", marks=as_root
        ),
        (lambda file: file.chmod(0o666), "may be written to by others (mode 666): chmod go-w "),
        (lambda file: file.chmod(0o620), "may be written to by others (mode 620): chmod go-w "),
        pytest.param(
            lambda file: theirs(Path(f"{file}-wal")), f"-wal belongs to another user, {ANOTHER}", marks=as_root
        ),
        (lambda file: os.mkfifo(f"{file}-journal"), "-journal is no plain file"),
    ],
)
def test_a_cache_of_others_or_one_that_others_may_write_to_is_never_written(
    own: Place, command: list[str], spoil: Callable[[Path], None], said: str
) -> None:
    spoil(own.file)
    before = own.file.read_bytes()
    assert said in one_line(mdcache(own.folder, *command, ".", "--db", str(own.file)), 3)
    assert own.file.read_bytes() == before
    assert sorted(path.name for path in own.folder.iterdir()) == [".mdcache", "guide.md"]


def theirs(file: Path) -> None:
    file.touch(0o666)
    os.chown(file, ANOTHER, ANOTHER)


@pytest.mark.parametrize("before", [None, 0o664, 0o666])
def test_nobody_else_may_write_to_a_published_file_whatever_umask_says(own: Place, before: int | None) -> None:
    if before is not None:
        published_here(own).file.chmod(before)
    umask = os.umask(0o002)
    try:
        place = published_here(own)
    finally:
        os.umask(umask)
    assert place.file.stat().st_mode & 0o777 == 0o644
    assert made.known(str(place.file)), "who publishes with the umask of a group reads on as before"


# Where it is remembered


def test_without_a_place_to_remember_it_nothing_is_rebuilt(own: Place, own_state: Path) -> None:
    before = own.file.read_bytes()
    own_state.chmod(0o777)
    said = one_line(mdcache(own.folder, "rebuild", "."), 3)
    assert "others may write to it): name a folder of your own with MDCACHE_STATE" in said
    assert own.file.read_bytes() == before
    assert mdcache(own.folder, "rebuild", ".", "--output", "x.db", "--reproducible").returncode == 0


def test_a_state_folder_that_can_only_be_read_is_enough_to_sync(own: Place, own_state: Path) -> None:
    assert mdcache(own.folder, "rebuild", ".").returncode == 0
    (own.folder / "new.md").write_text("# New\n")
    for folder in (own_state / "made", own_state):
        folder.chmod(0o500)
    assert json.loads(mdcache(own.folder, "sync", "--json").stdout)["added"] == 1
    own_state.chmod(0o700)


def test_a_full_disk_under_the_state_leaves_the_cache_as_it_was(own: Place, own_state: Path) -> None:
    before = own.file.read_bytes()
    shutil.rmtree(own_state / "made")
    (own_state / "made").touch()
    assert "cannot write " in one_line(mdcache(own.folder, "rebuild", "."), 3)
    assert own.file.read_bytes() == before


def test_a_relative_place_is_refused(own: Place) -> None:
    environment = {**os.environ, "MDCACHE_STATE": "state"}
    said = one_line(run((*MDCACHE, "rebuild", "."), own.folder, env=environment), 2)
    assert said == "mdcache: MDCACHE_STATE is 'state': it must be an absolute path\n"
    assert not (own.folder / "state").exists()


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a mount of its own")
@pytest.mark.parametrize("home", [None, "/nonexistent", "/proc"])
def test_a_container_without_a_home_works(own: Place, home: str | None, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MDCACHE", "XDG", "HOME"))}
    script = f'mount --bind {tmp_path}/var /var/tmp && "$@" rebuild . && "$@" sync'
    command = ("unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", *MDCACHE)
    done = run(command, own.folder, env={**environment, "HOME": home or "/nonexistent"})
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done
    assert list((tmp_path / "var").glob("mdcache-*/made/*"))


# What is forgotten


LONG_AGO = 1_000_000_000


def remembered(own_state: Path, path: Path, inode: int, age_s: float = LONG_AGO, **fields: object) -> Path:
    """A record of a cache that was made so long ago."""
    device = path.parent.stat().st_dev
    entry = {"generation_id": "0" * 32, "device": device, "path": str(path), "mark": "", "stamp": "", **fields}
    record = own_state / "made" / str(inode)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(entry) + "\n")
    os.utime(record, (time.time() - age_s,) * 2)
    return record


def test_a_publish_forgets_caches_that_are_gone(own: Place, own_state: Path, tmp_path: Path) -> None:
    record = Path(str(made.record_of(str(own.file))))
    os.utime(record, (0, 0))
    (tmp_path / "other.db").touch()
    over = [
        remembered(own_state, tmp_path / "gone.db", 1),
        remembered(own_state, tmp_path / "other.db", 2),
        remembered(own_state, own.file / "below a file", 3, device=tmp_path.stat().st_dev),
    ]
    left = own_state / "made/4.99999"
    left.touch()
    os.utime(left, (0, 0))
    kept = [
        record,
        remembered(own_state, tmp_path / "gone.db", 5, age_s=86_400 * 29),
        remembered(own_state, tmp_path / "unmounted.db", 6, device=-1),
        remembered(own_state, tmp_path / "other.db", (tmp_path / "other.db").stat().st_ino),
    ]
    made_of(own.folder, own.folder / "new.db", output=str(own.folder / "new.db"))
    assert [one.exists() for one in (*over, left)] == [False] * 4
    assert [one.exists() for one in kept] == [True] * 4


def test_of_many_records_only_those_are_kept_that_may_be_needed(own: Place, own_state: Path, tmp_path: Path) -> None:
    for number in range(1, 1_100):
        remembered(own_state, tmp_path / "gone.db", number, device=-1, age_s=86_400 * 2)
    new = remembered(own_state, tmp_path / "gone.db", 1_100, age_s=3_600)
    made_of(own.folder, own.folder / "new.db", output=str(own.folder / "new.db"))
    names = {one.name for one in (own_state / "made").iterdir()}
    assert names & {str(number) for number in range(1, 1_101)} == {new.name}
    assert made.known(str(own.file))


def test_of_few_records_a_few_are_looked_at_each_time(own: Place, own_state: Path, tmp_path: Path) -> None:
    before = len(list((own_state / "made").iterdir()))
    for number in range(1, 101):
        remembered(own_state, tmp_path / "gone.db", number)
    made.remember(str(own.file), str(own.file), ["0" * 32])
    assert before + 100 - 24 <= len(list((own_state / "made").iterdir())) < before + 100
    for _ in range(200):
        made.remember(str(own.file), str(own.file), ["0" * 32])
    assert len(list((own_state / "made").iterdir())) == before


def test_a_record_that_is_written_while_others_are_forgotten_stays(own_state: Path, tmp_path: Path) -> None:
    """Another process publishes a file that has the inode of one that is gone, and cannot be seen yet."""
    record = remembered(own_state, tmp_path / "gone.db", 7)
    assert state.content(str(record))
    os.utime(record)
    state.forget(str(record), 86_400)
    assert record.exists()
    os.utime(record, (0, 0))
    state.forget(str(record), 86_400)
    assert not record.exists()


# At any moment


def test_a_rebuild_that_is_killed_between_its_entry_and_its_publish_leaves_a_cache_that_is_believed(
    own: Place,
) -> None:
    record = Path(str(made.record_of(str(own.file))))
    code = (
        "import os, signal\nfrom mdcache.store import made, swap\n"
        "swap.copy_into = swap.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from mdcache.cli.main import run; run(['rebuild', '.', '--workers', '0'])"
    )
    for _ in range(2):
        killed = run((sys.executable, "-c", code), own.folder)
        assert killed.returncode == -signal.SIGKILL, killed
    assert len(record.read_text().splitlines()) == 3
    with opened(str(own.file), "/") as cache:
        assert cache.made_here
    own.file.unlink()
    assert run((sys.executable, "-c", code), own.folder).returncode == -signal.SIGKILL
    assert mdcache(own.folder, "sync", ".").returncode == 0


def test_two_rebuilds_at_once_leave_a_cache_that_is_believed(own: Place) -> None:
    both = [start((*MDCACHE, "rebuild", "."), own.folder) for _ in range(2)]
    for one in both:
        out, err = one.communicate(timeout=60)
        assert one.returncode == 0, (out, err)
    with opened(str(own.file), "/") as cache:
        assert cache.made_here


def test_only_so_many_publishes_are_remembered_and_none_of_a_passing_file(own: Place, own_state: Path) -> None:
    whose_rebuilds_were_killed(own)
    record = Path(str(made.record_of(str(own.file))))
    assert len(record.read_text().splitlines()) == 8
    before = sorted((own_state / "made").iterdir())
    assert mdcache(own.folder, "verify").returncode in (0, 1)
    assert sorted((own_state / "made").iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"{}\n[]\n7\nnull\n", b"[" * 60_000, b'{"generation_id": []}\n'])
def test_a_record_that_makes_no_sense_believes_nothing(own: Place, content: bytes) -> None:
    record = Path(str(made.record_of(str(own.file))))
    record.write_bytes(content)
    assert made.known(str(own.file)) == frozenset()
    assert mdcache(own.folder, "rebuild", ".").returncode == 0
    assert made.known(str(own.file))


def test_doctor_and_status_say_whether_a_cache_was_made_here(own: Place, capfd: pytest.CaptureFixture[str]) -> None:
    record = made.record_of(str(own.file))
    capfd.readouterr()
    cli.run(["-C", str(own.folder), "doctor"])
    assert f"made here: {record} says so" in capfd.readouterr().out
    copied = str(cloned(own).folder)
    cli.run(["-C", copied, "doctor"])
    out = capfd.readouterr().out
    assert "made here" in out and "says so" not in out and "fix: mdcache rebuild" in out
    cli.run(["-C", copied, "status"])
    assert "not here: it is only read, until mdcache rebuild replaces it" in capfd.readouterr().out


def test_a_log_is_that_of_the_cache_after_a_writer_was_killed(own: Place) -> None:
    for command in ("sync", "rebuild"):
        (own.folder / f"{command}.md").write_text("# New\n")
        code = (
            "import os, signal\nfrom mdcache.store import swap\n"
            "swap.checkpoint = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"from mdcache.cli.main import run; run(['{command}', '.'])"
        )
        assert mdcache(own.folder, "rebuild", ".").returncode == 0
        (own.folder / "guide.md").write_text(f"# {command}\n")
        assert run((sys.executable, "-c", code), own.folder).returncode == -signal.SIGKILL
        assert Path(f"{own.file}-wal").stat().st_size
        assert mdcache(own.folder, "sync", ".").returncode == 0


@where_files_have_marks
def test_a_log_that_came_along_is_not_folded_into_a_watched_cache(own: Place) -> None:
    before = own.file.read_bytes()
    with_a_log_from_an_archive(own)
    order = work.Order(settings_of(own.folder), work.What.FOLD)
    assert work.carry_out(order, lambda _: None).checkpoint is None
    assert own.file.read_bytes() == before


def test_a_cache_under_two_names_is_written_to_under_neither(own: Place) -> None:
    place, before = under_another_name(own), own.file.stat().st_ino
    assert mdcache(place.folder, "sync", ".").returncode == 3
    assert mdcache(place.folder, "rebuild", ".").returncode == 0
    assert (own.file.stat().st_ino, own.file.stat().st_nlink) == (before, 1)
    assert mdcache(place.folder, "sync", ".").returncode == 0
    with opened(str(own.file), "/") as cache:
        assert cache.made_here


def test_volumes_whose_inodes_have_the_same_numbers_forget_nothing_of_each_other(own: Place) -> None:
    with closing(connections.open_reader(str(own.file))) as db:
        id_ = meta.read(db).generation_id
    record = Path(str(made.record_of(str(own.file))))
    entry = json.loads(record.read_text().splitlines()[-1])
    for number in range(20):
        other = {**entry, "device": -1, "path": "/volume/cache.db", "generation_id": f"{number:032}"}
        record.write_text(record.read_text() + json.dumps(other) + "\n")
    made.remember(str(own.file), "/elsewhere", ["0" * 32, "1" * 32])
    assert id_ in made.known(str(own.file))
    assert len(record.read_text().splitlines()) == 1 + 8 + 2


def test_no_text_of_a_file_is_read_for_a_copy_that_could_not_know_it(copied: Path, vault: Vault) -> None:
    """As notes of the user's own, beside the documents of a clone; what it did know, it may show."""
    vault({"docs/private.txt": f"{WORD}\n"}, copied)
    for hash_, status in (("0" * 64, 3), (hash_of(copied / "docs/private.txt"), 0)):
        with closing(sqlite3.connect(copied / ".mdcache/cache.db")) as db:
            db.execute("UPDATE nodes SET path = 'docs/private.txt', hash = ?", (hash_,))
            db.commit()
        done = mdcache(copied, "read", "docs/a")
        assert (done.returncode, WORD in done.stdout) == (status, status == 0), done
        assert ("has changed since, and is no Markdown by its name: no text is read" in done.stderr) == (status == 3)


@pytest.mark.parametrize("name", [".git/config", ".env", "deep/.ssh/key"])
def test_no_text_of_a_hidden_file_is_read_for_a_copy(copied: Path, vault: Vault, name: str) -> None:
    vault({name: f"{WORD}\n"}, copied)
    with closing(sqlite3.connect(copied / ".mdcache/cache.db")) as db:
        db.execute("UPDATE nodes SET path = ?, hash = ?", (name, hash_of(copied / name)))
        (id_,) = db.execute("SELECT id FROM nodes LIMIT 1").fetchone()
        db.commit()
    done = mdcache(copied, "read", id_)
    assert WORD not in done.stdout and "is hidden" in one_line(done, 3), done

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from odd import ODD, put
from pairs import LIVE, Vault, build, pair_in

from mdcache.errors import UsageError, WorkError
from mdcache.store import place

Git = Callable[..., str]


@pytest.fixture
def folder(vault: Vault) -> Path:
    return pair_in(vault)


def test_nothing_counts_as_none(tmp_path: Path) -> None:
    assert place.judge(str(tmp_path / "nothing")) == (str(tmp_path / "nothing"), False, False)


def test_an_empty_file_that_a_crash_has_left_counts_as_none(folder: Path) -> None:
    (folder / LIVE).write_bytes(b"")
    assert place.judge(str(folder / LIVE)) == (str(folder / LIVE), False, False)


def record_of(text: str) -> bytes:
    """A lock file as a clone may bring one."""
    return json.dumps({"pid": 1, "command": "mdcache sync", "since": "", "published": 9, "process": text}).encode()


FORGED = {
    "no lock": None,
    "an empty lock": b"",
    "zeros": b"\0" * 512,
    "a lock that names no process": record_of(""),
    "a lock of another machine": record_of("1 2 3 0 elsewhere"),
}


@pytest.mark.parametrize("lock", FORGED)
@pytest.mark.parametrize("for_output", [False, True])
@pytest.mark.parametrize("content", ["", "import this\n"])
def test_a_file_beside_which_no_writer_of_ours_ran_is_somebody_elses(
    tmp_path: Path, lock: str, for_output: bool, content: str
) -> None:
    (tmp_path / "__init__.py").write_text(content)
    if (forged := FORGED[lock]) is not None:
        (tmp_path / "__init__.py.lock").write_bytes(forged)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    why = "is not a cache of mdcache" if content else "is an empty file, and not of mdcache"
    with pytest.raises(WorkError, match=rf"__init__\.py {why}"):
        place.judge(str(tmp_path / "__init__.py"), for_output)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["x.build", "x.build-wal", "x.build-journal", "x-wal", "x-shm", "x-journal"])
def test_what_lies_where_our_files_go_before_any_of_ours_was_there_is_somebody_elses(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(WorkError, match=f"{name} is in the way and not ours"):
        place.judge(str(tmp_path / "x"))


def test_what_a_crash_has_left_beside_no_cache_is_ours(folder: Path) -> None:
    (folder / LIVE).unlink()
    for name in ("-wal", "-shm", ".build", ".build-journal"):
        (folder / (LIVE + name)).write_bytes(b"")
    assert not place.judge(str(folder / LIVE)).exists


# Git's own folders


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
    """A repository, whose folder has a link from beside it; a bare one; a work tree in each place that git allows."""
    tmp_path = tmp_path_factory.mktemp("repositories")
    (tmp_path / "repo").mkdir()
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "commit", "-q", "--allow-empty", "-m", "one")
    git(tmp_path, "clone", "-q", "--bare", "repo", "bare")
    git(tmp_path / "repo", "worktree", "add", "-q", "../linked")
    git(tmp_path / "bare", "worktree", "add", "-q", "--detach", "main")
    git(tmp_path, "init", "-q", "--separate-git-dir", "apart", "separate")
    (tmp_path / "link").symlink_to("repo/.git")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "repo/.git",
        "repo/.git/shallow",
        "repo/.git/HEAD",
        "repo/.git/HEAD.lock",
        "repo/.git/hooks/pre-commit",
        "repo/.git/new/deep/x.db",
        "repo/.git/worktrees/linked/x.db",
        "repo/.GIT/x.db",
        "repo/docs/.Git",
        "link/x.db",
        "linked/.git",
        "bare/x.db",
        "bare/hooks/pre-push",
        "bare/worktrees/main/x.db",
        "apart/x.db",
        "apart/info/x.db",
    ],
)
@pytest.mark.parametrize("for_output", [False, True])
def test_git_keeps_its_folders_to_itself(repository: Path, name: str, for_output: bool) -> None:
    before = sorted(repository.rglob("*"))
    with pytest.raises(UsageError, match="lies in git's own folder"):
        place.judge(os.path.realpath(repository / name), for_output)
    assert sorted(repository.rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    [
        "repo/x.db",
        "repo/.github/x.db",
        "repo/a.git/x.db",
        "repo/git/x.db",
        "linked/docs/x.db",
        "bare/main/.mdcache/x.db",
    ],
)
def test_beside_gits_folders_there_is_room(repository: Path, name: str) -> None:
    assert not place.judge(str(repository / name)).exists


def test_a_cache_is_known_by_its_header(folder: Path) -> None:
    assert place.judge(str(folder / LIVE)) == (str(folder / LIVE), True, True)


def test_a_published_file_is_ours_and_not_live(folder: Path) -> None:
    build(folder, LIVE, output=str(folder / "site.db"))
    assert place.judge(str(folder / "site.db"), for_output=True) == (str(folder / "site.db"), True, False)


def test_a_live_cache_is_no_place_for_an_output_that_is_moved_there(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"live\.db is a live cache"):
        build(folder, LIVE, output=str(folder / LIVE))


@pytest.mark.parametrize("kind", ["text", "database", "pipe", "folder", "link to a device"])
@pytest.mark.parametrize("published", [False, True])
def test_what_is_not_ours_is_refused(folder: Path, tmp_path: Path, kind: str, published: bool) -> None:
    path = tmp_path / "x.db"
    if published:
        (tmp_path / "x.db.lock").write_bytes((folder / (LIVE + ".lock")).read_bytes())
    if kind == "text":
        path.write_text("dear diary " * 50)
    elif kind == "database":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE mine (x)")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    before = sorted(tmp_path.iterdir())
    if kind == "text" and published:
        # Only its header could tell, and the lock remembers that a cache of ours was here: it is one that was damaged.
        assert place.judge(str(path)) == (str(path), True, False)
    else:
        with pytest.raises(WorkError, match=r"x\.db is (not a cache of mdcache|no file)"):
            place.judge(str(path))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("name", "told"), [("x.db.lock", "not a lock of mdcache"), ("x.db.build", "in the way")])
def test_what_others_keep_beside_the_path_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_text("all: test lint\n")
    with pytest.raises(WorkError, match=told):
        place.judge(str(tmp_path / "x.db"))


def test_a_build_that_a_crash_has_left_is_ours_whatever_it_holds(folder: Path) -> None:
    (folder / (LIVE + ".build")).write_bytes(b"\0" * 5000)
    place.judge(str(folder / LIVE))
    build(folder, LIVE)
    assert not (folder / (LIVE + ".build")).exists()


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /home rw - nfs4 server:/home rw
31 30 0:27 / /home/ann/my\\040disk rw - xfs /dev/sdb rw
32 22 0:28 / /mnt rw shared:1 - ext4 /dev/sdc rw
33 32 0:29 / /mnt rw shared:1 - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/x.db", "ext4"),
        ("/home", "nfs4"),
        ("/homestead/x.db", "ext4"),
        ("/home/ann/x.db", "nfs4"),
        ("/home/ann/my disk/x.db", "xfs"),
        ("/mnt/x.db", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_last_and_longest_mount(path: str, kind: str) -> None:
    assert place.file_system_of(path, MOUNTS) == kind


# The folder


def test_our_own_folder_keeps_itself_out_of_git(tmp_path: Path) -> None:
    ignore = tmp_path / "docs" / ".mdcache" / ".gitignore"
    place.make_folder(str(ignore.parent / "cache.db"))
    assert ignore.read_text() == "*\n"
    ignore.write_text("")
    place.make_folder(str(ignore.parent / "cache.db"))
    assert ignore.read_text() == "*\n"
    ignore.write_text("# mine\n")
    place.make_folder(str(ignore.parent / "cache.db"))
    assert ignore.read_text() == "# mine\n"


def test_nobody_else_may_write_to_folders_that_we_make_whatever_umask_says(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    umask = os.umask(0)
    try:
        place.make_folder(str(tmp_path / "new/deep/.mdcache/cache.db"))
    finally:
        os.umask(umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"new": 0o755, "deep": 0o755, ".mdcache": 0o755, ".gitignore": 0o644}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777


def test_a_folder_of_others_gets_no_gitignore(tmp_path: Path) -> None:
    place.make_folder(str(tmp_path / "x" / "cache.db"))
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.parametrize("target", ["../docs/empty.md", "../nothing.md"])
def test_a_gitignore_that_is_a_link_leads_nowhere(vault: Vault, tmp_path: Path, target: str) -> None:
    folder = vault({"docs/empty.md": "", ".mdcache/": ""}, tmp_path)
    (folder / ".mdcache" / ".gitignore").symlink_to(target)
    place.make_folder(str(folder / ".mdcache" / "cache.db"))
    assert (folder / "docs" / "empty.md").read_bytes() == b""
    assert not (folder / "nothing.md").exists()


def test_a_gitignore_that_is_a_fifo_holds_nobody_up(vault: Vault) -> None:
    folder = vault({".mdcache/": ""}) / ".mdcache"
    os.mkfifo(folder / ".gitignore")
    place.make_folder(str(folder / "cache.db"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match=r"cannot write to .*file/x: Not a directory"):
        place.make_folder(str(tmp_path / "file" / "x" / "cache.db"))


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", sorted(place.own_files(LIVE) - {LIVE}))
def test_nothing_but_plain_files_is_written_to(folder: Path, name: str, kind: str) -> None:
    put(kind, folder / name)
    with pytest.raises(WorkError, match=f"{name} is no plain file: remove it, or name another database"):
        place.judge(str(folder / LIVE))

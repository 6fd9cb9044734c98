from __future__ import annotations

import multiprocessing
import os
import stat
import sys
from pathlib import Path

import pytest
from processes import run

from mdcache import state
from mdcache.errors import UsageError, WorkError

ANOTHER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("MDCACHE_STATE", str(folder))
    return folder


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and no variable that says where state is."""
    for name in ("MDCACHE_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def read(name: str) -> list[bytes]:
    return list(state.read(name))


def test_what_was_written_is_read_again(place: Path) -> None:
    assert read("made/1") == []
    assert state.update("made/1", lambda before: before + b"a") == str(place / "made/1")
    state.update("made/1", lambda before: before + b"b")
    assert read("made/1") == [b"ab"]
    assert sorted(path.name for path in place.rglob("*")) == ["1", "made"], "nothing else is left"


def test_folders_and_files_are_their_owners_alone_whatever_umask_says(at_home: Path) -> None:
    before = os.umask(0)
    try:
        state.update("made/1", lambda _: b"x")
    finally:
        os.umask(before)
    made = at_home / ".local/state/mdcache/made"
    assert [mode(path) for path in (made, *list(made.parents)[:3])] == [0o700] * 4
    assert mode(made / "1") == 0o600


def test_the_platforms_folder_comes_first_and_then_that_of_a_machine_without_homes(
    at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = f"/var/tmp/mdcache-{os.geteuid()}"
    assert state.folders() == (f"{at_home}/.local/state/mdcache", last)
    monkeypatch.setenv("XDG_STATE_HOME", str(at_home / "x"))
    assert state.folders() == (f"{at_home}/x/mdcache", last)
    monkeypatch.setenv("XDG_STATE_HOME", "x")
    assert state.folders() == (f"{at_home}/.local/state/mdcache", last)
    monkeypatch.setattr("sys.platform", "darwin")
    assert state.folders() == (f"{at_home}/Library/Application Support/mdcache", last)
    monkeypatch.setenv("HOME", str(at_home / "none"))
    assert state.folders() == (last,)
    monkeypatch.setenv("MDCACHE_STATE", "")
    assert state.folders() == (last,)


@as_root
def test_root_leaves_nothing_in_the_home_of_another_user(at_home: Path) -> None:
    os.chown(at_home, ANOTHER, ANOTHER)
    assert state.folders() == (f"/var/tmp/mdcache-{os.geteuid()}",)


def test_a_relative_path_is_refused_and_nothing_below_it_is_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.update("made/1", lambda _: b"x")
    monkeypatch.chdir(place.parent)
    monkeypatch.setenv("MDCACHE_STATE", "state")
    assert read("made/1") == []
    with pytest.raises(UsageError, match="MDCACHE_STATE is 'state': it must be an absolute path"):
        state.update("made/1", lambda _: b"y")


@pytest.mark.parametrize("of", ["state", "state/made"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: folder.chmod(0o770),
        lambda folder: folder.chmod(0o707),
        lambda folder: (folder.rename(folder.with_name("elsewhere")), folder.symlink_to("elsewhere")),
        pytest.param(lambda folder: os.chown(folder, ANOTHER, ANOTHER), marks=as_root),
    ],
    ids=["group", "others", "link", "owner"],
)
def test_a_folder_that_others_may_have_written_to_counts_as_none(place: Path, of: str, spoil: object) -> None:
    state.update("made/1", lambda _: b"x")
    assert callable(spoil)
    spoil(place.parent / of)
    assert read("made/1") == []


@pytest.mark.parametrize("spoil", [lambda folder: folder.chmod(0o777), lambda folder: folder.rmdir() or folder.touch()])
def test_a_folder_that_does_not_count_is_named_with_the_remedy(place: Path, spoil: object) -> None:
    place.mkdir()
    assert callable(spoil)
    spoil(place)
    with pytest.raises(WorkError, match=rf"{place} \(.*\): name a folder of your own with MDCACHE_STATE$"):
        state.update("made/1", lambda _: b"x")


def test_no_file_is_followed_or_waited_for(place: Path) -> None:
    state.update("made/1", lambda _: b"secret")
    (place / "made/2").symlink_to("1")
    os.mkfifo(place / "made/3")
    (place / "made/4").mkdir()
    (place / "made/5").write_bytes(b"x" * 100_000)
    assert [read(f"made/{number}") for number in range(2, 6)] == [[], [b""], [b""], [b""]]
    state.update("made/2", lambda before: before + b"own")
    assert (read("made/1"), read("made/2")) == ([b"secret"], [b"own"])


def _add(number: int) -> None:
    state.update("made/1", lambda before: before + b"%d\n" % number)


@pytest.mark.usefixtures("place")
def test_updates_at_the_same_time_lose_nothing() -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_add, range(40))
    (content,) = read("made/1")
    assert sorted(map(int, content.split())) == list(range(40))


def test_where_no_folder_can_be_made_at_home_the_next_one_is_taken(
    at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (at_home / ".local").touch()
    monkeypatch.setattr(state, "_WITHOUT_HOME", str(at_home / "tmp"))
    assert state.update("made/1", lambda _: b"x") == f"{at_home}/tmp/mdcache-{os.geteuid()}/made/1"
    assert read("made/1") == [b"x"]


def test_where_there_can_be_no_folder_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDCACHE_STATE", "/proc/none/state")
    with pytest.raises(WorkError, match=r"no place to remember .* /proc/none/state \(No such file"):
        state.update("made/1", lambda _: b"x")


def test_a_full_disk_leaves_the_file_as_it_was(place: Path) -> None:
    state.update("made/1", lambda _: b"x")
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
        "from mdcache import state; state.update('made/1', lambda _: b'y' * 100)"
    )
    done = run((sys.executable, "-c", code), Path("/"))
    assert done.returncode == 1
    assert "WorkError: cannot write " in done.stderr
    assert read("made/1") == [b"x"]
    assert os.listdir(place / "made") == ["1"]

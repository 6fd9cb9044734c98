"""mdcache as a library: what `import mdcache` offers, and what it leaves alone in the process that uses it."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from processes import MDCACHE, descendants, git, is_gone, run, start

import mdcache

Vault = Callable[..., Path]
DOCUMENTS = {
    "a.md": "---\ntags: [news]\n---\n# Alpha\n\nwarm cache, [b](b.md#beta), [c](nowhere.md)\n\n## Deeper\n\nmore\n",
    "b.md": "# Beta\n\ncold cache\n",
}


@pytest.fixture
def folder(vault: Vault) -> Path:
    return vault(DOCUMENTS)


@pytest.fixture
def cache(folder: Path) -> Iterator[mdcache.Cache]:
    mdcache.rebuild(folder)
    with mdcache.open(folder) as cache:
        yield cache


def as_json(folder: Path, *arguments: str) -> Any:
    return json.loads(run((*MDCACHE, *arguments, "--json"), folder).stdout)


# Importing it

QUICK = "import sys, mdcache; print([name for name in sys.modules if name.startswith('mdcache.')], *sys.modules)"


def test_to_import_it_imports_nothing_else_of_it() -> None:
    ours, *everything = run((sys.executable, "-c", QUICK), Path.cwd()).stdout.split()
    assert ours == "[]"
    assert {"sqlite3", "pysqlite3", "yaml", "pyromark", "click", "subprocess", "watchdog"} & set(everything) == set()


def test_to_import_it_takes_less_than_40_ms() -> None:
    def seconds(code: str) -> float:
        began = time.perf_counter()
        subprocess.run((sys.executable, "-c", code), check=True)
        return time.perf_counter() - began

    assert statistics.median(seconds("import mdcache") - seconds("pass") for _ in range(9)) < 0.04


def test_each_public_name_is_there_and_listed() -> None:
    for name in mdcache._PUBLIC:
        assert getattr(mdcache, name).__name__ == name
    assert set(mdcache._PUBLIC) <= set(dir(mdcache))
    with pytest.raises(AttributeError, match="'mdcache' has no attribute 'nothing'"):
        getattr(mdcache, "nothing")  # noqa: B009


def test_no_module_takes_the_place_of_a_public_name(folder: Path) -> None:
    """To import a package sets it as an attribute of the one that it lies in."""
    for module in pkgutil.walk_packages(mdcache.__path__, "mdcache."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for _ in range(2):
        assert mdcache.settings(folder).base == str(folder)
        assert mdcache.rebuild(folder).documents == 2
        assert mdcache.sync(folder).unchanged == 2
        assert len(mdcache.check(folder)) == 1
        assert mdcache.verify(folder).ok
        with contextlib.closing(mdcache.watch(folder)) as batches:
            assert next(batches).changed == 0
        with mdcache.open(folder) as cache:
            assert cache.status().documents == 2


# What it gives


def test_answers_are_those_that_the_command_line_prints(folder: Path, cache: mdcache.Cache) -> None:
    assert {"results": [hit.as_dict() for hit in cache.search("cache")]} == as_json(folder, "search", "cache")
    assert cache.read("a#deeper").as_dict() == as_json(folder, "read", "a#deeper")
    assert cache.links("a", depth=2).as_dict() == as_json(folder, "links", "a", "--depth", "2")
    assert cache.query("SELECT path FROM nodes") == as_json(folder, "query", "SELECT path FROM nodes")["rows"]
    assert cache.changes().as_dict() == as_json(folder, "changes")
    assert cache.status().as_dict() == as_json(folder, "status")
    assert {"problems": [one.as_dict() for one in mdcache.check(folder)]} == as_json(folder, "check")
    assert mdcache.verify(folder).as_dict() == as_json(folder, "verify")
    assert {**mdcache.sync(folder).as_dict(), "seconds": 0} == {**as_json(folder, "sync"), "seconds": 0}


def test_each_value_is_frozen(cache: mdcache.Cache) -> None:
    news, around = cache.changes(), cache.links("a")
    values: list[Any] = [
        *cache.search("cache"),
        cache.read("a"),
        around,
        *around.outgoing,
        *cache.outline("a"),
        news,
        cache.status(),
    ]
    for value in values:
        hash(tuple(one for one in value if not isinstance(one, dict)))
        with pytest.raises(AttributeError):
            value.path = "other"
        assert isinstance(value.as_dict(), dict)


def test_search_takes_what_the_command_takes(cache: mdcache.Cache) -> None:
    assert [hit.path for hit in cache.search("cache", limit=1)] == [cache.search("cache")[0].path]
    assert [hit.path for hit in cache.search("cache", path="b*")] == ["b.md"]
    assert [hit.path for hit in cache.search("cache", tag="#NEWS")] == ["a.md"]
    assert cache.search("cache", type="none") == []
    assert [hit.snippet for hit in cache.search("warm OR cold", raw=True, path="b.md")] == ["# Beta «cold» cache"]
    with pytest.raises(mdcache.UsageError):
        cache.search('"', raw=True)


def test_documents_are_read_by_id_path_and_anchor(cache: mdcache.Cache) -> None:
    assert cache.read("b").text == DOCUMENTS["b.md"]
    assert cache.read("a.md#deeper").text == "## Deeper\n\nmore\n"
    assert [(one.heading, one.level, one.line) for one in cache.outline("a")] == [("Alpha", 1, 4), ("Deeper", 2, 8)]
    with pytest.raises(mdcache.No, match="no document has the id or path 'z'"):
        cache.read("z")


def test_a_query_takes_parameters_reads_the_files_and_may_not_write(cache: mdcache.Cache) -> None:
    sql = "SELECT id, document_text(key) AS text FROM nodes WHERE id = :id"
    assert cache.query(sql, {"id": "b"}) == [{"id": "b", "text": DOCUMENTS["b.md"]}]
    with pytest.raises(mdcache.UsageError, match="it may only read"):
        cache.query("DELETE FROM nodes")


def test_a_connection_reads_and_is_closed_with_the_cache(folder: Path) -> None:
    mdcache.rebuild(folder)
    with mdcache.open(folder) as cache:
        db = cache.connection()
        assert db.execute("SELECT count(*), max(document_text(key)) FROM nodes").fetchone()[0] == 2
        for sql in ("DELETE FROM nodes", "ATTACH 'other.db' AS other", "PRAGMA query_only = 0"):
            with pytest.raises(Exception, match="not authorized"):
                db.execute(sql)
    with pytest.raises(Exception, match="closed database"):
        db.execute("SELECT 1")
    with pytest.raises(mdcache.WorkError, match="is closed: open it again"):
        cache.status()


# What it is given


def test_a_folder_a_cache_file_or_settings_may_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = mdcache.settings(folder, docs=(".",), database="other.db")
    assert mdcache.rebuild(settings).database == str(folder / "other.db")
    monkeypatch.chdir(folder.parent)
    for where in (settings, folder / "other.db", os.path.relpath(folder / "other.db")):
        with mdcache.open(where) as cache:
            assert (cache.path, cache.status().documents) == (str(folder / "other.db"), 2)
            assert cache.read("a").path == "a.md"
    assert mdcache.rebuild(folder.name).database == str(folder / ".mdcache/cache.db")
    assert mdcache.sync(settings).unchanged == 2


def test_settings_are_found_as_by_a_command(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = vault({"mdcache.toml": "docs = ['d']\ndatabase = 'x.db'", "d/a.md": "# A\n", "b.md": "# B\n"})
    assert mdcache.rebuild(folder / "d").documents == 1
    assert (folder / "x.db").exists()
    monkeypatch.setenv("MDCACHE_DB", str(folder / "y.db"))
    assert mdcache.rebuild(folder).database == str(folder / "y.db")
    (folder / "mdcache.toml").write_text("dcos = []")
    for call in (mdcache.rebuild, mdcache.sync, mdcache.check, mdcache.verify, mdcache.open, mdcache.settings):
        with pytest.raises(mdcache.UsageError, match="no setting is called 'dcos'"):
            call(folder)
    with pytest.raises(mdcache.UsageError, match="no setting is called 'dcos'"):
        next(mdcache.watch(folder))


def test_what_is_not_there_is_one_clear_error(folder: Path) -> None:
    with pytest.raises(mdcache.WorkError, match=r"no cache at .*: run mdcache rebuild"):
        mdcache.open(folder)
    with pytest.raises(mdcache.UsageError, match="no such folder"):
        mdcache.open(folder / "none")
    with pytest.raises(mdcache.UsageError, match="no such folder"):
        mdcache.rebuild(folder / "none")


def test_check_judges_revisions_and_paths(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    (folder / "b.md").write_text("[x](gone.md)\n")
    assert [one.problem.path for one in mdcache.check(folder)] == ["a.md", "a.md", "b.md"]
    assert [one.problem.path for one in mdcache.check(folder, paths=("b.md",))] == ["b.md"]
    assert [one.problem.path for one in mdcache.check(folder, rev="HEAD")] == ["a.md"]
    assert [one.problem.path for one in mdcache.check(folder, staged=True)] == []
    assert "gone.md" in [one.problem.message for one in mdcache.check(folder, against="HEAD")][-1]
    settings = mdcache.settings(folder, docs=(".",))
    assert [one.problem.path for one in mdcache.check(settings, rev="HEAD")] == ["a.md"]


def test_progress_adds_up(folder: Path) -> None:
    seen: list[int] = []
    output = folder / "out.db"
    mdcache.rebuild(folder, progress=seen.append, output=output, reproducible=True, workers=0)
    assert sum(seen) == 2
    with mdcache.open(output) as cache:
        assert cache.search("cold")[0].path == "b.md"
    with pytest.raises(ZeroDivisionError):
        mdcache.rebuild(folder, progress=lambda _: seen.append(1 // 0))
    assert not (folder / ".mdcache" / "cache.db.build").exists()


def test_a_cache_that_is_replaced_goes_on_answering(folder: Path, cache: mdcache.Cache) -> None:
    shutil.rmtree(folder / ".mdcache")
    with pytest.raises(mdcache.WorkError, match="no cache"):
        cache.status()
    (folder / "c.md").write_text("# C\n")
    mdcache.rebuild(folder)
    assert cache.status().documents == 3


# Watching


def test_watch_yields_a_batch_for_each_change_until_it_is_stopped(folder: Path) -> None:
    stop, seen = threading.Event(), []
    for batch in mdcache.watch(folder, stop=stop):
        seen.append((batch.added, batch.removed))
        if len(seen) == 1:
            (folder / "new.md").write_text("# New\n")
        elif len(seen) == 2:
            (folder / "b.md").unlink()
        else:
            stop.set()
    assert seen == [(2, 0), (1, 0), (0, 1)]
    with mdcache.open(folder) as cache:
        assert cache.status().watcher is None


def test_a_watcher_that_is_let_go_is_gone(folder: Path) -> None:
    batches = mdcache.watch(folder)
    next(batches)
    with mdcache.open(folder) as cache:
        watcher = cache.status().watcher
        assert watcher
        batches.close()
        assert is_gone(watcher["pid"])
        assert cache.status().watcher is None


# The process that uses it


def test_nothing_of_the_process_is_changed(folder: Path) -> None:
    def state() -> tuple[Any, ...]:
        return (
            signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
            [resource.getrlimit(one) for one in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE)],
            (threading.excepthook, sys.excepthook, threading.active_count()),
            (dict(os.environ), os.getcwd(), list(sys.path)),
            sorted(os.listdir("/dev/fd")),
        )

    (folder / "mdcache.toml").write_text("[check.rules]\nx = \"SELECT path, 'x' AS message FROM nodes\"\n")
    before = state()
    mdcache.rebuild(folder)
    assert len(mdcache.check(folder)) == 3
    mdcache.verify(folder)
    with mdcache.open(folder) as cache, contextlib.closing(mdcache.watch(folder)) as batches:
        next(batches)
        cache.search("cache")
        cache.query("SELECT section_text(key) FROM sections")
        cache.connection()
    assert state() == before


SCRIPT = """
import sys, mdcache
print("once")
def work():
    print(mdcache.rebuild(workers=2).documents, mdcache.sync().unchanged, mdcache.verify().ok)
    for batch in mdcache.watch():
        print(batch.changed)
        break
"""
THREAD = "\nimport threading\nthread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"


@pytest.mark.parametrize(
    ("arguments", "end"),
    [(("script.py",), "\nwork()\n"), (("-i", "-q"), "\nwork()\n"), (("script.py",), THREAD)],
    ids=["a script without a guard", "a REPL", "a thread"],
)
def test_it_works_wherever_it_is_used(arguments: tuple[str, ...], end: str, vault: Vault) -> None:
    folder = vault({f"d/{number}.md": f"# {number}\n" for number in range(600)})
    (folder / "script.py").write_text(SCRIPT + end)
    with open(folder / "script.py", "rb") as stdin:
        home = {**os.environ, "HOME": str(folder)}  # where a REPL keeps its history
        done = run((sys.executable, *arguments), folder, stdin=stdin, env=home)
    assert done.stdout.split() == ["once", "600", "600", "True", "0"], done.stderr


def test_several_caches_are_used_at_once(vault: Vault) -> None:
    folders = [vault({f"{number}-{n}.md": f"# N{n}\n" for n in range(number + 1)}) for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert [report.documents for report in pool.map(mdcache.rebuild, folders)] == [1, 2, 3]
        caches = [mdcache.open(folder) for folder in folders]
        assert [found.documents for found in pool.map(mdcache.Cache.status, caches * 5)] == [1, 2, 3] * 5


BUSY = """
import mdcache
mdcache.rebuild(workers=2, progress=lambda _: print("begun", flush=True))
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_what_it_has_started_ends_with_it(name: str, vault: Vault) -> None:
    folder = vault({f"d/{number}.md": f"# {number}\n" * 20 for number in range(4000)})
    with start((sys.executable, "-c", BUSY), folder) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        children = descendants(process.pid)
        assert children
        process.send_signal(signal.Signals[name])
        _, said = process.communicate(timeout=60)
    assert all(is_gone(pid) for pid in children)
    if name == "SIGINT":
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert not (folder / ".mdcache" / "cache.db.build").exists()
    assert mdcache.rebuild(folder).documents == 4000


TRIES = """
import sqlite3, sys
for path in sys.stdin:
    db = sqlite3.connect(path.strip(), timeout=0, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        print("free", flush=True)
    except sqlite3.OperationalError as error:
        print(error, flush=True)
    db.close()
"""
SLOW = """
CREATE TABLE seen (n);
CREATE TRIGGER slow AFTER UPDATE ON nodes WHEN new.title = 'slow' BEGIN
  INSERT INTO seen
  WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 20000000) SELECT max(n) FROM t;
END;
"""


def test_a_writer_keeps_its_lock_whatever_other_sqlite_the_process_uses(vault: Vault) -> None:
    """Another copy of SQLite that closes the file drops all locks that this process has on it, those of ours too."""
    import sqlite3

    folder = vault({"mdcache.toml": "schema = ['slow.sql']", "slow.sql": SLOW, "a.md": "# A\n"})
    path = mdcache.rebuild(folder).database
    (folder / "a.md").write_text("# slow\n")
    with (
        start((sys.executable, "-c", TRIES), folder, stdin=subprocess.PIPE) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        assert other.stdin and other.stdout

        def tried() -> str:
            assert other.stdin and other.stdout
            other.stdin.write(f"{path}\n")
            other.stdin.flush()
            return other.stdout.readline().strip()

        syncing = pool.submit(mdcache.sync, folder)
        locked_since = time.monotonic()
        while time.monotonic() < locked_since + 0.3:  # to open a cache takes a lock, too, for a moment
            locked_since = time.monotonic() if tried() == "free" else locked_since
            assert not syncing.done()
        sqlite3.connect(path).execute("SELECT count(*) FROM nodes").connection.close()
        said = tried()
        assert not syncing.done(), "the test was too slow to see anything"
        assert said == "database is locked"
        syncing.result()
        other.stdin.close()

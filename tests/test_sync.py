from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyromark
import pytest
import yaml
from caches import query, settings_of
from law import assert_law, content, did, explained, settle, synced
from processes import MDCACHE, PATIENCE_S, UNPRIVILEGED, mdcache, one_line, run, start

from mdcache.config.settings import Settings
from mdcache.errors import UsageError, WorkError
from mdcache.store import connections, ddl, lock, swap
from mdcache.syncing import sync, update

Vault = Callable[..., Path]


@pytest.fixture
def base(vault: Vault) -> Path:
    """A folder of documents with settings, and its cache."""
    folder = vault({"mdcache.toml": 'docs = ["docs"]\n', "docs/a.md": "# A\n\n[[b]]\n", "docs/b.md": "# B\n"})
    synced(settings_of(folder))
    return folder


# Nothing changed


def state(found: Settings) -> dict[str, tuple[int, int, str]]:
    """Size, mtime and bytes of all that belongs to the cache; read elsewhere, to drop no lock of SQLite here."""
    names = [found.database + side for side in ("", "-wal", "-shm", "-journal", ".lock", ".build")]
    command = "import hashlib, sys\nfor n in sys.argv[1:]: print(hashlib.sha256(open(n, 'rb').read()).hexdigest())"
    there = [name for name in names if os.path.exists(name) and not name.endswith("-shm")]
    hashes = run((sys.executable, "-c", command, *there), Path(found.base)).stdout.split()
    stats = {name: os.stat(name) for name in there}
    return {
        os.path.basename(name): (stats[name].st_size, stats[name].st_mtime_ns, hash_)
        for name, hash_ in zip(there, hashes, strict=True)
    }


def test_when_nothing_has_changed_nothing_is_written(base: Path) -> None:
    live = settings_of(base)
    settle(live)
    before = state(live)
    assert did(synced(live)) == (0, 0, 0)
    assert did(sync.sync(live, sync.Options(digest=True))) == (0, 0, 0)
    assert state(live) == before


def test_when_nothing_has_changed_no_lock_is_taken(base: Path) -> None:
    live = settings_of(base)
    settle(live)
    with lock.held(live.database, "a test", 0):
        assert did(sync.sync(live, sync.Options(wait_s=0))) == (0, 0, 0)
        (base / "docs" / "a.md").write_text("# Changed\n")
        with pytest.raises(WorkError, match="is held by a test"):
            sync.sync(live, sync.Options(wait_s=0))


def test_a_stamp_from_the_future_is_looked_at_each_time_and_nothing_is_written(base: Path) -> None:
    live = settings_of(base)
    future = time.time() + 1e6
    os.utime(base / "docs" / "a.md", (future, future))
    synced(live)
    assert query(live, "SELECT path FROM files WHERE mtime_ns IS NULL") == [("docs/a.md",)]
    before = state(live)
    with lock.held(live.database, "a test", 0):
        assert did(sync.sync(live, sync.Options(wait_s=0))) == (0, 0, 0)
    after = state(live)
    assert {name: after[name] for name in after if not name.endswith(".lock")} == {
        name: before[name] for name in before if not name.endswith(".lock")
    }
    (base / "docs" / "a.md").write_text("# B\n\n[[b]]\n")
    os.utime(base / "docs" / "a.md", (future, future))
    assert did(synced(live)) == (0, 1, 0)


def test_another_time_and_the_same_bytes_settle_the_stamp_and_no_more(base: Path) -> None:
    live = settings_of(base)
    settle(live)
    os.utime(base / "docs" / "a.md", (1e9, 1e9))
    report = synced(live)
    assert did(report) == (0, 0, 0)
    assert report.digest is not None
    assert query(live, "SELECT count(*) FROM history") == [(0,)]
    assert query(live, "SELECT mtime_ns FROM files WHERE path = 'docs/a.md'") == [(10**18,)]


# What has changed


def rewritten(base: Path, count: int, times: int) -> int:
    """How many of these same-size rewrites, each right after a sync, were found by the next one."""
    live = settings_of(base)
    files = [base / "docs" / f"{number}.md" for number in range(count)]
    for file in files:
        file.write_bytes(b"AAAA")
    synced(live)
    found = 0
    for time_ in range(times):
        for file in files:
            before = file.stat()
            file.write_bytes(b"%04d" % time_)
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        found += synced(live).changed
    return found


def test_a_rewrite_of_the_same_size_in_the_same_step_of_the_clock_is_found(base: Path) -> None:
    assert rewritten(base, 1, 60) == 60
    assert_law(settings_of(base))


def test_very_many_rewrites_at_once_are_found(base: Path) -> None:
    assert rewritten(base, 600, 1) == 600


def test_a_removed_document_leaves_broken_links_and_its_return_mends_them(base: Path) -> None:
    live = settings_of(base)
    (base / "docs" / "b.md").unlink()
    assert did(synced(live)) == (0, 0, 1)
    assert query(live, "SELECT path, code FROM problems") == [("docs/a.md", "broken-link")]
    (base / "docs" / "b.md").write_text("# B\n")
    assert did(synced(live)) == (1, 0, 0)
    assert query(live, "SELECT path, code FROM problems") == []


def test_a_document_that_is_ignored_leaves_and_comes_back(base: Path) -> None:
    live = settings_of(base)
    (base / ".gitignore").write_text("b.md\n")
    assert did(synced(live)) == (0, 0, 1)
    (base / ".gitignore").unlink()
    assert did(synced(live)) == (1, 0, 0)
    assert_law(live)


def test_a_name_that_is_not_utf8_comes_and_goes_as_a_problem(base: Path) -> None:
    live = settings_of(base)
    settle(live)
    odd = os.fsencode(base / "docs") + b"/\xff.md"
    with open(odd, "wb"):
        pass
    assert did(synced(live)) == (0, 0, 0)
    assert query(live, "SELECT path, code FROM problems") == [("docs/\\xff.md", "odd-name")]
    with lock.held(live.database, "a test", 0):
        assert did(sync.sync(live, sync.Options(wait_s=0))) == (0, 0, 0)
    os.unlink(odd)
    stale = sync.stale(live)
    assert stale and stale.changes == (("changed", "docs/\\xff.md"),)
    synced(live)
    assert query(live, "SELECT path, code FROM problems") == []


def test_a_file_that_cannot_be_read_comes_and_goes_as_a_problem(base: Path) -> None:
    command = (*UNPRIVILEGED, *MDCACHE, "sync", "--json", "--wait", "0")
    live = settings_of(base)
    (base / "docs" / "b.md").chmod(0)
    assert json.loads(run(command, base).stdout)["removed"] == 1
    assert query(live, "SELECT path, code FROM problems ORDER BY path") == [("docs/b.md", "unreadable")]
    assert query(live, "SELECT path FROM unresolved_links JOIN nodes ON nodes.key = source") == []  # the file is there
    with lock.held(live.database, "a test", 0):  # nothing is left to do, so nobody has to wait
        assert json.loads(run(command, base).stdout)["unchanged"] == 1
        assert run((*command, "--check"), base).returncode == 0
    (base / "docs" / "b.md").chmod(0o600)
    assert json.loads(run(command, base).stdout)["added"] == 1
    assert_law(live)


def test_a_folder_that_cannot_be_listed_removes_nothing(base: Path, vault: Vault) -> None:
    vault({"docs/deep/c.md": "# C\n"}, into=base)
    live = settings_of(base)
    synced(live)
    before = content(live.database)
    (base / "docs" / "deep").chmod(0)
    said = one_line(run((*UNPRIVILEGED, *MDCACHE, "sync"), base), 3)
    assert "cannot list" in said
    (base / "docs" / "deep").chmod(0o700)
    shutil.move(base / "docs", base / "elsewhere")
    with pytest.raises(WorkError, match="cannot list"):
        synced(live)
    assert content(live.database) == before


def test_very_many_changes_are_parsed_by_workers_and_the_law_holds(base: Path, vault: Vault) -> None:
    live = settings_of(base)
    vault({f"docs/m/{number}.md": f"# {number}\n\n[[{number + 1}]] [[a]]\n" for number in range(1300)}, into=base)
    assert did(synced(live)) == (1300, 0, 0)
    assert_law(live)
    shutil.rmtree(base / "docs" / "m")
    # More than a tenth has been replaced after that, so the next one would rebuild.
    assert did(synced(live)) == (0, 0, 1300)
    assert_law(live)


def test_a_document_of_very_many_parts_comes_changes_and_goes(base: Path) -> None:
    """More of each than one statement takes."""
    live = settings_of(base)
    part = "## Part {0}\n\n[[parts#Part {0}]]\n\n- [ ] task\n\n```sh\n```\n\n^anchor{0}\n\n"
    for numbers in (range(3000), range(1000, 3500), range(0)):
        (base / "docs" / "words.md").write_text("".join(map("#tag{0}\nkey{0}:: value\n".format, numbers)))
        (base / "docs" / "parts.md").write_text("".join(map(part.format, numbers)))
        assert did(synced(live)) in ((2, 0, 0), (0, 2, 0))
        assert_law(live)


def test_very_many_documents_pass_their_ids_on(vault: Vault) -> None:
    def documents(shift: int) -> dict[str, str]:
        return {f"{number:04}.md": f"---\nid: id{(number + shift) % 1200}\n---\n" for number in range(1200)}

    base = vault(documents(0))
    live = settings_of(base)
    synced(live)
    vault(documents(700), into=base)
    assert did(synced(live)) == (0, 1200, 0)
    assert_law(live)


# The log


def test_for_one_who_goes_on_the_log_is_cut_only_when_it_is_long(base: Path, vault: Vault) -> None:
    live, look = settings_of(base), sync.Look(wait_s=0, patient=True)

    def checkpoint() -> swap.Checkpoint | None:
        return sync.update(live, look, lambda _, __, done: done, lambda _: None)

    def log_bytes() -> int:
        return os.path.getsize(live.database + "-wal")

    with closing(connections.open_reader(live.database)) as reader:
        vault({"docs/a.md": "# Little\n"}, into=base)
        done = checkpoint()
        assert done and done.log == done.checkpointed > 0 < log_bytes()
        vault({f"docs/{n}.md": f"# Much {n}\n\n{' '.join(map(str, range(n, n + 20_000)))}\n" for n in range(30)}, base)
        assert checkpoint() == (False, 0, 0) and log_bytes() == 0
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM nodes").fetchone() == (32,)
        vault({f"docs/{n}.md": f"# Other {n}\n\n{' '.join(map(str, range(n, n + 20_000)))}\n" for n in range(30)}, base)
        done = checkpoint()
        assert done and done.busy and log_bytes() > 4 << 20
    assert_law(live)


# The user's own schema

OWN = """
CREATE TABLE seen (path TEXT PRIMARY KEY, title TEXT);
CREATE TRIGGER came AFTER INSERT ON nodes BEGIN INSERT INTO seen VALUES (new.path, new.title); END;
CREATE TRIGGER stayed AFTER UPDATE ON nodes BEGIN UPDATE seen SET title = new.title WHERE path = new.path; END;
CREATE TRIGGER went AFTER DELETE ON nodes BEGIN DELETE FROM seen WHERE path = old.path; END;
"""


def with_schema(base: Path, ddl: str) -> Settings:
    (base / "own.sql").write_text(ddl)
    (base / "mdcache.toml").write_text('docs = ["docs"]\nschema = ["own.sql"]\n')
    return settings_of(base)


def test_the_users_triggers_follow_every_change(base: Path) -> None:
    live = with_schema(base, OWN)
    assert explained(live)[1] == ["settings, schema or versions have changed"]
    (base / "docs" / "a.md").write_text("# Again\n")
    (base / "docs" / "b.md").rename(base / "docs" / "c.md")
    assert did(synced(live)) == (1, 1, 1)
    assert query(live, "SELECT path, title FROM seen ORDER BY path") == [("docs/a.md", "Again"), ("docs/c.md", "B")]
    assert_law(live)


def test_a_document_that_changes_keeps_its_id_before_the_users_triggers(base: Path) -> None:
    live = with_schema(
        base,
        "CREATE TABLE ids (id); CREATE TRIGGER t AFTER UPDATE ON nodes BEGIN INSERT INTO ids VALUES (new.id); END;",
    )
    synced(live)
    (base / "docs" / "a.md").write_text("# Again\n")
    synced(live)
    assert {id_ for (id_,) in query(live, "SELECT id FROM ids")} <= {"docs/a", "docs/b"}


def test_a_trigger_that_fails_for_changes_only_leads_to_a_new_generation(base: Path) -> None:
    live = with_schema(
        base, "CREATE TRIGGER t BEFORE DELETE ON nodes BEGIN SELECT raise(ABORT, 'not on my watch'); END;"
    )
    synced(live)
    (base / "docs" / "a.md").unlink()
    report, said = explained(live)
    assert report.rebuilt
    assert said == ["a trigger or view of the schema files fails (not on my watch)"]
    assert_law(live)


def test_a_trigger_that_writes_to_our_tables_is_not_obeyed(base: Path) -> None:
    live = with_schema(base, "CREATE TRIGGER t AFTER DELETE ON nodes BEGIN DELETE FROM tags; END;")
    try:
        synced(live)
    except UsageError as error:
        assert "t" in str(error)  # refused when the schema is applied
        return
    (base / "docs" / "a.md").unlink()
    report, said = explained(live)
    assert report.rebuilt and "a trigger or view of the schema files fails" in said[0]


def being_written(found: Settings) -> bool:
    with closing(connections.open_live(found.database, 0)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except connections.SqliteError:
            return True
        db.execute("ROLLBACK")
        return False


def test_a_trigger_that_never_ends_can_be_stopped(base: Path) -> None:
    live = with_schema(
        base,
        "CREATE TRIGGER t AFTER DELETE ON nodes BEGIN SELECT count(*) FROM"
        " (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END;",
    )
    synced(live)
    before = content(live.database)
    (base / "docs" / "a.md").unlink()
    with start((*MDCACHE, "sync"), base) as process:
        looks = 0
        while process.poll() is None and looks < 3:  # it is in the trigger, not on its way there
            looks = looks + 1 if being_written(live) else 0
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, said) == (130, ("", "\nmdcache: interrupted: the cache is as it was\n"))
    assert content(live.database) == before


# As mdcache does, but Ctrl-C comes while SQLite asks whether a user's trigger may do what it does, the given time.
STOPPED_WHILE_ASKED = """
import os, signal, sys
from mdcache.cli import main as cli
from mdcache.store import authorizer
make, left = authorizer.writing_with_user_triggers, int(sys.argv.pop(1))
def made(*names):
    authorize = make(*names)
    def asked(*what):
        global left
        left -= what[4] == "went"
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return authorize(*what)
    return asked
authorizer.writing_with_user_triggers = made
cli.main()
"""


@pytest.mark.parametrize("command", ["sync", "rebuild"])
def test_a_stop_while_sqlite_asks_about_a_trigger_is_no_refusal(base: Path, command: str) -> None:
    live = with_schema(base, OWN)
    synced(live)
    (base / "docs" / "a.md").unlink()
    before = content(live.database)
    done = run((sys.executable, "-c", STOPPED_WHILE_ASKED, "2", command), base)
    assert (done.returncode, done.stderr) == (130, "\nmdcache: interrupted: the cache is as it was\n")
    assert content(live.database) == before
    assert did(synced(live)) == (0, 0, 1)


# Others at the same time


def test_two_syncs_at_once_do_the_work_once(base: Path, vault: Vault) -> None:
    live = settings_of(base)
    vault({f"docs/m/{number}.md": f"# {number}\n" for number in range(300)}, into=base)
    command = (*MDCACHE, "sync", "--json")
    both = [start(command, base), start(command, base)]
    reports = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert sum(report["added"] for report in reports) == 300
    assert query(live, "SELECT count(*) FROM history") == [(300,)]
    assert_law(live)


def test_sync_beside_rebuild_loses_nothing(base: Path, vault: Vault) -> None:
    live = settings_of(base)
    turn = 0
    for _ in range(4):
        with start((*MDCACHE, "rebuild", "--json"), base) as rebuilding:
            while rebuilding.poll() is None:
                turn += 1
                vault({f"docs/{turn % 7}.md": f"# Turn {turn}\n\n[[{(turn + 1) % 7}]]\n"}, into=base)
                synced(live)
            assert (rebuilding.returncode, rebuilding.communicate()[1]) == (0, "")
    synced(live)
    assert_law(live)


# Interrupted


def test_what_a_rebuild_that_was_killed_has_left_is_removed(base: Path) -> None:
    live = settings_of(base)
    left = [Path(live.database + side) for side in (".build", ".build-journal")]
    for file in left:
        file.write_bytes(Path(live.database).read_bytes())
    (base / "docs" / "a.md").write_text("# Other\n")
    assert did(synced(live)) == (0, 1, 0)
    assert not any(file.exists() for file in left)


def test_a_sync_that_is_interrupted_says_what_is_in(base: Path, vault: Vault) -> None:
    live = settings_of(base)
    vault({f"docs/m/{number}.md": f"# {number}\n" for number in range(1200)}, into=base)

    def stop(_: int) -> None:
        if query(live, "SELECT 1 FROM history"):
            raise KeyboardInterrupt

    with pytest.raises(sync.Interrupted, match="512 changes are in") as caught:
        sync.sync(live, sync.Options(), stop)
    assert caught.value.status == 130
    assert synced(live).added == 1200 - 512
    assert_law(live)


# The command

KEYS = [
    *("database", "generation", "documents", "sections", "links", "unresolved", "problems"),
    *("added", "changed", "removed", "unchanged", "seconds", "digest", "fingerprint", "rebuilt"),
]


def test_the_command_reports_what_it_did(base: Path) -> None:
    (base / "docs" / "c.md").write_text("# C\n\n[[gone]]\n")
    done = mdcache(base, "sync", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, list(report)) == (0, "", KEYS)
    assert {key: report[key] for key in KEYS[1:11]} == {
        "generation": 1,
        "documents": 3,
        "sections": 6,
        "links": 2,
        "unresolved": 1,
        "problems": 1,
        "added": 1,
        "changed": 0,
        "removed": 0,
        "unchanged": 2,
    }
    assert (report["digest"], report["rebuilt"]) == (None, False)
    assert re.fullmatch(
        r"0 added, 0 changed, 0 removed, 3 unchanged, \d\.\d\d s: .*cache\.db\n", mdcache(base, "sync").stdout
    )
    assert mdcache(base, "sync", "--quiet").stdout == ""


def test_the_digest_is_computed_when_asked_for(base: Path) -> None:
    (base / "docs" / "c.md").write_text("# C\n")
    report = json.loads(mdcache(base, "sync", "--json", "--digest").stdout)
    assert report["digest"] == json.loads(mdcache(base, "rebuild", "--json").stdout)["digest"]


def test_the_command_says_in_one_line_why_it_built_anew(base: Path) -> None:
    before = json.loads(mdcache(base, "status", "--json").stdout)["generation"]
    (base / "docs" / "a.md").write_text("# Changed\n")
    (base / "mdcache.toml").write_text('docs = ["docs"]\nsize_limit = 1000\n')
    done = mdcache(base, "sync", "--json")
    report = json.loads(done.stdout)
    assert done.stderr == "mdcache: rebuilt: settings, schema or versions have changed\n"
    assert (report["rebuilt"], report["generation"], report["changed"]) == (True, before + 1, 1)
    assert list(report) == KEYS and report["digest"]


def test_check_tells_what_is_stale_and_writes_nothing(base: Path) -> None:
    live = settings_of(base)
    settle(live)
    (base / "docs" / "a.md").write_text("# Changed\n")
    (base / "docs" / "b.md").unlink()
    (base / "docs" / "c.md").write_text("# C\n")
    before = state(live)
    done = mdcache(base, "sync", "--check")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "changed  docs/a.md\nremoved  docs/b.md\nadded  docs/c.md\n"
    done = mdcache(base, "sync", "--check", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "database": live.database,
        "stale": True,
        "rebuild": None,
        "added": ["docs/c.md"],
        "changed": ["docs/a.md"],
        "removed": ["docs/b.md"],
    }
    assert state(live) == before
    synced(live)
    assert (mdcache(base, "sync", "--check").returncode, mdcache(base, "sync", "--check").stdout) == (0, "")


def test_check_makes_nothing_where_nothing_is(vault: Vault) -> None:
    folder = vault({"a.md": "# A\n"})
    done = mdcache(folder, "sync", "--check", ".")
    assert (done.returncode, done.stdout) == (1, "rebuild  there is no cache yet\n")
    assert [file.name for file in folder.iterdir()] == ["a.md"]


def test_a_touched_document_is_not_stale(base: Path) -> None:
    os.utime(base / "docs" / "a.md", (1e9, 1e9))
    assert mdcache(base, "sync", "--check").returncode == 0


def test_without_documents_the_command_says_what_to_do(tmp_path: Path) -> None:
    assert "no documents named" in one_line(mdcache(tmp_path, "sync"), 2)


def test_a_sync_that_finds_nothing_loads_no_parser(base: Path) -> None:
    settle(settings_of(base))
    code = """
import sys
from mdcache.cli.main import main
try:
    main()
finally:
    print(sorted(sys.modules), file=sys.stderr)
"""
    done = run((sys.executable, "-c", code, "sync", "--quiet"), base)
    loaded = set(re.findall(r"'([\w.]+)'", done.stderr))
    assert "mdcache.syncing.sync" in loaded
    assert not loaded & {
        "yaml",
        "pyromark",
        "multiprocessing",
        "mdcache.parse.parse",
        "mdcache.build.layout",
        "tabulate",
    }


def test_the_versions_in_the_fingerprint_are_those_of_the_parsers_that_are_used() -> None:
    assert ddl._version("pyromark", "pyromark") == pyromark.__version__
    assert ddl._version("yaml", "pyyaml") == ddl._version("yaml", "no such folder beside it") == yaml.__version__


def test_a_lock_file_that_cannot_be_stamped_is_one_clear_line(base: Path) -> None:
    path = settings_of(base).database
    os.unlink(lock.path_of(path))
    with pytest.raises(WorkError, match=f"cannot stamp {re.escape(path)}.lock: No such file or directory"):
        update.clock(path)

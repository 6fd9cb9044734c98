"""What doctor sees of real disks, processes, locks and limits; the command from end to end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from caches import settings_of
from processes import MDCACHE, PATIENCE_S, UNPRIVILEGED, WATCHES, is_gone, limited, may_limit, mdcache, run, start
from watching import watched

from mdcache.build import rebuild
from mdcache.doctor import doctor
from mdcache.paths import up
from mdcache.store import lock, place, watchstate

Vault = Callable[..., Path]

FILES = {"docs/a.md": "# A\n\n[[b]]\n", "docs/b.md": "# B\n"}
NAMESPACE = ("unshare", "--mount") if os.getuid() == 0 else ("unshare", "--map-root-user", "--mount")
INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")


@pytest.fixture
def folder(vault: Vault) -> Path:
    """Documents and a cache of them."""
    folder = vault(FILES)
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    return folder


def database_of(folder: Path) -> str:
    return str(folder / ".mdcache/cache.db")


def told(folder: Path, *before: str, status: int = 1) -> dict[str, dict[str, Any]]:
    """What doctor says, by check; those of which there are several, by the last. status: that in which it ends."""
    done = run((*before, *MDCACHE, "doctor", "--json"), folder)
    assert (done.returncode, done.stderr) == (status, ""), done
    found = json.loads(done.stdout)
    assert found["ok"] == (status == 0)
    return {check["check"]: check for check in found["checks"]}


def stamps(folder: Path) -> dict[str, int]:
    """When each file was last written, but for the side files that a reader makes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {str(path): path.stat().st_mtime_ns for path in files}


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The checks that are not ok."""
    return {name: check["level"] for name, check in found.items() if check["level"] != "ok"}


# The command


def test_where_all_is_well_it_ends_with_0_and_a_line_for_each_check(folder: Path) -> None:
    done = mdcache(folder, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok       ") for line in lines)
    names = [line.split()[1].rstrip(":") for line in lines]
    assert names[:6] == ["settings", "sqlite", "imports", "state", "root", "documents"]
    assert levels(told(folder, status=0)) == {}


def test_it_changes_nothing(folder: Path) -> None:
    before = stamps(folder)
    told(folder, status=0)
    assert stamps(folder) == before


def test_a_warning_stands_in_one_line_with_its_fix(vault: Vault) -> None:
    done = mdcache(vault({"mdcache.toml": 'docs = ["."]\n', "a.md": "# A\n"}), "doctor")
    assert done.returncode == 1
    assert "fix: mdcache rebuild" in next(line for line in done.stdout.splitlines() if line.startswith("warning"))


def test_settings_that_cannot_be_read_are_told_of_and_do_not_end_it(vault: Vault) -> None:
    found = told(vault({"mdcache.toml": "docs = [\n"}))
    assert levels(found) == {"settings": "error"}
    assert found["sqlite"]["level"] == "ok"


# Documents


def test_a_root_that_is_gone_is_seen(vault: Vault) -> None:
    found = told(vault({"mdcache.toml": 'docs = ["gone"]\n'}))
    assert levels(found) == {"root": "error", "cache": "warning"}


@pytest.mark.skipif(os.getuid() == 0 and not UNPRIVILEGED, reason="root reads everything")
def test_documents_and_folders_that_cannot_be_read_are_seen(folder: Path) -> None:
    (folder / "docs/a.md").chmod(0)
    found = told(folder, *UNPRIVILEGED)
    assert levels(found) == {"documents": "warning"}
    assert found["documents"]["saw"] == "1 of 2 cannot be read, as a.md"
    (folder / "docs").chmod(0)
    assert levels(told(folder, *UNPRIVILEGED))["documents"] == "error"
    (folder / "docs").chmod(0o755)


# The file at the database's path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open", "others may write to it"),
        ("file", "it is no folder"),
        ("file/below", "it cannot be written to"),
        ("link", "it is no folder"),
        ("open-within/made", "others may write to it"),
        ("state", "it must be an absolute path"),
        pytest.param("theirs", "it belongs to user 12345", marks=pytest.mark.skipif(os.geteuid() != 0, reason="root")),
    ],
)
def test_a_state_folder_that_does_not_count_is_seen(folder: Path, tmp_path: Path, name: str, said: str) -> None:
    for one, mode in (("open", 0o777), ("theirs", 0o700), ("open-within", 0o700), ("open-within/made", 0o770)):
        (tmp_path / one).mkdir()
        (tmp_path / one).chmod(mode)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("theirs")
    if os.geteuid() == 0:  # nobody else gives files to others
        os.chown(tmp_path / "theirs", 12345, 12345)
    place = name if name == "state" else str(tmp_path / name.removesuffix("/made"))
    done = run((*MDCACHE, "doctor"), folder, env={**os.environ, "MDCACHE_STATE": place})
    (line,) = (line for line in done.stdout.splitlines() if line.split()[1] == "state:")
    assert line.startswith("warning  state: ") and said in line
    assert line.endswith("fix: name a folder of your own with MDCACHE_STATE")
    assert done.returncode == 1 and "bug" not in done.stderr


def test_a_state_folder_that_is_not_there_yet_is_fine_and_not_made(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "deep/state"
    done = run((*MDCACHE, "doctor"), folder, env={**os.environ, "MDCACHE_STATE": str(place)})
    assert f"ok       state: {place}" in done.stdout and not place.parent.exists()


def test_a_foreign_file_is_seen_and_stays(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'docs = ["docs"]\n', ".mdcache/cache.db": b"somebody else's"})
    found = told(folder)
    assert levels(found) == {"cache": "error"}
    assert "is not a cache of mdcache" in found["cache"]["saw"]
    assert Path(database_of(folder)).read_bytes() == b"somebody else's"


def test_a_foreign_file_is_seen_without_settings_too(vault: Vault) -> None:
    found = told(vault({**FILES, ".mdcache/cache.db": b"somebody else's"}))
    assert levels(found) == {"settings": "warning", "cache": "error"}


@pytest.mark.parametrize("at", [0, 8192 * 3, -8192], ids=["header", "middle", "end"])
def test_a_damaged_cache_is_seen(vault: Vault, at: int) -> None:
    folder = vault({**FILES, "mdcache.toml": 'docs = ["docs"]\n'})
    assert mdcache(folder, "rebuild").returncode == 0
    path = Path(database_of(folder))
    raw = bytearray(path.read_bytes())
    at %= len(raw)
    raw[at : at + 100] = b"\xa5" * 100
    path.write_bytes(raw)
    found = told(folder)
    assert levels(found) == {"cache": "error"}
    assert found["cache"]["fix"] == "mdcache rebuild"


def test_a_cache_of_other_settings_is_seen(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'docs = ["docs"]\n'})
    assert mdcache(folder, "rebuild").returncode == 0
    (folder / "mdcache.toml").write_text('docs = ["docs"]\nexclude = ["b.md"]\n')
    found = told(folder)
    assert levels(found) == {"cache": "warning"}
    assert found["cache"]["fix"] == "mdcache sync"


@pytest.mark.skipif(os.getuid() == 0 and not UNPRIVILEGED, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_seen(folder: Path) -> None:
    for name in (".mdcache/cache.db-wal", ".mdcache/cache.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / ".mdcache").chmod(0o555)
    try:
        assert levels(told(folder, *UNPRIVILEGED))["permissions"] == "error"
    finally:
        (folder / ".mdcache").chmod(0o755)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/home/you/Dropbox/notes", "Dropbox"),
        ("/home/you/Dropbox (Company)", "Dropbox"),
        ("/Users/you/Library/Mobile Documents/com~apple~CloudDocs/notes", "iCloud Drive"),
        ("C/OneDrive - Company/notes", "OneDrive"),
        ("/Users/you/Library/CloudStorage/GoogleDrive-you@example.org/notes", "Google Drive"),
        ("/home/you/Dropboxes/notes", None),
        ("/home/you/notes", None),
    ],
)
def test_a_synced_folder_is_known_by_its_name(path: str, service: str | None) -> None:
    found = next(filter(None, map(doctor.service_of, up(path))), None)
    assert found == service


@pytest.mark.parametrize(("mark", "service"), [(".stfolder/", "Syncthing"), (".dropbox", "Dropbox")])
def test_a_synced_folder_is_known_by_what_lies_in_it(vault: Vault, mark: str, service: str) -> None:
    folder = vault({**FILES, mark: ""})
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    found = told(folder)
    assert levels(found) == {"synced folder": "warning"}
    assert found["synced folder"]["saw"] == f"the cache is in {folder}, which looks like a folder of {service}"


# Disks


def mounted(options: tuple[str, ...], at: Path) -> bool:
    """Whether such a mount is allowed here, in a namespace of its own."""
    return run((*NAMESPACE, "mount", *options, str(at)), at.parent).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")
def test_a_full_disk_is_seen(vault: Vault) -> None:
    folder = vault({**FILES, ".mdcache/": "", "mdcache.toml": 'docs = ["docs"]\n'})
    if not mounted(("-t", "tmpfs", "none"), folder / ".mdcache"):
        pytest.skip("no mounts here: see the values in test_checks")
    fill = "mount -t tmpfs -o size=2m none .mdcache; dd if=/dev/zero of=.mdcache/x bs=64k 2>/dev/null"
    found = told(folder, *NAMESPACE, "sh", "-c", f'{fill}; exec "$@"', "sh")
    assert levels(found) == {"cache": "warning", "space": "error"}
    build = (
        f"mount -t tmpfs -o size=2m none .mdcache; {' '.join(MDCACHE)} rebuild --quiet; dd if=/dev/zero of=.mdcache/x"
    )
    found = told(folder, *NAMESPACE, "sh", "-c", f'{build} bs=64k 2>/dev/null; exec "$@"', "sh")
    assert levels(found) == {"cache": "error", "space": "error"}
    assert found["cache"]["means"] == "nothing can be read from it"
    assert found["file system"]["saw"] == "tmpfs"


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")
def test_a_read_only_file_system_is_seen(folder: Path) -> None:
    cache = folder / ".mdcache"
    if not mounted(("--bind", str(cache)), cache):
        pytest.skip("no mounts here: see the values in test_checks")
    script = 'mount --bind .mdcache .mdcache && mount -o remount,ro,bind .mdcache && exec "$@"'
    found = levels(told(folder, *NAMESPACE, "sh", "-c", script, "sh"))
    assert found["file system"] == found["permissions"] == "error"


def test_folders_may_nest_deeper_than_calls(folder: Path) -> None:
    subprocess.run(["mkdir", "-p", folder / "/".join(["docs"] + ["d"] * 1200)], check=True)
    try:
        assert told(folder, status=0)["documents"]["saw"].endswith(" in 1,201 folders")
    finally:
        subprocess.run(["rm", "-r", folder / "docs/d"], check=True)  # pytest's own recursion would not come back


# Limits


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_limit_that_the_folders_exceed_is_seen(folder: Path) -> None:
    """The limit is shown to doctor alone: lowered, it would hold for all who watch folders on this machine."""
    for number in range(20):
        (folder / f"docs/{number}").mkdir()
    limit = folder / "limit"
    limit.write_text("20\n")
    if not mounted(("--bind", str(limit)), INOTIFY):
        pytest.skip("no mounts here: see the values in test_checks")
    found = told(folder, *NAMESPACE, "sh", "-c", f'mount --bind limit {INOTIFY} && exec "$@"', "sh")
    assert levels(found) == {"inotify": "warning"}
    assert "sudo sysctl fs.inotify.max_user_watches=" in found["inotify"]["fix"]


@pytest.mark.skipif(not may_limit(), reason="limits of its own need Linux's user namespaces")
def test_the_limit_of_a_container_is_named_where_it_holds(folder: Path) -> None:
    found = told(folder, *limited(WATCHES, 3), status=0)
    assert "3 may be (user.max_inotify_watches)" in found["inotify"]["saw"]
    for name in ("node_modules", ".hidden"):
        (folder / f"docs/{name}/a/b/c/d").mkdir(parents=True)
    (folder / "docs/.gitignore").write_text("node_modules\n")
    assert told(folder, *limited(WATCHES, 3), status=0)["inotify"]["level"] == "ok"
    (folder / "docs/a/b/c").mkdir(parents=True)
    found = told(folder, *limited(WATCHES, 3))
    assert found["inotify"]["level"] == "warning"
    assert "sudo sysctl user.max_inotify_watches=" in found["inotify"]["fix"]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_the_folders_of_a_running_watcher_are_counted(tmp_path: Path) -> None:
    with watched(tmp_path) as watcher:
        assert sum(doctor.observed_by(str(watcher.process.pid))) >= 1
        assert not list(doctor.observed_by(str(os.getpid())))


# Others at work


def test_a_lock_that_is_held_is_seen_with_its_holder(vault: Vault) -> None:
    settings = settings_of(vault(FILES))
    rebuild.rebuild(settings, rebuild.Options(workers=0))

    def seen() -> str:
        return next(check.saw for check in doctor.diagnose(settings) if check.check == "lock")

    with lock.held(settings.database, "mdcache test"):
        assert seen().startswith(f"held by mdcache test (process {os.getpid()}, since ")
    assert seen() == "free"


def test_the_lock_of_a_killed_writer_is_free(folder: Path) -> None:
    hold = (
        "import sys, time; from mdcache.store import lock\n"
        "with lock.held(sys.argv[1], 'mdcache test'):\n"
        " print(flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen((sys.executable, "-c", hold, database_of(folder)), stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    assert "held by mdcache test" in told(folder, status=0)["lock"]["saw"]
    process.kill()
    process.wait(PATIENCE_S)
    process.stdout.close()
    assert told(folder, status=0)["lock"]["saw"] == "free"


def test_a_lock_that_outlives_the_process_it_names_is_seen(folder: Path) -> None:
    hold = (
        "import os, sys, time; from mdcache.store import lock\n"
        "with lock.held(sys.argv[1], 'mdcache test'):\n"
        " child = os.fork()\n"
        " if child: print(child, flush=True); os._exit(0)\n"
        " time.sleep(600)\n"
    )
    process = subprocess.Popen((sys.executable, "-c", hold, database_of(folder)), stdout=subprocess.PIPE)
    assert process.stdout
    child = int(process.stdout.readline())
    process.wait(PATIENCE_S)
    try:
        assert levels(told(folder)) == {"lock": "error"}
    finally:
        os.kill(child, signal.SIGKILL)
        assert is_gone(child)
        process.stdout.close()


def test_a_build_that_a_killed_rebuild_left_is_seen(folder: Path) -> None:
    Path(place.build_path(database_of(folder))).write_bytes(Path(database_of(folder)).read_bytes())
    assert levels(told(folder)) == {"lock": "warning"}
    assert mdcache(folder, "rebuild").returncode == 0
    assert levels(told(folder, status=0)) == {}


def test_a_watcher_that_was_killed_or_halted_is_seen(tmp_path: Path) -> None:
    with watched(tmp_path) as watcher:
        ask = ("doctor", "--json", "--db", watcher.database)

        def level() -> tuple[str, str | None]:
            found = json.loads(mdcache(tmp_path, *ask).stdout)["checks"][-1]
            return found["level"], found["fix"]

        assert level() == ("ok", None)
        if sys.platform == "linux":
            watcher.process.send_signal(signal.SIGSTOP)
            assert level() == ("warning", f"kill -CONT {watcher.process.pid}")
            watcher.process.send_signal(signal.SIGCONT)
        watcher.process.kill()
        watcher.process.wait(PATIENCE_S)
        assert level() == ("warning", "mdcache watch --detach")
        watcher.restart()
        assert level() == ("ok", None)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a name is text, and /proc is not there")
def test_the_process_of_a_killed_watcher_may_be_another_by_now_of_any_name(folder: Path) -> None:
    program = folder / os.fsdecode(b"\xff")
    program.symlink_to(shutil.which("sleep") or "")
    with start((str(program), "60"), folder, stdout=None, stderr=None) as other:
        left = watchstate.State(pid=other.pid, since="2026-01-01T00:00:00.000+00:00")
        Path(watchstate.path_of(database_of(folder))).write_text(json.dumps(left._asdict()))
        assert levels(told(folder)) == {"watcher": "warning"}
        other.kill()


# Git


@pytest.mark.parametrize(
    ("spoil", "saw"),
    [
        (lambda hook: hook.unlink(), "is gone"),
        (lambda hook: hook.chmod(0o644), "is not executable"),
        (lambda hook: hook.write_text(hook.read_text().replace("status=0", "status=1")), "was edited"),
        (lambda hook: hook.write_text("#!/bin/sh\n"), "is not the hook of mdcache"),
    ],
    ids=["gone", "not executable", "edited", "replaced"],
)
def test_a_hook_that_git_no_longer_runs_is_seen(
    folder: Path, git: Callable[..., str], spoil: Callable[[Path], Any], saw: str
) -> None:
    assert "hooks" not in told(folder, status=0)
    git(folder, "init", "-q")
    assert told(folder, status=0)["hooks"]["saw"] == "none of mdcache"
    assert mdcache(folder, "hook", "install").returncode == 0
    assert told(folder, status=0)["hooks"]["saw"] == "in force"
    spoil(folder / ".git/hooks/post-merge")
    found = told(folder)
    assert levels(found) == {"hooks": "warning"}
    assert saw in found["hooks"]["saw"]

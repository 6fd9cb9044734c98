"""What happens around a watcher: containers, git clean, an upgrade, links that move, hidden folders, other locales."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import processes
from installing import sources
from law import assert_law
from processes import MDCACHE, PATIENCE_S, mdcache, start
from watching import FILES, LINKED, Watched, watched

from mdcache.config import settings
from mdcache.store import watchstate
from torture import bench
from torture.bench import Part, Trial

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
# Starts what does no harm until one of them has the watcher's number, tells the watcher of this number to stop, and
# says whether the innocent one lives.
_STOP_ELSEWHERE = (
    'i=0; while [ $i -lt 99 ]; do sleep 60 & [ $! = "$0" ] && break; i=$((i + 1)); done; [ $! = "$0" ] || exit 9; "$@";'
    " echo stop: $?; kill -0 $! && echo lives"
)
_NAMES = ("a.md", "grün.md", "e\u0301.md", "漢.md", "😀 x.md", "\udcff.md", "sub/ü.md")
_LOCALES: tuple[Mapping[str, str], ...] = (
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii:strict"},
)


def run(trial: Trial) -> None:
    """A watcher stops nobody but itself, hears what rebuild reads, and lives on or ends well; nothing is lost."""
    if sys.platform == "linux" and processes.run((*_NAMESPACE, "true"), Path("/")).returncode == 0:
        with trial.part("a stop from another pid namespace") as part:
            for round_ in range(trial.amount(1, 8)):
                with part.point(f"round {round_}"):
                    _stop_from_elsewhere(trial, part, _base(trial, f"namespace{round_}"))
    else:
        trial.skip("a stop from another pid namespace", "no namespaces here")
    with trial.part("git clean under a watcher") as part, watched(_repository(trial)) as watcher:
        for round_ in range(trial.amount(2, 15)):
            with part.point(f"round {round_}"):
                _clean(trial, part, watcher, round_)
    with trial.part("an upgrade under a watcher") as part:
        for round_ in range(trial.amount(1, 8)):
            with part.point(f"round {round_}"):
                _upgrade(trial, part, _base(trial, f"upgrade{round_}"))
    with trial.part("a root that is a link, and moves") as part, watched(_linked(trial)) as watcher:
        for round_ in range(trial.amount(3, 40)):
            with part.point(f"round {round_}"):
                _relink(trial, watcher, round_)
    with trial.part("hidden roots and files") as part, watched(_hidden(trial)) as watcher:
        for round_ in range(trial.amount(3, 40)):
            with part.point(f"round {round_}"):
                _change_hidden(trial, watcher, round_)
    with trial.part("syncs under changing locales") as part:
        _change_locales(trial, part, _base(trial, "locales"))


def _base(trial: Trial, name: str, toml: str | None = None) -> Path:
    base = trial.folder / name
    for path, text in FILES.items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(text)
    (base / "mdcache.toml").write_text((toml or 'docs = ["docs"]\n') + "[watch]\ndebounce_ms = 10\nreconcile_s = 2\n")
    return base


# Namespaces


def _stop_from_elsewhere(trial: Trial, part: Part, base: Path) -> None:
    cache = str(base / "cache/x.db")
    watcher = start(
        (*_NAMESPACE, "sh", "-c", 'true & wait; "$@"; exit $?', "sh", *MDCACHE, "watch", "--db", cache), base
    )
    try:
        _wait(lambda: (seen := watchstate.read(cache)) is not None and seen.state.ready)
        seen = watchstate.read(cache)
        assert seen and seen.state.pid
        time.sleep(trial.chance.random())
        command = (
            *_NAMESPACE,
            "sh",
            "-c",
            _STOP_ELSEWHERE,
            str(seen.state.pid),
            *MDCACHE,
            "watch",
            "--stop",
            "--db",
            cache,
        )
        done = processes.run(command, base)
        part.faults += 1
        assert "lives" in done.stdout and "stop: 3" in done.stdout, done
        assert watcher.poll() is None, "the watcher has ended"
    finally:
        watcher.kill()
        watcher.communicate()


# git clean


def _repository(trial: Trial) -> Path:
    base = _base(trial, "clean")
    (base / ".gitignore").write_text("/cache/\n/log\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "all")):
        subprocess.run(("git", *words), cwd=base, check=True)
    return base


def _clean(trial: Trial, part: Part, watcher: Watched, round_: int) -> None:
    """The folder of the cache goes while documents change; soon there is one watcher and a whole cache again."""
    (watcher.docs / "a/new.md").write_text(LINKED.format(f"new {round_}"))
    time.sleep(trial.chance.random() * 0.3)
    subprocess.run(("git", "clean", "-fdXq", "-e", "!log"), cwd=watcher.base, check=True)
    part.faults += 1
    (watcher.docs / "one.md").write_text(LINKED.format(f"one {round_}"))
    _wait(
        lambda: watcher.process.poll() is not None or (watcher.state.pid == watcher.process.pid and watcher.state.ready)
    )
    if watcher.process.poll() is not None:
        assert "Traceback" not in watcher.said(), watcher.said()
        watcher.restart()
    second = mdcache(watcher.base, "watch", "--detach", *watcher.named())
    assert second.returncode == 3, second
    watcher.keeps_the_law(PATIENCE_S)


# Upgrades


def _upgrade(trial: Trial, part: Part, base: Path) -> None:
    """What is installed changes file by file; a watcher that goes on is of one version, and its cache is right."""
    python = _installed(base / "env")
    package = next((base / "env").glob("lib/python*/site-packages/mdcache"))
    command = (str(python), "-P", "-m", "mdcache")
    watch = processes.run((*command, "watch", "--detach", "--db", "cache/x.db"), base)
    assert watch.returncode == 0, watch
    try:
        for number in range(200):
            (base / f"docs/m{number}.md").write_text(LINKED.format(number))
        files = [path for path in package.rglob("*.py") if path.name in ("__init__.py", "parse.py", "load.py")]
        for path in trial.chance.sample(files, len(files)):
            _replace(path)
            time.sleep(trial.chance.random() * 0.05)
        part.faults += 1
        for number in range(700):
            (base / f"docs/n{number}.md").write_text(LINKED.format(number))
        time.sleep(2 * trial.chance.random())
        synced = processes.run((*command, "sync", "--db", "cache/x.db"), base)
        assert synced.returncode == 0, synced
        verified = processes.run((*command, "verify", "--db", "cache/x.db"), base)
        assert verified.returncode == 0, verified
    finally:
        stopped = processes.run((*command, "watch", "--stop", "--db", "cache/x.db"), base)
    assert stopped.returncode in (0, 3) and "Traceback" not in stopped.stderr, stopped


def _installed(env: Path) -> Path:
    """An environment with a copy of mdcache, and all else as it is installed here."""
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", env), check=True)
    (env / "sources").mkdir()
    site = next(env.glob("lib/python*/site-packages"))
    made = sources(env / "sources")
    shutil.move(str(made / "pipeline/mdcache"), site / "mdcache")
    shutil.move(str(made / "schema"), site / "mdcache/schema")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return env / "bin/python"


def _replace(path: Path) -> None:
    """A file of another version: its titles are shouted."""
    text = path.read_text()
    text = text.replace('__version__ = "0.1.0"', '__version__ = "0.2.0"')
    text = text.replace('title=fields.get("title") or found.title or stem,', "title=(found.title or stem).upper(),")
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


# Links, hidden names


def _linked(trial: Trial) -> Path:
    base = _base(trial, "linked", 'docs = ["current"]\n')
    for number in range(3):
        (base / f"r{number}").mkdir()
        (base / f"r{number}/a.md").write_text(LINKED.format(f"of {number}"))
    (base / "current").symlink_to("r0")
    return base


def _relink(trial: Trial, watcher: Watched, round_: int) -> None:
    base = watcher.base
    for _ in range(trial.chance.randint(1, 4)):
        target = base / f"r{trial.chance.randint(0, 2)}"
        (target / f"b{trial.chance.randint(0, 3)}.md").write_text(LINKED.format(f"round {round_}"))
        (base / "next").symlink_to(target.name)
        (base / "next").replace(base / "current")
        time.sleep(trial.chance.random() * 0.1)
    watcher.keeps_the_law(PATIENCE_S)


def _hidden(trial: Trial) -> Path:
    base = _base(trial, "hidden", 'docs = ["docs", ".claude", "docs/.deep/er"]\n')
    for folder in (".claude/rules", "docs/.deep/er", "docs/.unread"):
        (base / folder).mkdir(parents=True)
    return base


def _change_hidden(trial: Trial, watcher: Watched, round_: int) -> None:
    for _ in range(trial.chance.randint(1, 5)):
        folder = trial.chance.choice(("docs", ".claude", ".claude/rules", "docs/.deep/er", "docs/.unread", "docs/a"))
        path = watcher.base / folder / trial.chance.choice((".h.md", "h.md", "._h.md", ".x.txt", "i.md"))
        if trial.chance.random() < 0.3:
            path.unlink(missing_ok=True)
        else:
            path.write_text(LINKED.format(f"{round_} {trial.chance.random()}"))
    watcher.keeps_the_law(PATIENCE_S)


# Locales


def _change_locales(trial: Trial, part: Part, base: Path) -> None:
    places = base / "locales"
    places.mkdir()
    if shutil.which("localedef"):
        made = ("localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(places / "de_DE.ISO-8859-1"))
        subprocess.run(made, capture_output=True)
    for round_ in range(trial.amount(6, 60)):
        with part.point(f"round {round_}"):
            name = trial.chance.choice(_NAMES)
            (base / "docs" / name).parent.mkdir(exist_ok=True)
            (base / "docs" / name).write_text(LINKED.format(round_))
            variables = trial.chance.choice(_LOCALES)
            part.faults += 1
            env = {**os.environ, "LOCPATH": str(places), **variables}
            for words in (("sync", "--db", "cache/x.db"), ("query", "SELECT path FROM nodes", "--db", "cache/x.db")):
                done = processes.run((*MDCACHE, *words), base, env=env, encoding="utf-8", errors="replace")
                assert done.returncode == 0 and "bug" not in done.stderr, (variables, done)
            assert_law(settings.load(settings.Asked(str(base), database=str(base / "cache/x.db")), {}))


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


if __name__ == "__main__":
    bench.alone(run)

"""A watcher whose mdcache is replaced while it runs, and how that is noticed."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import pytest
from processes import PATIENCE_S, one_line, run, start
from watching import FILES, until

import mdcache
from mdcache.store import watchstate
from mdcache.watching.upgrade import Code, Installed

# Decisions


def test_what_is_not_replaced_is_current_for_ever() -> None:
    code = Code("own", "own", math.inf, math.inf)
    assert code.looked("own", 10.0**9).is_current and not code.is_settled(10.0**9) and not code.is_lost(10.0**9)


def test_something_else_is_started_once_it_has_been_the_same_for_a_while() -> None:
    code = Code("own", "own", math.inf, math.inf).looked("half", 100.0)
    assert not (code.is_current or code.is_settled(101.0))
    code = code.looked("whole", 101.5)
    assert not code.is_settled(103.0) and code.looked("whole", 103.0) == code and code.is_settled(103.5)


def test_what_has_not_come_back_after_a_minute_is_lost_however_it_changed_meanwhile() -> None:
    code = Code("own", "own", math.inf, math.inf).looked(None, 100.0)
    assert not code.is_settled(159.0) and not code.is_lost(159.0)
    code = code.looked("other", 159.0)
    assert not code.is_settled(160.0) and code.is_lost(160.0)


def test_one_that_is_put_back_is_current_and_has_its_time_again() -> None:
    code = Code("own", "own", math.inf, math.inf).looked(None, 100.0).looked("own", 130.0)
    assert code.is_current and not code.is_lost(1000.0)
    assert not code.looked(None, 200.0).is_lost(230.0)


# What is installed

STAMPS = """
import sys
from mdcache.watching.upgrade import Installed
installed = Installed()
print(installed.stamp(), flush=True)
for line in sys.stdin:
    print(installed.stamp(thorough=line == "all\\n"), flush=True)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an mdcache of its own, to be put before all others."""
    shutil.copytree(Path(mdcache.__file__).parent, tmp_path / "site/mdcache", ignore=shutil.ignore_patterns("schema"))
    with resources.as_file(resources.files("mdcache.schema")) as schema:
        shutil.copytree(schema, tmp_path / "site/mdcache/schema")
    return tmp_path / "site"


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site)}


def rewrite(file: Path, before: str, after: str) -> None:
    """Replace a file as installers do: by another one of its name."""
    text = file.read_text()
    assert before in text
    new = file.with_suffix(".new")
    new.write_text(text.replace(before, after))
    new.replace(file)


def test_the_stamp_is_another_when_any_file_is(site: Path) -> None:
    package = site / "mdcache"
    with start((sys.executable, "-c", STAMPS), site.parent, stdin=-1, env=environment(site)) as process:
        assert process.stdin and process.stdout
        pipes = process.stdin, process.stdout

        def stamp(how: str = "glance") -> str:
            pipes[0].write(how + "\n")
            pipes[0].flush()
            return pipes[1].readline().strip()

        seen = [pipes[1].readline().strip()]
        assert stamp() == stamp("all") == seen[0] != "None"
        (package / "new").mkdir()  # what Python or an editor leaves there is no code
        (package / "parse/notes.txt").write_text("x")
        assert stamp() == stamp("all") == seen[0]
        for change in (
            lambda: rewrite(package / "__init__.py", "0.1.0", "0.2.0"),
            lambda: rewrite(package / "parse/parse.py", "import", "import"),
            lambda: (package / "more.py").write_text(""),
            lambda: next((package / "schema").glob("*.sql")).unlink(),
        ):
            change()
            seen.append(stamp())
            assert seen[-1] == stamp("all") and seen[-1] not in seen[:-1]
        with (package / "errors.py").open("a") as file:  # in place: only a thorough look shows it
            file.write("# more\n")
        assert stamp("all") not in seen
        shutil.rmtree(package)
        assert stamp() == "None"
        process.stdin.close()


def test_a_stamp_of_what_runs_is_the_same_at_every_look() -> None:
    installed = Installed()
    assert installed.stamp() == installed.stamp(thorough=False) == Installed().stamp()


# A watcher


class Upgraded:
    """A watcher of base/docs whose mdcache lies in site."""

    def __init__(self, base: Path, site: Path) -> None:
        self.base, self.site, self.package = base, site, site / "mdcache"
        self.log = base / "log"
        with self.log.open("w") as log:
            command = (sys.executable, "-m", "mdcache", "watch", "docs")
            self.process = start(command, base, stdout=log, stderr=log, env=environment(site))
        until(lambda: self.state.ready)

    @property
    def state(self) -> watchstate.State:
        seen = watchstate.read(str(self.base / ".mdcache/cache.db"))
        assert self.process.poll() is None, self.log.read_text()
        return seen.state if seen and seen.alive else watchstate.State()

    def mdcache(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run((sys.executable, "-m", "mdcache", *arguments), self.base, env=environment(self.site))

    def titles(self) -> set[str]:
        told = self.mdcache("query", "SELECT title FROM nodes", "--json").stdout
        return {row["title"] for row in json.loads(told)["rows"]}

    def stopped(self) -> bool:
        return self.mdcache("watch", "--stop").stdout == f"stopped process {self.process.pid}\n"


@pytest.fixture
def upgraded(vault: Callable[..., Path], site: Path) -> Iterator[Upgraded]:
    watcher = Upgraded(vault(FILES), site)
    try:
        yield watcher
    finally:
        watcher.process.kill()
        watcher.process.wait()


def new_version(package: Path) -> None:
    rewrite(package / "__init__.py", '__version__ = "0.1.0"', '__version__ = "0.2.0"')
    title = 'title = fields.get("title")'
    file = next(file for file in package.glob("parse/*.py") if title in file.read_text())
    rewrite(file, title, 'title = "NEW"')


@pytest.mark.slow
def test_a_new_version_takes_over_in_the_same_process_and_all_rows_are_its_own(upgraded: Upgraded) -> None:
    new_version(upgraded.package)
    for number in range(600):  # more than are parsed without workers
        (upgraded.base / f"docs/n{number}.md").write_text(f"# Title {number}\n")
    until(lambda: "built" in upgraded.log.read_text().partition("starting again")[2])
    assert upgraded.state.pid == upgraded.process.pid
    until(lambda: upgraded.titles() == {"NEW"})
    assert upgraded.mdcache("query", "SELECT value FROM meta WHERE key = 'mdcache'", "--csv").stdout.endswith("0.2.0\n")
    assert upgraded.mdcache("verify").returncode == 0
    assert upgraded.stopped() and upgraded.process.wait(PATIENCE_S) == 0


@pytest.mark.slow
def test_nobody_takes_its_place_while_it_starts_again(upgraded: Upgraded) -> None:
    database = str(upgraded.base / ".mdcache/cache.db")
    rewrite(upgraded.package / "errors.py", "One root", "The root")
    alive = set()

    def is_again() -> bool:
        alive.add((seen := watchstate.read(database)) is not None and seen.alive)
        return "starting again" in upgraded.log.read_text() and bool(
            seen and seen.state.ready and seen.state.batches < 1
        )

    until(is_again)
    assert alive == {True}
    assert upgraded.stopped() and upgraded.process.wait(PATIENCE_S) == 0


@pytest.mark.slow
def test_while_half_of_it_is_there_nothing_is_written_and_it_can_be_stopped(upgraded: Upgraded) -> None:
    aside = upgraded.site / "aside"
    (upgraded.package / "cli").rename(aside)
    until(lambda: "is being replaced" in (upgraded.state.degraded or ""))
    (upgraded.base / "docs/new.md").write_text("# New\n")
    rewrite(upgraded.package / "parse/__init__.py", '"""', 'no python"""')
    before = upgraded.state.batches
    until(lambda: upgraded.state.pending)
    assert upgraded.state.batches == before
    rewrite(upgraded.package / "parse/__init__.py", 'no python"""', '"""')
    aside.rename(upgraded.package / "cli")
    until(lambda: "New" in upgraded.titles())
    (upgraded.package / "errors.py").unlink()
    until(lambda: "is being replaced" in (upgraded.state.degraded or ""))
    upgraded.process.terminate()
    assert upgraded.process.wait(PATIENCE_S) == 0
    assert watchstate.read(str(upgraded.base / ".mdcache/cache.db")) is None


LIBRARY = """
import sys, mdcache
for batch in mdcache.watch("."):
    print("batch", flush=True)
"""


@pytest.mark.slow
def test_a_program_that_watches_is_told(vault: Callable[..., Path], site: Path) -> None:
    base = vault(FILES)
    with start((sys.executable, "-c", LIBRARY), base, env=environment(site)) as process:
        assert process.stdout and process.stdout.readline() == "batch\n"
        rewrite(site / "mdcache/errors.py", "One root", "The root")
        assert process.wait(PATIENCE_S) == 1
        assert process.stderr and "was replaced while it ran: start it again" in process.stderr.read()


def test_a_descriptor_that_means_nothing_is_no_reason_to_fail(vault: Callable[..., Path]) -> None:
    base = vault(FILES)
    for number in ("x", "2", "999", "9" * 30, ""):
        done = run(
            (sys.executable, "-m", "mdcache", "watch", "gone"),
            base,
            env={**os.environ, "MDCACHE_WATCHER_STATE": number},
        )
        assert "cannot list" in one_line(done, 3)

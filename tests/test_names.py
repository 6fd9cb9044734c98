"""Names of files under any locale: nothing is removed, nothing is another document, and what is printed never fails."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from processes import mdcache, run, start

from mdcache import names

Vault = Callable[..., Path]
Git = Callable[..., str]

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere names are text")

# UTF-8, decomposed, beyond 16 bits, Latin-1, a surrogate as UTF-8 cannot have it, and all that ends a line.
FILES = {
    "mdcache.toml": 'docs = ["dö"]\nexclude = ["ü/**"]\n[check.codes]\nodd-name = "off"\n',
    "dö/a.md": "# A\n\n[g](grün.md) [e](<\U0001f642 x.md>) [[nfdé]]\n",
    "dö/grün.md": "# Grün\n\nÄ needle, 是热.\n",
    "dö/nfde\u0301.md": "# N\n",
    "dö/\U0001f642 x.md": "# E\n",
    "dö/line\nend.md": "# L\n",
    "dö/lat\udce9in.md": "# not UTF-8\n",
    "dö/sur\udced\udca0\udc80.md": "# not UTF-8\n",
}
PATHS = ["dö/a.md", "dö/grün.md", "dö/line\nend.md", "dö/nfde\u0301.md", "dö/\U0001f642 x.md"]
# Python itself cannot look for modules in a working folder whose name the locale cannot have.
MDCACHE = (sys.executable, "-P", "-m", "mdcache")
UTF8 = {"LC_ALL": "C.UTF-8"}
ASCII: dict[str, str] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of locales that no system has by itself any more."""
    folder = tmp_path_factory.mktemp("locales")
    for name in ("ISO-8859-1", "EUC-JP"):
        region = "ja_JP" if name == "EUC-JP" else "de_DE"
        run(("localedef", "-i", region, "-f", name, str(folder / f"xx_XX.{name}")), folder)
    return folder


@pytest.fixture(
    params=[
        ASCII | {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "xx_XX.ISO-8859-1"},
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in (
                {"LC_ALL": "C"},
                {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
                ASCII,
                {**UTF8, "PYTHONIOENCODING": "ascii:strict"},
                {"LC_ALL": "xx_XX.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1:strict"},
                {"LC_ALL": "xx_XX.EUC-JP"},
            )
        ),
    ],
    ids=lambda one: " ".join(one.values()),
)
def locale(request: pytest.FixtureRequest, locales: Path) -> dict[str, str]:
    """The environment of a locale; its locale is there."""
    wanted: Mapping[str, str] = request.param
    if "xx_XX" in wanted["LC_ALL"] and not list(locales.iterdir()) and not os.environ.get("CI"):
        pytest.skip("localedef has no character maps")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    return {**rest, "LOCPATH": str(locales), **wanted}


@pytest.fixture
def folder(vault: Vault, tmp_path: Path) -> Path:
    """A folder whose own name is not ASCII, with a cache that was made under a UTF-8 locale."""
    folder = vault(FILES, into=tmp_path / "gr\u221aß")
    assert mdcache(folder, "rebuild", env={**os.environ, **UTF8}).returncode == 0
    return folder


def said(folder: Path, env: Mapping[str, str], *arguments: str, status: int = 0) -> str:
    """What mdcache prints, as bytes that stand for themselves; it must not fail."""
    done = run((*MDCACHE, *arguments), folder, env=env, encoding="latin-1")
    assert "a bug" not in done.stderr, done
    assert "Traceback" not in done.stderr, done
    assert done.returncode == status, done
    return done.stdout


def tally(folder: Path, env: Mapping[str, str], *command: str) -> dict[str, int]:
    found = json.loads(run((*MDCACHE, *command, "--json"), folder, env={**env, "PYTHONIOENCODING": "utf-8"}).stdout)
    return {name: found[name] for name in ("documents", "added", "changed", "removed")}


def paths(folder: Path) -> list[str]:
    done = mdcache(folder, "query", "SELECT path FROM nodes ORDER BY path", "--arrays", env={**os.environ, **UTF8})
    return [path for (path,) in json.loads(done.stdout)]


NOTHING = {"documents": 5, "added": 0, "changed": 0, "removed": 0}


def test_another_locale_changes_nothing(folder: Path, locale: dict[str, str]) -> None:
    assert paths(folder) == PATHS
    said(folder, locale, "sync", "--check")
    assert tally(folder, locale, "sync") == NOTHING
    said(folder, locale, "check")
    said(folder, locale, "verify")
    assert tally(folder, locale, "rebuild") == NOTHING
    assert paths(folder) == PATHS
    assert tally(folder, UTF8 | dict(os.environ), "sync") == NOTHING


@pytest.mark.slow
def test_whatever_is_printed_is_escaped_where_the_locale_cannot_have_it(folder: Path, locale: dict[str, str]) -> None:
    for command in (
        ("search", "needle"),
        ("search", "是热"),
        ("read", "dö/grün"),
        ("links", "dö/a.md"),
        ("query", "SELECT * FROM nodes"),
        ("query", "SELECT path FROM nodes", "--csv"),
        ("status",),
        ("changes",),
        ("doctor",),
        ("--help",),
        ("query", "--help"),
    ):
        assert said(folder, locale, *command)
    said(folder, locale, "read", "\udce9", status=1)
    said(folder, locale, "search", "nothing\udce9here", status=1)
    said(folder, locale, "search", "--db", "no\udce9.db", "ü", status=3)
    said(folder, locale, "nö", status=2)


@pytest.mark.slow
def test_names_on_the_command_line_and_in_the_environment_are_bytes(folder: Path, locale: dict[str, str]) -> None:
    (folder / "caf\udce9").mkdir()
    elsewhere = {**locale, "MDCACHE_DB": "caf\udce9/\U0001f642.db"}
    assert tally(folder, elsewhere, "rebuild", "dö")["documents"] == 5
    assert os.listdir(os.fsencode(folder / "caf\udce9")).count("\U0001f642.db".encode()) == 1
    assert said(folder, elsewhere, "search", "needle")
    said(folder, locale, "rebuild", "dö", "--output", "caf\udce9/out.db", "--reproducible")
    assert said(folder, locale, "--db", "caf\udce9/out.db", "search", "needle")
    assert said(folder, locale, "query", "SELECT 1", "--attach", "caf\udce9/out.db")


@pytest.mark.slow
def test_git_has_the_same_names_under_any_locale(folder: Path, locale: dict[str, str], git: Git) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    for arguments in ("--staged",), ("--staged", "--format", "github"):
        said(folder, locale, "check", *arguments)
    git(folder, "commit", "-q", "-m", "x")
    said(folder, locale, "check", "--rev", "HEAD")
    (folder / "dö/grün.md").write_text("[x](ö.md)\n")
    git(folder, "add", "--all")
    line = "::error file=dö/grün.md,line=1,col=1,title=broken-link::no document for 'ö.md'\n"
    env = {name: value for name, value in locale.items() if name != "PYTHONIOENCODING"}
    assert said(folder, env, "check", "--staged", "--format", "github", status=1).encode("latin-1").decode() == line
    assert tally(folder, locale, "rebuild", "--rev", "HEAD", "--db", "rev.db")["documents"] == 5


def test_a_watcher_removes_nothing_and_hears_what_changes(folder: Path, locale: dict[str, str]) -> None:
    with start((*MDCACHE, "watch"), folder, env=locale, encoding="latin-1") as watcher:
        assert watcher.stderr
        assert "nothing changed" in watcher.stderr.readline()
        (folder / "dö/ß.md").write_text("# new\n")
        assert "1 added" in watcher.stderr.readline()
        watcher.terminate()
        assert "a bug" not in watcher.stderr.read()
    assert paths(folder) == sorted([*PATHS, "dö/ß.md"])


PROGRAM = """
import os, mdcache
folder = os.fsdecode(b"d\\xc3\\xb6")
where = mdcache.settings(folder)
for one in (os.curdir, where):
    report = mdcache.sync(one)
    assert (report.documents, report.added, report.changed, report.removed) == (5, 0, 0, 0), report
    assert os.path.samefile(report.database, ".mdcache/cache.db")
with mdcache.open(folder) as cache:
    assert cache.status().schema_current
    assert [hit.path for hit in cache.search("needle")] == ["d\\xf6/gr\\xfcn.md"]
    assert cache.read("gr\\xfcn").text.startswith("# Gr\\xfcn")
    texts = cache.query("SELECT document_text(key) AS text FROM nodes")
    assert sum(row["text"] is not None for row in texts) == 5
    import sqlite_utils
    assert list(sqlite_utils.Database(cache.path).query("SELECT document_text(key) AS text FROM nodes")) == texts
assert mdcache.check(where) == []
assert mdcache.verify(folder).ok
print("done")
"""


def test_a_program_keeps_its_locale_and_loses_nothing(folder: Path, locale: dict[str, str]) -> None:
    done = run((sys.executable, "-c", PROGRAM), folder, env={**locale, "PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stdout) == (0, "done\n"), done


def test_where_utf8_is_not_to_be_had_nothing_is_scanned(folder: Path) -> None:
    program = "from mdcache.cli.main import main; main()"
    done = run((sys.executable, "-c", program, "sync"), folder, env={**os.environ, **ASCII})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "mdcache: Python takes names of files for ascii: start it with -X utf8\n"
    forced = run((sys.executable, "-X", "utf8=0", "-m", "mdcache", "sync"), folder, env={**os.environ, **ASCII})
    assert forced.returncode in (0, 3)
    assert paths(folder) == PATHS


def test_under_utf8_text_and_names_are_the_same() -> None:
    assert (names.text_of("ü\udce9"), names.name_of("ü\udce9")) == ("ü\udce9", "ü\udce9")

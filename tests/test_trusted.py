"""What is found by walking up counts if it is ours or root's, and else only when it was allowed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import MDCACHE, one_line, run

from mdcache import trusted
from mdcache.cli import main as cli
from mdcache.config import likely
from mdcache.config.settings import Asked, load
from mdcache.errors import UsageError
from mdcache.trusted import Doubt

Vault = Callable[..., Path]
Git = Callable[..., str]
DAEMON = 1
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others"),
    pytest.mark.usefixtures("own_state"),
]


@pytest.fixture
def shared(tmp_path: Path, vault: Vault) -> Path:
    """A folder that everybody may write to, with documents of ours in mine/docs."""
    folder = vault({"mine/docs/a.md": "# A\n", "mine/docs/b.md": "# B\n"}, tmp_path / "shared")
    folder.chmod(0o1777)
    return folder


def theirs(path: Path, content: str | None = None, mode: int = 0o644) -> Path:
    """Give a file to another user, made with this content if need be."""
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
    os.chown(path, DAEMON, DAEMON, follow_symlinks=False)
    return path


def mdcache(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command does in a folder, run in this process: to start one for each takes long."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = cli.run(["-C", str(folder), *arguments])
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def refused(folder: Path, *arguments: str, why: str = "it belongs to daemon") -> str:
    """The line of a command that is refused for what belongs to somebody else."""
    said = one_line(mdcache(folder, *arguments), 2)
    assert why in said and "mdcache allow" in said, said
    return said


def all_of(folder: Path) -> list[tuple[str, int, int, bytes]]:
    paths = sorted(path for path in folder.rglob("*") if ".git/" not in str(path))
    return [
        (str(path), path.lstat().st_uid, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in paths
    ]


# What is refused


@pytest.mark.parametrize(
    "command", ["sync", "check", "rebuild", "watch", "search x", "status", "verify", "hook install"]
)
def test_settings_of_somebody_else_above_stop_every_command(shared: Path, git: Git, command: str) -> None:
    git(shared / "mine", "init", "-q")
    file = theirs(shared / "mdcache.toml", 'exclude = ["*"]\n')
    before = all_of(shared)
    assert str(file) in refused(shared / "mine", *command.split())
    assert all_of(shared) == before


def settings_as_link(shared: Path) -> Path:
    (shared / "mine/own.toml").write_text("")
    (shared / "mdcache.toml").symlink_to("mine/own.toml")
    return theirs(shared / "mdcache.toml")


def link_to_theirs(shared: Path) -> Path:
    theirs(shared / "evil.toml", "")
    (shared / "mdcache.toml").symlink_to("evil.toml")
    return shared / "mdcache.toml"


FOUND = {
    "broken": lambda shared: theirs(shared / "mdcache.toml", "docs = ["),
    "no UTF-8": lambda shared: theirs(
        shared / "mdcache.toml", "# \udcff".encode("utf-8", "surrogateescape").decode("latin1")
    ),
    "not to be read": lambda shared: theirs(shared / "mdcache.toml", "", 0),
    "endless": lambda shared: theirs(shared / "mdcache.toml", "#" * 10_000_001),
    "a project": lambda shared: theirs(shared / "pyproject.toml", "[tool.mdcache]\n"),
    "a broken project": lambda shared: theirs(shared / "pyproject.toml", "[tool.mdcache\n"),
    "their link to a file of ours": settings_as_link,
    "our link to a file of theirs": link_to_theirs,
}


@pytest.mark.parametrize("kind", FOUND)
def test_whatever_they_hold(shared: Path, kind: str) -> None:
    file = FOUND[kind](shared)
    assert str(file) in refused(shared / "mine", "check")


@pytest.mark.parametrize(
    ("content", "mode"),
    [("[project]\n", 0o644), ("[project\n", 0o644), ('[project]\nname = "mdcache"\n', 0o644), ("[tool.mdcache]\n", 0)],
)
def test_a_project_of_somebody_elses_without_our_table_is_none_of_our_business(
    shared: Path, content: str, mode: int
) -> None:
    theirs(shared / "pyproject.toml", content, mode)
    unprivileged = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    done = run((*unprivileged, *MDCACHE, "check", "docs"), shared / "mine")
    assert (done.returncode, done.stdout) == (0, ""), done


def test_a_fifo_is_no_settings_file(shared: Path) -> None:
    for name in ("mdcache.toml", "pyproject.toml"):
        os.mkfifo(shared / name)
        theirs(shared / name)
    assert mdcache(shared / "mine", "check").returncode == 0


def test_what_belongs_to_root_counts_for_everybody(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: DAEMON)
    theirs(shared / "mine")
    (shared / "mdcache.toml").write_text("")
    assert load(Asked(str(shared / "mine")), {}).file == str(shared / "mdcache.toml")
    theirs(shared / "mdcache.toml")
    assert load(Asked(str(shared / "mine")), {}).file == str(shared / "mdcache.toml")
    os.chown(shared / "mdcache.toml", DAEMON + 1, -1)
    with pytest.raises(UsageError, match="it belongs to bin"):
        load(Asked(str(shared / "mine")), {})


def test_a_schema_file_of_somebody_else_is_refused(shared: Path) -> None:
    (shared / "mdcache.toml").write_text('docs = ["mine"]\nschema = ["views.sql"]\n')
    file = theirs(shared / "views.sql", "CREATE VIEW v AS SELECT 1;\n")
    assert str(file) in refused(shared, "rebuild")
    assert mdcache(shared, "allow").returncode == 0
    assert mdcache(shared, "rebuild").returncode == 0
    file.write_text("CREATE VIEW v AS SELECT 2;\n")
    refused(shared, "sync", why="it belongs to daemon and has changed since it was allowed")


@pytest.mark.parametrize("command", ["sync docs", "check docs", "rebuild docs"])
@pytest.mark.parametrize("has_git", [True, False])
def test_a_repository_of_somebody_else_above_takes_no_documents_away(shared: Path, command: str, has_git: bool) -> None:
    assert mdcache(shared / "mine", "rebuild", "docs").returncode == 0
    (shared / ".git").mkdir()
    if has_git:
        theirs(shared / ".git")
    theirs(shared / ".gitignore", "*.md\n")
    name = ".git" if has_git else ".gitignore"
    assert f"mdcache: {shared}/{name}: " in refused(shared / "mine", *command.split())
    assert json.loads(mdcache(shared / "mine", "status", "--json").stdout)["documents"] == 2


def test_doctor_names_what_belongs_to_somebody_else(shared: Path) -> None:
    assert mdcache(shared / "mine", "rebuild", "docs").returncode == 0
    (shared / ".git").mkdir()
    theirs(shared / ".git")
    (found,) = [
        check
        for check in json.loads(mdcache(shared / "mine", "doctor", "--json").stdout)["checks"]
        if check["check"] == "documents"
    ]
    assert (found["level"], found["fix"]) == ("error", "mdcache allow")
    assert f"{shared}/.git: it belongs to daemon" in found["saw"]


def test_gitignore_files_of_others_below_the_roots_are_content(shared: Path) -> None:
    theirs(shared / "mine/docs/.gitignore", "b.md\n")
    theirs(shared / "mine/docs/a.md")
    assert mdcache(shared / "mine", "rebuild", "docs").stdout.startswith("1 document,")


def test_a_link_in_place_of_a_gitignore_is_not_read_and_stops_nobody(shared: Path) -> None:
    (shared / ".git").mkdir()
    (shared / ".gitignore").symlink_to("mine/docs/a.md")
    theirs(shared / ".gitignore")
    assert mdcache(shared / "mine", "rebuild", "docs").returncode == 0


@pytest.mark.parametrize("command", ["rebuild docs", "sync docs", "search x", "watch docs --detach"])
@pytest.mark.parametrize("there", [".mdcache", ".mdcache/cache.db"])
def test_a_cache_or_its_folder_that_somebody_else_has_put_there_is_refused(
    shared: Path, command: str, there: str
) -> None:
    (shared / "mine/.mdcache").mkdir()
    (shared / "mine/.mdcache/cache.db").touch()
    theirs(shared / "mine" / there)
    before = all_of(shared)
    assert f"{there}: " in refused(shared / "mine", *command.split())
    assert all_of(shared) == before


def test_a_database_that_found_settings_name_is_looked_at_too(shared: Path) -> None:
    (shared / "mine/mdcache.toml").write_text('docs = ["docs"]\ndatabase = "c.db"\n')
    theirs(shared / "mine/c.db", "")
    assert "c.db" in refused(shared / "mine", "sync")
    assert "--db" in refused(shared / "mine", "rebuild")


# What is named is trusted


def test_a_file_that_is_named_counts_whosever_it_is(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = theirs(shared / "mdcache.toml", 'docs = ["mine/docs"]\n')
    assert mdcache(shared / "mine", "check", "--config", str(file)).returncode == 0
    monkeypatch.setenv("MDCACHE_CONFIG", str(file))
    assert mdcache(shared / "mine", "check").returncode == 0


# mdcache allow


def allowed(folder: Path, *options: str) -> list[str]:
    done = mdcache(folder, "allow", *options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


def test_what_was_allowed_counts_until_it_changes(shared: Path) -> None:
    file = theirs(shared / "mdcache.toml", 'docs = ["mine/docs"]\n')
    refused(shared / "mine", "check")
    assert allowed(shared / "mine") == [f"allowed  {file}: it belongs to daemon"]
    assert mdcache(shared / "mine/docs", "check").returncode == 0
    file.write_text('docs = ["mine/docs"]\nexclude = ["*"]\n')
    refused(shared / "mine", "check", why="it belongs to daemon and has changed since it was allowed")
    file.write_text('docs = ["mine/docs"]\n')
    assert mdcache(shared / "mine", "check").returncode == 0
    assert allowed(shared / "mine", "--remove") == [f"taken back  {file}"]
    assert "changed" not in refused(shared / "mine", "check")
    assert allowed(shared / "mine", "--remove") == ["nothing was allowed here"]


@pytest.mark.parametrize(
    "text", ['docs = ["../../outside"]', 'database = "../../outside/c.db"', 'schema = ["../../outside/v.sql"]']
)
@pytest.mark.parametrize("is_theirs", [True, False])
def test_settings_that_were_allowed_may_lead_outside(shared: Path, vault: Vault, text: str, is_theirs: bool) -> None:
    vault({"a.md": "# A\n", "v.sql": ""}, shared.parent / "outside")
    file = shared / "mine/mdcache.toml"
    file.write_text(text)
    if is_theirs:
        theirs(file)
    key = text.partition(" ")[0]
    why = "it belongs to daemon" if is_theirs else f"'{key}' leads outside its folder"
    refused(shared / "mine", "rebuild", why=why)
    (line,) = allowed(shared / "mine")
    assert f"'{key}' leads outside its folder (../../outside" in line
    assert ("it belongs to daemon; " in line) == is_theirs
    assert mdcache(shared / "mine", "rebuild").returncode == 0
    file.write_text(text + "\n")
    refused(shared / "mine", "rebuild", why="and has changed since it was allowed")


@pytest.mark.parametrize(
    ("text", "link", "way"),
    [
        ('docs = ["notes"]', "notes", "{}"),
        ('docs = [".", "deep/../notes/sub"]', "notes", "{}"),
        ('docs = ["../notes"]', "../notes", "{}"),
        ('schema = ["v.sql"]', "v.sql", "{}/v.sql"),
        ('database = "keep/c.db"', "keep", "{}"),
        ('database = "c.db"', "c.db", "{}/c.db"),
    ],
)
def test_what_was_allowed_through_a_link_counts_until_it_leads_elsewhere(
    shared: Path, vault: Vault, text: str, link: str, way: str
) -> None:
    for name in ("public", "secret"):
        vault({"a.md": "# A\n", "sub/a.md": "# A\n", "v.sql": "-- A view.\n"}, shared.parent / name)
    folder = vault({"mdcache.toml": text, "deep/x": ""}, shared / "mine/repo")
    place = folder / link
    place.symlink_to(way.format(shared.parent / "public"))
    (line,) = allowed(folder)
    assert str(shared.parent / "public") in line, line
    assert mdcache(folder, "rebuild").returncode == 0
    place.unlink()
    place.symlink_to(way.format(shared.parent / "secret"))
    refused(folder, "rebuild", why="and has changed since it was allowed")
    assert not [*(shared.parent / "secret").glob("c.db*")]
    place.unlink()
    place.symlink_to(way.format(shared.parent / "public"))
    assert mdcache(folder, "rebuild").returncode == 0


def test_settings_that_were_allowed_elsewhere_are_asked_for_again(shared: Path) -> None:
    file = theirs(shared / "mdcache.toml", "")
    allowed(shared)
    shutil.copytree(shared, shared.parent / "copy")
    theirs(shared.parent / "copy/mdcache.toml")
    refused(shared.parent / "copy", "check")
    assert mdcache(file.parent, "check").returncode == 0


def test_a_repository_that_was_allowed_counts_whatever_becomes_of_it(shared: Path) -> None:
    (shared / ".git").mkdir()
    theirs(shared / ".git")
    refused(shared / "mine", "rebuild", "docs", why=".git: it belongs to daemon")
    assert allowed(shared / "mine") == [f"allowed  {shared}: .git: it belongs to daemon"]
    theirs(shared / ".gitignore", "b.md\n")
    assert mdcache(shared / "mine", "rebuild", "docs").stdout.startswith("1 document,")


def test_a_cache_that_was_allowed_can_be_searched(shared: Path) -> None:
    assert mdcache(shared / "mine", "rebuild", "docs").returncode == 0
    for path in (shared / "mine/.mdcache", *(shared / "mine/.mdcache").iterdir()):
        theirs(path)
    refused(shared / "mine", "search", "A")
    assert mdcache(shared / "mine", "status").returncode == 0
    assert len(allowed(shared / "mine")) == 2
    assert mdcache(shared / "mine", "query", "SELECT path FROM nodes").returncode == 0


def test_where_nothing_has_to_be_allowed_it_says_so(shared: Path, own_state: Path) -> None:
    assert allowed(shared / "mine") == ["nothing here has to be allowed"]
    assert not own_state.exists()


def test_settings_that_are_broken_cannot_be_allowed(shared: Path) -> None:
    file = theirs(shared / "mdcache.toml", "docs = [")
    assert f"{file} is not valid TOML" in one_line(mdcache(shared / "mine", "allow"), 2)
    refused(shared / "mine", "check")


def test_an_allowance_that_somebody_else_has_written_is_none(shared: Path, own_state: Path) -> None:
    theirs(shared / "mdcache.toml", "")
    allowed(shared)
    assert mdcache(shared, "check").returncode == 0
    own_state.chmod(0o777)
    refused(shared, "check")
    own_state.chmod(0o700)
    theirs(own_state)
    refused(shared, "check")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"path": 1}', '{"path": "/x", "sha256": null}', '{"sha256": []}'])
def test_an_allowance_that_makes_no_sense_is_none(shared: Path, own_state: Path, content: str) -> None:
    theirs(shared / "mdcache.toml", "")
    allowed(shared)
    (file,) = (own_state / "allowed").iterdir()
    file.write_text(content)
    refused(shared, "check")


def test_of_one_path_the_latest_contents_are_kept(own_state: Path) -> None:
    for number in range(20):
        trusted.allow(Doubt("/x", "", str(number)))
    trusted.allow(Doubt("/x", "", "15"))
    assert trusted.allowances("/x") == frozenset(map(str, range(12, 20)))
    (file,) = (own_state / "allowed").iterdir()
    assert json.loads(file.read_text().splitlines()[-1]) == {"path": "/x", "sha256": "15"}


# Where settings come from elsewhere


@pytest.fixture
def repo(shared: Path, git: Git) -> Path:
    """A repository of ours, committed, whose settings on disk belong to somebody else."""
    folder = shared / "mine"
    (folder / "mdcache.toml").write_text("")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    theirs(folder / "mdcache.toml")
    return folder


@pytest.mark.parametrize("options", [("--staged",), ("--rev", "HEAD")])
def test_settings_of_a_tree_are_refused_like_those_on_disk(repo: Path, options: tuple[str, ...]) -> None:
    refused(repo, "check", *options)
    allowed(repo)
    assert mdcache(repo, "check", *options).returncode == 0


def test_a_tree_may_not_decide_what_only_other_settings_were_allowed_to(repo: Path, git: Git) -> None:
    os.chown(repo / "mdcache.toml", 0, 0)
    (repo / "mdcache.toml").write_text('docs = ["../../x"]\n')
    git(repo, "commit", "-qam", "two")
    (repo / "mdcache.toml").write_text("")
    allowed(repo)
    refused(repo, "check", "--rev", "HEAD", why="leads outside its folder")


# A cache that is only looked for


def test_a_watcher_is_looked_for_beside_settings_that_were_believed(shared: Path) -> None:
    folder = str(shared / "mine")
    file = theirs(shared / "mine/mdcache.toml", 'database = "theirs.db"\n')
    assert likely.database(Asked(folder), {}) == f"{folder}/.mdcache/cache.db"
    allowed(shared / "mine")
    file.write_text('database = "later.db"\n[')
    assert likely.database(Asked(folder), {}) == f"{folder}/later.db"


# Links


def test_what_a_link_in_place_of_settings_leads_to_is_not_shown(shared: Path) -> None:
    (shared / "secret.toml").write_text('password = "sesame"\n')
    (shared / "mine/mdcache.toml").symlink_to("../secret.toml")
    said = one_line(mdcache(shared / "mine", "check", "docs"), 2)
    assert f"mdcache.toml leads to {shared}/secret.toml, which holds no settings" in said
    assert "password" not in said and "sesame" not in said
    (shared / "secret.toml").write_text("sesame")
    assert "sesame" not in one_line(mdcache(shared / "mine", "check", "docs"), 2)

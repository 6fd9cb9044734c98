"""The law of the cache: after any history of changes, sync leaves exactly what rebuild would have made."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from caches import settings_of
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from law import assert_law, content, synced

from mdcache.config.settings import Settings
from mdcache.errors import WorkError
from mdcache.read import feed
from mdcache.store.cache import opened
from mdcache.syncing import sync
from mdcache.syncing.fit import Unfit

FOLDERS = ("", "a", "a/b", "c", "Ünï", ".h")
NAMES = (
    "note.md",
    "_index.md",
    "01-note.md",
    "a.md",
    "note.mdx",
    "Note.md",
    "other.md",
    "README.md",
    "index.md",
    "note.markdown",
    "note.md.md",
    "déjà.md",
    "x y.md",
)
LINES = (
    *("note", "Note", "other", "b/note", "a/b/other", "Alias", "README", "déjà", "x y", "gone", "note.md"),
    *("Node.js", "left", ".left/out", "left.md", "team", "far"),
    *("note#Sec", "note#^block", "#Other", "other#sec", "other#A B", "{{x}}", "b/gone", "GONE.md"),
)
PATHS = (
    *("note.md", "../note.md", "b/", "a/b/other.md#sec", "/a/note", "note", "README.md", "#sec", "x%20y.md", ".."),
    *("note.md#sec", "../other.md#other", "note.txt", "pic.png", "note.md#{{x}}", "other.md#A%20B"),
    *("gone/", "../gone", "/gone", "/a/gone/", "note.html", "index.html", "/b/", "../", "NOTE.md", "/a/other.html#sec"),
    *(".h/note.md", "gone.md", "../../out.md", "c/gone.md", ".left/out", "a/left", "a/behind/far.md"),
)
# What a link may lead to and is no document, or not always.
BESIDE = (
    *("gone", "a/b/gone", ".h/gone", "gone.md", "c/gone.md", ".h/note.md", "../out.md", "../note.md", "note.txt"),
    *("Node.js", ".left/out.md", "c/left.md", "a/left.md", "gone.md/x", "c/team/index.md"),
)
WORDS = (
    *("# Sec", "## Other", "# Sec", "plain words", "#tag", "text ^block", "中文字符", "- [ ] task", "key:: [[note]]"),
    *("```sh\n[[note]]\n```", "<!-- tags: [SEE: note] -->", '<a id="sec"></a>', "![[note]]", "other: words"),
    *(
        "!!! note\n\n    [x](note.md)",
        "## Ünï -- x {#other}",
        "## Ünï",
        "{{< ref note.md >}}",
        "--8<-- 'x'",
        "<Tabs>\n[x](gone)\n</Tabs>",
    ),
    *("## A/B", "## S {#sec}", "$[[note]]$", "%%\n[[note]]\n\n#tag\n%%", "[tag: note]", "#TAG #tag/x"),
    *("%%\n## Sec\n\n- [ ] hidden\n%%", "$$\nx\n=\ny\n$$", "<div>\n<!--\n\n## Sec\n\n-->"),
)
FRONTS = (
    *("", "---\nid: [broken\n---\n", "---\nup: '[[other]]'\n---\n", "---\ntitle: Words\ntags: [t, no]\n---\n"),
    *(f"---\nid: {id_}\n---\n" for id_ in ("one", "two", "note", "a/note", "other.md")),
    *("---\naliases: [Alias, a/Alias]\ntags: [t]\n---\n", "---\nid: one\naliases: note\n---\n"),
    *(f"---\nslug: {slug}\n---\n" for slug in ("gone", "/a/gone", "note")),
    *("---\npermalink: /gone/\n---\n", "---\nurl: /b/other\naliases: [/gone.md, other]\n---\n"),
    "+++\nslug = 'gone'\n+++\n",
)
SETTINGS = (
    "",
    'extensions = [".md", ".txt"]',
    'exclude = ["c/", "/docs/a/*.md"]',
    'include = ["docs/**/note.*"]',
    "size_limit = 60",
    '[[paths]]\npattern = "docs/a/"\ntype = "decision"',
    'schema = ["own.sql"]',
    "wikilinks = false",
    'placeholders = ["note*"]',
    'dialect = "hugo"',
    '[[paths]]\npattern = "docs/c/"\ndialect = "vitepress"',
    "[links]\nignore = ['^note', 'a.*b']\nroots = [\"docs/a\", \"\"]\nany_case = true\nby_name = true",
)
# Where sites may be, and what their files may say.
MARKERS = (
    *(("../mkdocs.yml", said) for said in ("site_name: x", "docs_dir: docs/a", "site_url: https://x.org/a/")),
    *(("a/book.toml", said) for said in ('[book]\nsrc = "."', '[book]\nsrc = "b"')),
    *(("hugo.toml", said) for said in ('contentDir = "."', 'contentDir = "a"\nbaseURL = "https://x.org/b/"')),
    *(("a/.vitepress/config.ts", said) for said in ("export default {}", "export default { base: '/b/' }")),
    *(("../docusaurus.config.js", said) for said in ("", "module.exports = {baseUrl: '/a/', routeBasePath: '/'}")),
    *(("_config.yml", said) for said in ("theme: x", "baseurl: /a", "permalink: /:title/")),
    *((f"{where}.obsidian/app.json", "{}") for where in ("", "a/", "c/")),
    *((where, "") for where in ("c/.foam/x", "c/.zk/config.toml", "a/astro.config.mjs", "conf.py", "dendron.yml")),
)
# The user's own: it follows every change of a document, and has no say in the law.
OWN_SQL = """
CREATE TABLE seen (path TEXT PRIMARY KEY, times INTEGER);
CREATE TRIGGER came AFTER INSERT ON nodes BEGIN
    INSERT INTO seen VALUES (new.path, 1) ON CONFLICT DO UPDATE SET times = times + 1;
END;
CREATE TRIGGER went AFTER DELETE ON nodes BEGIN DELETE FROM seen WHERE path = old.path; END;
CREATE VIEW titles AS SELECT title, count(*) AS times FROM nodes GROUP BY title;
"""

Step = Callable[[Path], None]


def blocked() -> contextlib.suppress:
    """Nothing is written where a file, or a link to nothing, lies in place of a folder."""
    return contextlib.suppress(FileExistsError, NotADirectoryError)


def write(file: str, text: str, folder: Path) -> None:
    path = folder / file
    if path.is_file() or not os.path.lexists(path):  # to open a FIFO would wait for its other end
        with blocked():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())


def edit_without_a_trace(file: str, folder: Path) -> None:
    """The same size, and the time put back: only ctime tells."""
    path = folder / file
    if path.is_file():
        before = path.stat()
        path.write_bytes(path.read_bytes().swapcase())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def touch(file: str, seconds: int, folder: Path) -> None:
    """Another time, perhaps one to come, and the same bytes."""
    if (folder / file).is_file():
        os.utime(folder / file, (seconds, seconds))


def delete(file: str, folder: Path) -> None:
    if (folder / file).is_dir() and not (folder / file).is_symlink():
        shutil.rmtree(folder / file)
    else:
        with contextlib.suppress(NotADirectoryError):
            (folder / file).unlink(missing_ok=True)


def move(old: str, new: str, folder: Path) -> None:
    source, target = folder / old, folder / new
    if source.is_file() and not target.is_dir():
        with blocked():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)


def move_folder(old: str, new: str, folder: Path) -> None:
    source, target = folder / old, folder / new
    if source.is_dir() and not target.exists() and target.parent.is_dir() and source not in target.parents:
        source.rename(target)


def swap(one: str, other: str, folder: Path) -> None:
    a, b = folder / one, folder / other
    if a.exists() and b.exists() and a not in (b, *b.parents) and b not in a.parents:
        a.rename(folder / "swap")
        b.rename(a)
        (folder / "swap").rename(b)


def replace(file: str, kind: str, folder: Path) -> None:
    """In place of a document something that is none."""
    path = folder / file
    delete(file, folder)
    with blocked():
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            path.mkdir()
            (path / "other.md").write_text("# In a folder\n")
        elif kind == "link":
            path.symlink_to("other.md")
        else:
            os.mkfifo(path)


def lead_out(folder: Path) -> None:
    """A folder with a document of its own, behind a symbolic link; or the link away."""
    if (folder / "a").is_dir():
        (folder.parent / "elsewhere").mkdir(exist_ok=True)
        (folder.parent / "elsewhere/far.md").touch()
        link = folder / "a/behind"
        if os.path.lexists(link):
            delete("a/behind", folder)
        else:
            link.symlink_to(folder.parent / "elsewhere")


def name_oddly(file: str, folder: Path) -> None:
    """A name that is not UTF-8."""
    if (folder / file).is_file():
        (folder / file).rename(os.fsdecode(os.fsencode(folder / file)[:-3] + b"\xff.md"))


def ignore(where: str, line: str, folder: Path) -> None:
    if (folder / where).is_dir():
        (folder / where / ".gitignore").write_text(line + "\n")


def set_(roots: tuple[str, ...], line: str, folder: Path) -> None:
    """Other settings; folder is that of the documents."""
    (folder.parent / "mdcache.toml").write_text(f"docs = {list(roots)}\n{line}\n")


def look(folder: Path) -> None:
    """A sync in the middle of things."""
    sync_or_fail(settings_of(folder.parent))


files = st.builds(os.path.join, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
lines = st.one_of(
    st.sampled_from(LINES).map("[[{}]]".format),
    st.sampled_from(PATHS).map("[x]({})".format),
    st.sampled_from(PATHS).map('<a href="{}">x</a>'.format),
    st.sampled_from(WORDS),
)
texts = st.builds(
    lambda front, lines_: front + "\n\n".join(lines_) + "\n", st.sampled_from(FRONTS), st.lists(lines, max_size=5)
)
folders = st.sampled_from(FOLDERS[1:])
writes = st.builds(lambda file, text: partial(write, file, text), files, texts)
steps: st.SearchStrategy[Step] = st.one_of(
    writes,
    writes,
    st.builds(lambda file: partial(edit_without_a_trace, file), files),
    st.builds(lambda file, at: partial(touch, file, at), files, st.sampled_from((0, 1_000_000_000, 4_000_000_000))),
    st.builds(lambda file: partial(delete, file), st.one_of(files, folders)),
    st.builds(lambda old, new: partial(move, old, new), files, files),
    st.builds(lambda one, other: partial(swap, one, other), files, files),
    st.builds(lambda one, other: partial(swap, one, other), folders, folders),
    st.builds(
        lambda old, new: partial(move_folder, old, new), folders, st.sampled_from(("moved", "a/moved", ".x", "c"))
    ),
    st.builds(lambda file, kind: partial(replace, file, kind), files, st.sampled_from(("folder", "link", "fifo"))),
    st.builds(lambda file: partial(name_oddly, file), files),
    st.builds(
        lambda where, line: partial(ignore, where, line),
        st.sampled_from(("", "a", "..")),
        st.sampled_from(("", "note.md", "a/", "*.md\n!other.md", "/docs/c", "b", "gone.md", "left.md")),
    ),
    st.builds(
        lambda roots, line: partial(set_, roots, line),
        st.sampled_from((("docs",), ("docs",), ("docs/a", "docs/c"), ("docs", "docs/.h"), (".",), ("docs/a",))),
        st.sampled_from(SETTINGS),
    ),
    st.builds(lambda marker: partial(write, *marker), st.sampled_from(MARKERS)),
    st.builds(lambda marker: partial(delete, marker[0]), st.sampled_from(MARKERS)),
    st.builds(lambda file: partial(write, file, "beside"), st.sampled_from(BESIDE)),
    st.builds(lambda file: partial(delete, file), st.sampled_from(BESIDE)),
    st.builds(lambda file: partial(replace, file, "link"), st.sampled_from(BESIDE)),
    st.just(lead_out),
    st.just(look),
)
# Changes between two looks: mostly few, now and then a storm.
storms = st.one_of(st.lists(steps, min_size=1, max_size=2), st.lists(steps, min_size=1, max_size=12))


class Follower:
    """Keeps the hashes of all documents by the change feed alone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.hashes: dict[str, str] = {}
        self.token: str | None = None

    def look(self) -> None:
        with opened(self.path, "/") as cache:
            found = feed.news(cache, self.token)
            hashes: dict[str, str] = dict(cache.db.execute("SELECT path, hash FROM nodes"))
        if self.token is None or found.restart:
            self.hashes = dict(hashes)
        else:
            for change in found.changes:
                self._take(change)
        self.token = found.next
        assert self.hashes == hashes

    def _take(self, change: feed.Change) -> None:
        old = change.old_path or change.path
        assert self.hashes.pop(old, None) == change.old_hash
        if change.new_hash:
            self.hashes[change.path] = change.new_hash


def is_settled(live: Settings) -> bool:
    """Whether a sync would write nothing."""
    try:
        with sync.current(live):
            return True
    except Unfit:
        return False


def sync_or_fail(live: Settings) -> bool:
    """Whether it could be synced. A root that is gone is no reason to forget its documents."""
    if all(map(os.path.isdir, live.roots)):
        synced(live)
        return True
    before = content(live.database)
    with pytest.raises(WorkError):
        synced(live)
    assert content(live.database) == before
    return False


def live_through(history: Iterable[Iterable[Step]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        (base / "docs").mkdir()
        (base / "own.sql").write_text(OWN_SQL)
        set_(("docs",), "", base / "docs")
        synced(settings_of(base))
        follower = Follower(settings_of(base).database)
        for storm in history:
            for step in storm:
                step(base / "docs")
            live = settings_of(base)
            if sync_or_fail(live):
                assert_law(live)
                assert sync.stale(live) is None
                assert is_settled(live)
                follower.look()


def longer(examples: int) -> hypothesis_settings:
    return hypothesis_settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@longer(40)
@given(st.lists(storms, min_size=1, max_size=12))
def test_after_any_history_sync_leaves_what_rebuild_would_have_made(history: list[list[Step]]) -> None:
    live_through(history)


# Histories of git


Git = Callable[..., str]


def a_repository(folder: Path, git: Git, texts_: list[str], commits: int, seed: int) -> list[str]:
    """A real history: in each commit some documents are written, edited, moved, or removed; now and then a branch."""
    chance = random.Random(seed)
    git(folder, "init", "-q")
    (folder / "mdcache.toml").write_text('docs = ["docs"]\n')
    (folder / ".gitignore").write_text(".mdcache/\n")
    made: list[str] = []
    for number in range(commits):
        if number % 7 == 6:
            git(folder, "checkout", "-q", "-b", f"branch{number}", chance.choice(made))
        (folder / "docs").mkdir(exist_ok=True)
        for _ in range(chance.randint(1, 12)):
            edit(folder / "docs", chance, texts_)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", f"Number {number}")
        made.append(git(folder, "rev-parse", "HEAD").strip())
    return made


def edit(docs: Path, chance: random.Random, texts_: list[str]) -> None:
    present = sorted(docs.rglob("*.md"))
    action = chance.choice(("write", "write", "edit", "edit", "move", "move folder", "remove"))
    name = os.path.join(chance.choice(FOLDERS[:5]), chance.choice((*NAMES, f"d{chance.randint(0, 40)}.md")))
    if action == "write" or not present:
        write(name, chance.choice(texts_), docs)
    elif action == "edit":
        file = chance.choice(present)
        lines_ = file.read_bytes().splitlines(keepends=True)
        lines_.insert(chance.randint(0, len(lines_)), f"[[{chance.choice(present).stem}]] more\n".encode())
        file.write_bytes(b"".join(lines_))
    elif action == "move":
        move(str(chance.choice(present).relative_to(docs)), name, docs)
    elif action == "move folder":
        move_folder(chance.choice(FOLDERS[1:5]), chance.choice(("moved", "a/moved", "c", "a")), docs)
    else:
        chance.choice(present).unlink()


def replayed(folder: Path, git: Git, commits: list[str], seed: int) -> None:
    """One commit after the other, and as many jumps."""
    chance = random.Random(seed)
    live = settings_of(folder)
    for commit in (*commits, *chance.choices(commits, k=len(commits))):
        git(folder, "checkout", "-q", commit)
        if all(map(os.path.isdir, live.roots)):  # git knows no empty folders
            synced(live)
            assert_law(live)
            assert sync.stale(live) is None


def made_up(count: int) -> list[str]:
    chance = random.Random(count)
    pieces = [*map("[[{}]]".format, LINES), *map("[x]({})".format, PATHS), *WORDS]
    return [chance.choice(FRONTS) + "\n\n".join(chance.choices(pieces, k=8)) + "\n" for _ in range(count)]


def test_the_law_holds_along_a_history_of_git_and_jumps_in_it(tmp_path: Path, git: Git) -> None:
    replayed(tmp_path, git, a_repository(tmp_path, git, made_up(60), 15, 1), 1)

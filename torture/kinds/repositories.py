"""Repositories as archives bring them: configuration, links between repositories, bombs, names."""

from __future__ import annotations

import hashlib
import os
import zlib
from functools import partial

from torture.kinds import CHECKS, FINDS, IS_ROOT, ODD, OF_GIT, REFUSES, Kind, odd, put
from torture.stranger import SOMEBODY, Make, Place, git

_GIT = (*OF_GIT, "check", "check --format github", "rebuild --rev HEAD --output published.db", "doctor")
_PUBLISHED = ("clone/published.db*", "clone/*/published.db*")


def _usual(place: Place) -> None:
    place.documents()
    place.committed()


# What is appended to .git/config; %(plant)s is a planted program, %(outside)s the user's own folder.
_CONFIGURATIONS = {
    "a monitor of files": "[core]\n\tfsmonitor = %(plant)s\n\tfsmonitorHookVersion = 2",
    "hooks elsewhere": "[core]\n\thooksPath = hooks",
    "a filter": '[filter "x"]\n\tclean = %(plant)s\n\tsmudge = %(plant)s\n\trequired = true',
    "a filter that goes on": '[filter "x"]\n\tprocess = %(plant)s\n\trequired = true',
    "a driver for differences": '[diff "x"]\n\ttextconv = %(plant)s\n\tcommand = %(plant)s\n\tcachetextconv = true',
    "a program for differences": "[diff]\n\texternal = %(plant)s",
    "a driver for merges": '[merge "x"]\n\tdriver = %(plant)s',
    "aliases": "[alias]\n" + "".join(f"\t{name} = !%(plant)s\n" for name in ("rev-parse", "ls-files", "cat-file", "ls-tree", "diff", "config", "log", "status", "diff-tree", "diff-index", "hash-object", "check-attr", "rev-list")),
    "a pager": "[core]\n\tpager = %(plant)s\n[pager]\n\trev-parse = %(plant)s\n\tcat-file = %(plant)s\n\tdiff = %(plant)s\n\tls-tree = %(plant)s",
    "programs for secrets": "[core]\n\taskPass = %(plant)s\n\teditor = %(plant)s\n\tsshCommand = %(plant)s\n\tgitProxy = %(plant)s\n[credential]\n\thelper = !%(plant)s",
    "a program for signatures": "[gpg]\n\tprogram = %(plant)s\n[log]\n\tshowSignature = true\n[commit]\n\tgpgSign = true",
    "a lazy remote": '[extensions]\n\tpartialClone = origin\n[core]\n\trepositoryFormatVersion = 1\n[remote "origin"]\n\turl = ext::%(plant)s\n\tpromisor = true\n\tpartialclonefilter = blob:none\n\tuploadpack = %(plant)s\n[protocol "ext"]\n\tallow = always',
    "a remote of another kind": '[remote "origin"]\n\tvcs = ../../plant\n\turl = file://%(outside)s\n\tpromisor = true\n[protocol]\n\tallow = always',
    "refs of others": "[core]\n\talternateRefsCommand = %(plant)s",
    "a work tree elsewhere": "[core]\n\tworktree = %(outside)s",
    "a work tree above": "[core]\n\tworktree = ../..",
    "the root as its work tree": "[core]\n\tworktree = /",
    "a work tree of the machine": "[core]\n\tworktree = /proc",
    "a bare repository": "[core]\n\tbare = true",
    "a bare one with a work tree": "[core]\n\tbare = true\n\tworktree = ..",
    "included files": "[include]\n\tpath = %(outside)s/secret.md",
    "an included device": "[include]\n\tpath = /dev/zero",
    "an included FIFO": "[include]\n\tpath = ../fifo",
    "itself": "[include]\n\tpath = config",
    "included conditions": '[includeIf "gitdir:**"]\n\tpath = %(outside)s/secret.md',
    "control characters": '[core]\n\t"\x1b[2J\n::stop-commands::x',
    "a broken line that commands": "\n::stop-commands::x\n##vso[task.complete]\n",
    "another format": "[core]\n\trepositoryFormatVersion = 99",
    "an unknown extension": "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tx\x1b[2J = true",
    "another hash": "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tobjectFormat = sha256",
    "a configuration of the work tree": "[extensions]\n\tworktreeConfig = true\n[core]\n\trepositoryFormatVersion = 1",
    "attributes elsewhere": "[core]\n\tattributesFile = ../fifo\n\texcludesFile = ../fifo",
    "patterns that are secret": "[core]\n\texcludesFile = %(outside)s/secret.md",
    "1 MB of sections": '[a "b"]\n\tc = d\n' * 60_000,
    "1 MB in one line": "[a]\n\tb = " + "c" * 1_000_000,
    "a trace": "[trace2]\n\teventTarget = %(outside)s/trace\n\tnormalTarget = %(outside)s/trace",
    "big files": "[core]\n\tbigFileThreshold = 1\n\tpackedGitLimit = 1\n\tdeltaBaseCacheLimit = 1",
    "a log of refs": "[core]\n\tlogAllRefUpdates = always\n\tsharedRepository = 0777\n[gc]\n\tauto = 1",
    "a shared index": "[core]\n\tsplitIndex = true\n\tuntrackedCache = true\n[index]\n\tthreads = 1000",
    "many submodules": '[submodule "x"]\n\turl = ext::%(plant)s\n\tupdate = !%(plant)s\n\tactive = true\n[submodule]\n\trecurse = true\n[status]\n\tsubmoduleSummary = true\n[diff]\n\tsubmodule = log',
    "colours": "[color]\n\tui = always\n\tdiff = always\n[core]\n\tquotePath = false\n\tabbrev = 4",
}  # fmt: skip


def _configured(text: str, place: Place) -> None:
    _usual(place)
    plant = place.planted()
    for hook in ("post-checkout", "pre-commit", "post-index-change", "fsmonitor-watchman", "reference-transaction"):
        place.planted(f".git/hooks/{hook}")
        place.planted(f"hooks/{hook}")
    place.planted("git")
    place.planted("sqlite3")
    place.write(".gitattributes", "* filter=x diff=x merge=x ident export-subst working-tree-encoding=UTF-16\n")
    put(place, "fifo", "fifo")
    place.write(".git/config.worktree", f"[core]\n\tworktree = {place.outside}\n\tfsmonitor = {plant}\n")
    place.configured(f"{text % {'plant': plant, 'outside': place.outside}}\n" if "%(" in text else f"{text}\n")


def _bare_within(place: Place) -> None:
    """A folder of documents that is a bare repository, too, with the user's own folder as its work tree."""
    _usual(place)
    git(place.folder, "clone", "--quiet", "--bare", str(place.outside), "docs")
    with (place.folder / "docs/config").open("a") as file:
        file.write(f"[core]\n\tbare = false\n\tworktree = {place.outside}\n\tfsmonitor = {place.planted()}\n")
    place.write("docs/a.md", "# A guide\n\n[gone](gone.md)\n")


def _git_file(target: str, place: Place) -> None:
    """A .git file that leads elsewhere."""
    place.documents()
    place.write(".git", target.format(outside=place.outside) if "{" in target else target)


def _git_link(what: str, place: Place) -> None:
    _usual(place)
    (place.folder / ".git").rename(place.parent / "taken")
    (place.folder / ".git").symlink_to({"outside": f"{place.outside}/.git", "loop": ".git", "zero": "/dev/zero"}[what])


def _alternates(place: Place) -> None:
    _usual(place)
    place.write(".git/objects/info/alternates", f"{place.outside}/.git/objects\n")
    place.write(".git/HEAD", git(place.outside, "rev-parse", "HEAD"))


def _odd_inside(name: str, what: str, place: Place) -> None:
    _usual(place)
    if what == "fifo" or not (place.folder / ".git" / name).is_dir():
        put(place, f".git/{name}", what)


_INSIDE = ("HEAD", "config", "index", "packed-refs", "refs/heads/main", "shallow", "objects/info/alternates", "commondir", "info/grafts", "info/attributes", "MERGE_HEAD", "sharedindex.x", "logs/HEAD", "info/sparse-checkout", "index.lock")  # fmt: skip


def _object(place: Place, kind: str, content: bytes) -> str:
    """Write a loose object, whatever it says; its name."""
    raw = f"{kind} {len(content)}\0".encode() + content
    name = hashlib.sha1(raw).hexdigest()
    file = place.folder / f".git/objects/{name[:2]}/{name[2:]}"
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.write_bytes(zlib.compress(raw, 9))
    return name


def _entry(mode: str, name: bytes, object_name: str) -> bytes:
    return mode.encode() + b" " + name + b"\0" + bytes.fromhex(object_name)


def _committed(place: Place, tree: str, message: str = "x") -> None:
    """Make a commit of a tree the head, with a parent."""
    parent = place.git("rev-parse", "HEAD").strip()
    who = "A <a@b.c> 1 +0000"
    text = f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n{message}\n"
    place.write(".git/refs/heads/main", _object(place, "commit", text.encode()) + "\n")


def _tree(entries: tuple[tuple[str, bytes, bytes], ...], place: Place) -> None:
    """A commit whose tree holds blobs of these (mode, name, content)."""
    _usual(place)
    made = b"".join(_entry(mode, name, _object(place, "blob", content)) for mode, name, content in entries)
    _committed(place, _object(place, "tree", made))


_BROKEN = b"# X\n\n[gone](gone.md)\n"
_TREES = {
    "names that lead up": ((("100644", b"../outside/secret.md", _BROKEN), ("100644", b"..", _BROKEN), ("100644", b".", _BROKEN))),
    "absolute names": (("100644", b"/etc/passwd.md", _BROKEN), ("100644", b"//x.md", _BROKEN)),
    "names in .git": (("100644", b".git/config.md", _BROKEN), ("100644", b".git", _BROKEN)),
    "names that command": (("100644", b"x\n::stop-commands::y.md", _BROKEN), ("100644", b"::stop-commands::z.md", _BROKEN)),
    "names of control characters": (("100644", b"\x1b]0;owned\x07.md", _BROKEN), ("100644", b"\x9b2J.md", _BROKEN)),
    "broken names": (("100644", b"\xff\xfe.md", _BROKEN), ("100644", b"", _BROKEN)),
    "one name twice": (("100644", b"a.md", _BROKEN), ("100644", b"a.md", b"# Y\n")),
    "names out of order": (("100644", b"z.md", _BROKEN), ("100644", b"a.md", _BROKEN)),
    "odd modes": (("777777", b"a.md", _BROKEN), ("0", b"b.md", _BROKEN), ("100000", b"c.md", _BROKEN)),
    "links": (("120000", b"a.md", b"../outside/secret.md"), ("120000", b"mdcache.toml", b"../outside/secret.toml")),
    "repositories": (("160000", b"sub.md", _BROKEN), ("160000", b"mdcache.toml", _BROKEN)),
    "settings that are deep": (("100644", b"a.md", _BROKEN), ("100644", b"mdcache.toml", b".".join([b"a"] * 30_000) + b" = 1")),
    "settings that lead out": (("100644", b"a.md", _BROKEN), ("100644", b"mdcache.toml", b'docs = ["../outside"]\nschema = ["../outside/secret.md"]')),
    "a name of 1 MB": (("100644", b"a" * 1_000_000 + b".md", _BROKEN),),
    "patterns": (("100644", b".gitignore", b"*a" * 60_000), ("100644", b"a" * 200 + b".md", _BROKEN)),
}  # fmt: skip


def _blob_bomb(name: str, place: Place) -> None:
    """A gigabyte of one letter, in a megabyte."""
    _usual(place)
    size, packer = 1_000_000_000, zlib.compressobj(9)
    digest = hashlib.sha1(f"blob {size}\0".encode())
    parts = [packer.compress(f"blob {size}\0".encode())]
    piece = b"x" * 10_000_000
    for _ in range(size // len(piece)):
        digest.update(piece)
        parts.append(packer.compress(piece))
    found = digest.hexdigest()
    file = place.folder / f".git/objects/{found[:2]}/{found[2:]}"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join((*parts, packer.flush())))
    _committed(place, _object(place, "tree", _entry("100644", name.encode(), found)))


def _false_size(place: Place) -> None:
    """An object that says it is small, and goes on for 300 MB."""
    _usual(place)
    name = _object(place, "blob", b"[gone](gone.md)\n")
    raw = zlib.compress(b"blob 16\0" + b"[gone](gone.md)\n" + b"x" * 300_000_000, 9)
    (place.folder / f".git/objects/{name[:2]}/{name[2:]}").write_bytes(raw)
    _committed(place, _object(place, "tree", _entry("100644", b"a.md", name)))


def _tree_bomb(place: Place) -> None:
    """Ten folders of ten folders of ten folders …: ten thousand million documents, in eleven objects."""
    _usual(place)
    tree, mode = _object(place, "blob", _BROKEN), "100644"
    for _ in range(10):
        suffix = b".md" if mode == "100644" else b""
        tree = _object(place, "tree", b"".join(_entry(mode, b"%d" % n + suffix, tree) for n in range(10)))
        mode = "40000"
    _committed(place, tree)


def _deep_tree(place: Place) -> None:
    _usual(place)
    tree = _object(place, "tree", _entry("100644", b"a.md", _object(place, "blob", _BROKEN)))
    for _ in range(3_000):
        tree = _object(place, "tree", _entry("40000", b"d", tree))
    _committed(place, tree)


def _wide_tree(place: Place) -> None:
    _usual(place)
    blob = _object(place, "blob", b"[a](gone.md)\n")
    _committed(place, _object(place, "tree", b"".join(_entry("100644", b"%06d.md" % n, blob) for n in range(20_000))))


def _lacking(place: Place) -> None:
    """Commits whose trees and blobs are not there."""
    _usual(place)
    _committed(place, "1" * 40)


def _blob_for_tree(place: Place) -> None:
    _usual(place)
    _committed(place, _object(place, "blob", b"# x\n"))


def _broken_index(content: bytes, place: Place) -> None:
    _usual(place)
    place.write(".git/index", content)


def _replaced(place: Place) -> None:
    """The commit that is judged is replaced by one without the documents."""
    _usual(place)
    head = place.git("rev-parse", "HEAD").strip()
    empty = _object(
        place,
        "commit",
        f"tree {_object(place, 'tree', b'')}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n".encode(),
    )
    place.write(f".git/refs/replace/{head}", empty + "\n")


def _branch(name: str, place: Place) -> None:
    _usual(place)
    place.write(".git/HEAD", f"ref: refs/heads/{name}\n")


def _submodule(place: Place) -> None:
    _usual(place)
    plant = place.planted()
    place.write(".gitmodules", f'[submodule "x"]\n\tpath = sub\n\turl = ext::{plant}\n\tupdate = !{plant}\n')
    place.write("sub/.git", f"gitdir: {place.outside}/.git\n")
    place.write("sub/a.md", "# sub\n[gone](gone.md)\n")
    place.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")


def _of_somebody(place: Place) -> None:
    """Another user's repository and .gitignore above the folder where the user works."""
    place.committed()
    place.write(".gitignore", "*.md\n")
    for at, folders, files in os.walk(place.folder):
        for name in (*folders, *files):
            os.chown(os.path.join(at, name), SOMEBODY, SOMEBODY)
    place.write("mine/a.md", "# A guide\n\n[gone](gone.md)\n")
    place.folder.chmod(0o1777)


def _tricky(place: Place) -> None:
    _usual(place)
    place.configured(f"[core]\n\thooksPath = {place.outside}\n")


_OBJECTS: dict[str, Make] = {
    "a blob of a gigabyte": partial(_blob_bomb, "a.md"),
    "settings of a gigabyte in a tree": partial(_blob_bomb, "mdcache.toml"),
    "a .gitignore of a gigabyte in a tree": partial(_blob_bomb, ".gitignore"),
    "an object that goes on": _false_size,
    "a tree of ten thousand million documents": _tree_bomb,
    "a tree 3,000 deep": _deep_tree,
    "a tree of 20,000 documents": _wide_tree,
    "a commit of nothing": _lacking,
    "a commit of a blob": _blob_for_tree,
    "a replaced commit": _replaced,
    "an index of nothing": partial(_broken_index, b""),
    "an index of too many": partial(_broken_index, b"DIRC\0\0\0\2\xff\xff\xff\xff" + b"\0" * 100),
    "an index that links": partial(_broken_index, b"DIRC\0\0\0\2\0\0\0\0link\0\0\0\x14" + b"\x11" * 20 + b"\0" * 20),
    "a branch that commands": partial(_branch, "x\x1b[2J"),
    "a branch outside": partial(_branch, "../../../../outside/secret.md"),
    "a submodule": _submodule,
}

KINDS = (
    *(Kind(f"git configured with {name}", partial(_configured, text), _GIT, may_change=_PUBLISHED) for name, text in _CONFIGURATIONS.items()),
    Kind("a bare repository within", _bare_within, (*(f"{one} ." for one in CHECKS), *OF_GIT, "rebuild --rev HEAD --output published.db"), at="docs", may_change=_PUBLISHED),
    *(
        Kind(f"a .git file: {name}", partial(_git_file, text), _GIT, may_change=_PUBLISHED)
        for name, text in {
            "another repository": "gitdir: {outside}/.git\n",
            "a device": "gitdir: /dev/zero\n",
            "itself": "gitdir: .git\n",
            "1 MB": "gitdir: " + "x/" * 500_000,
            "control characters": "gitdir: \x1b[2J\n::stop-commands::x\n",
            "a NUL": "gitdir: a\0b\n",
            "nothing": "",
        }.items()
    ),
    *(Kind(f".git is a link: {what}", partial(_git_link, what), _GIT, may_change=_PUBLISHED) for what in ("outside", "loop", "zero")),
    *(Kind(f".git is a {what}", odd(".git", what), _GIT) for what in ODD),
    Kind("alternates that lead to another repository", _alternates, _GIT, may_change=_PUBLISHED),
    *(
        Kind(f".git/{name} is a {what}", partial(_odd_inside, name, what), _GIT, may_change=_PUBLISHED)
        for name in _INSIDE
        for what in ("fifo", "zero", "garbage")
    ),
    *(Kind(f"a tree of {name}", partial(_tree, entries), ("check --rev HEAD", "check --rev HEAD --format github", "check --rev HEAD --json", "check --against HEAD~1", "rebuild --rev HEAD --output published.db"), may_change=_PUBLISHED) for name, entries in _TREES.items()),
    *(
        Kind(name, make, ("check --rev HEAD", "check --against HEAD~1", "check --staged", "rebuild --rev HEAD --output published.db", "check"), may_change=_PUBLISHED)
        for name, make in _OBJECTS.items()
    ),
    *(
        Kind(f"a revision named {rev!r}", _usual, (("check", f"--rev={rev}"), ("check", f"--against={rev}"), ("rebuild", f"--rev={rev}", "--output", "published.db")), statuses=REFUSES, may_change=_PUBLISHED)
        for rev in ("--output=x", "-", "--", "HEAD:a.md", "HEAD^{/x", "@{-1}", "x\n::stop-commands::y", "\x1b[2J", ":/" + "x" * 100_000)
    ),
    Kind("hooks that lead outside", _tricky, ("hook install", "hook uninstall", "doctor"), may_change=("clone/.git/hooks*",)),
    *((Kind("somebody's repository above", _of_somebody, ("check", "check --staged", "sync", "rebuild"), at="mine", statuses=FINDS | REFUSES, may_change=("clone/mine/.mdcache*",)),) if IS_ROOT else ()),
)  # fmt: skip

"""What a clone full of hostile documents, settings and configuration can make us do: nothing. Seen from the system."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import MDCACHE, needs, run

pytestmark = needs("strace")  # it shows what a process asks of the system

Vault = Callable[..., Path]

DOCUMENT = """---
id: ../../../etc/passwd
aliases: [/etc/passwd]
---
# [x](file:///etc/passwd) ![[/etc/passwd]] [y](/etc/passwd) [z](../../../../etc/passwd) [w](secret.md)

![](http://127.0.0.1:9/x.png) <https://127.0.0.1:9/> [[../outside]] ![](//127.0.0.1/share/x.png) [l](link/secret.md)
"""
CONFIGURATION = """[core]
\tfsmonitor = touch %(mark)s; false
\tpager = touch %(mark)s
\tsshCommand = touch %(mark)s
\thooksPath = hooks
[diff]
\texternal = touch %(mark)s
[filter "evil"]
\tclean = touch %(mark)s; cat
\tsmudge = touch %(mark)s; cat
\tprocess = touch %(mark)s
"""


@pytest.fixture
def clone(vault: Vault, git: Callable[..., str], tmp_path: Path) -> Path:
    """A repository that tries everything."""
    outside = vault({"secret.md": "# Secret\n", "outside.md": "# Outside\n"}, tmp_path / "outside")
    folder = vault({"docs/a.md": DOCUMENT, ".gitattributes": "*.md filter=evil diff=evil\n"}, tmp_path / "clone")
    (folder / "docs" / "link").symlink_to(outside)
    (folder / "docs" / "linked.md").symlink_to(outside / "secret.md")
    (folder / "mdcache.toml").write_text('docs = ["docs"]\n')
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    (folder / "docs" / "b.md").write_text("# B\n")
    git(folder, "add", "docs/b.md")
    (folder / "docs" / "a.md").write_text(f"{DOCUMENT}changed\n")
    with (folder / ".git" / "config").open("a") as file:
        file.write(CONFIGURATION % {"mark": tmp_path / "mark"})
    return folder


def asked_of_the_system(folder: Path, *arguments: str) -> list[str]:
    """The files that a command opens, the programs it starts, the addresses it reaches for: a line each."""
    log = folder.parent / "trace"
    traced = "openat,open,creat,execve,connect,unlink,unlinkat,rename,renameat,renameat2,mkdir,truncate"
    run(("strace", "-f", "-qq", "-s", "4096", "-e", f"trace={traced}", "-o", str(log), *MDCACHE, *arguments), folder)
    return log.read_text(errors="replace").splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ("rebuild",),
        ("sync",),
        ("check",),
        ("check", "--staged"),
        ("rebuild", "--rev", "HEAD", "--output", "published.db"),
    ],
    ids=" ".join,
)
def test_documents_are_only_read_and_nothing_else_is_reached(clone: Path, arguments: tuple[str, ...]) -> None:
    lines = asked_of_the_system(clone, *arguments)
    assert lines
    documents, outside = f"{clone}/docs", f"{clone.parent}/outside"
    assert [line for line in lines if re.search(r"connect\(.*AF_INET", line)] == []
    assert [line for line in lines if outside in line or ('/etc/passwd"' in line and "mdcache" in line)] == []
    assert [
        line for line in lines if documents in line and re.search(r"O_WRONLY|O_RDWR|unlink|rename|mkdir", line)
    ] == []
    assert {Path(name).name for line in lines for name in re.findall(r'execve\("([^"]+)".* = 0$', line)} <= {
        *(Path(MDCACHE[0]).name, "git", "python", "python3")
    }
    assert not (clone.parent / "mark").exists()


def test_what_lies_outside_is_in_no_cache(clone: Path) -> None:
    run((*MDCACHE, "rebuild"), clone)
    done = run((*MDCACHE, "query", "--csv", "SELECT path FROM nodes ORDER BY path"), clone)
    assert done.stdout.split() == ["path", "docs/a.md", "docs/b.md"]

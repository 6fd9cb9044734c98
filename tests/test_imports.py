"""Nothing of the working folder or of PYTHONPATH is imported in place of ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import git, run

from mdcache import imports
from mdcache.doctor import checks

Vault = Callable[..., Path]

pytestmark = pytest.mark.slow

PROGRAM = str(Path(sys.executable).parent / "mdcache")
RAN = 'import sys; sys.stderr.write("ran code of this folder\\n"); raise SystemExit(7)'
DOCUMENTS = {"a.md": "# A\n\nneedle [b](b.md)\n", "b.md": "# B\n"}


@pytest.fixture
def crowded(vault: Vault) -> Path:
    """A folder of documents with Python that is called as what mdcache needs, and ends what imports it."""
    files = {f"{name}.py": RAN for name in imports.DEPENDENCIES if name != "mdcache"}
    return vault({**DOCUMENTS, **files, "sqlite_utils.py": RAN, "pysqlite3/__init__.py": RAN, ".gitignore": "*.py\n"})


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, **variables}


# Commands


@pytest.mark.parametrize("path", [":", ".", "{}", "/nothere::", ":{}/../{}"])
@pytest.mark.parametrize("command", [(PROGRAM,), (sys.executable, "-m", "mdcache")], ids=["program", "module"])
def test_modules_in_the_working_folder_stop_no_command(crowded: Path, path: str, command: tuple[str, ...]) -> None:
    env = environment(PYTHONPATH=path.format(crowded, crowded.name))
    for arguments in ("--version",), ("rebuild", ".", "--workers", "2"), ("search", "needle"), ("check",):
        done = run((*command, *arguments), crowded, env=env)
        assert (done.returncode, "ran code" in done.stderr) == (0, False), done


def test_modules_beside_a_program_of_python_stop_no_command(crowded: Path) -> None:
    (crowded / "bin").mkdir()
    shutil.copy(PROGRAM, crowded / "bin/mdcache")
    (crowded / "bin/yaml.py").write_text(RAN)
    done = run(("bin/mdcache", "rebuild", "."), crowded)
    assert (done.returncode, "ran code" in done.stderr) == (0, False), done


# As a program that finds ours, whatever PYTHONPATH says.
STARTS = f"""
import sys
sys.path.insert(0, {imports.ROOT!r})
from mdcache.__main__ import main
main()
"""


def test_a_watcher_in_the_background_imports_nothing_that_lies_there(crowded: Path) -> None:
    env = environment(PYTHONPATH=":")
    (crowded / "mdcache.toml").write_text("")
    (crowded / "mdcache").mkdir()
    (crowded / "mdcache/__init__.py").write_text(RAN)
    done = run((sys.executable, "-P", "-c", STARTS, "watch", "--detach"), crowded, env=env)
    assert (done.returncode, done.stderr) == (0, ""), done
    environ = Path(f"/proc/{done.stdout.split()[1]}/environ")
    seen = environ.read_bytes() if environ.exists() else b""
    assert run((sys.executable, "-P", "-m", "mdcache", "watch", "--stop"), crowded).returncode == 0
    assert b"PYTHONPATH" not in seen


@pytest.mark.parametrize("kept", [False, True])
def test_hooks_import_nothing_that_lies_there(crowded: Path, kept: bool) -> None:
    git(crowded, "init", "-q")
    if kept:
        (crowded / ".git/hooks/pre-commit").write_text('#!/bin/sh\necho "kept: $PYTHONPATH." >&2\n')
        (crowded / ".git/hooks/pre-commit").chmod(0o755)
    assert run((PROGRAM, "hook", "install"), crowded).returncode == 0
    (crowded / "mdcache").mkdir()
    (crowded / "mdcache/__init__.py").write_text(RAN)
    git(crowded, "add", "a.md", "b.md")
    done = run(("git", "commit", "-q", "-m", "x"), crowded, env=environment(PYTHONPATH=":"))
    assert (done.returncode, done.stderr) == (0, "kept: :.\n" if kept else ""), done


def test_hooks_of_an_earlier_version_keep_working_and_are_renewed(crowded: Path) -> None:
    git(crowded, "init", "-q")
    assert run((PROGRAM, "hook", "install"), crowded).returncode == 0
    hooks = sorted((crowded / ".git/hooks").glob("p*"))
    hooks = [hook for hook in hooks if hook.suffix != ".sample"]
    now = {hook: hook.read_bytes() for hook in hooks}
    for hook, content in now.items():
        hook.write_bytes(_as_before(content))
    git(crowded, "add", "a.md", "b.md")
    assert run(("git", "commit", "-q", "-m", "x"), crowded, env=environment(PYTHONPATH=":")).returncode == 0
    done = json.loads(run((PROGRAM, "hook", "install", "--json"), crowded).stdout)
    assert {one["action"] for one in done["hooks"]} == {"rewritten"}
    assert {hook: hook.read_bytes() for hook in hooks} == now


def _as_before(content: bytes) -> bytes:
    """A hook as it was written before it left PYTHONPATH aside."""
    text, mark, _ = content.rpartition(b"# mdcache hook ")
    begin = text.index(b"# mdcache imports nothing")
    end = text.index(b"export PYTHONSAFEPATH=1\n") + len(b"export PYTHONSAFEPATH=1\n")
    text = text[:begin] + text[end:]
    return text + mark + hashlib.sha256(text).hexdigest().encode() + b"\n"


# A package that is found through PYTHONPATH alone


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with this package, all in it."""
    source, target = Path(imports.ROOT), tmp_path / "checkout/mdcache"
    shutil.copytree(source / "mdcache", target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(source.parent / "schema", target / "schema", dirs_exist_ok=True)
    return tmp_path / "checkout"


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter that knows the dependencies, and not the package."""
    run((sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")), tmp_path)
    (packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    ours = next(Path(one) for one in sys.path if one.endswith("site-packages"))
    for one in ours.iterdir():
        if not one.name.lower().startswith(("mdcache", "__editable__")) and one.suffix != ".pth":
            (packages / one.name).symlink_to(one)
    return str(tmp_path / "venv/bin/python")


@pytest.mark.parametrize("apart", [False, True], ids=["with dependencies installed", "with dependencies on the path"])
def test_a_package_on_the_path_alone_is_found_by_all_its_processes(
    checkout: Path, python: str, crowded: Path, tmp_path: Path, apart: bool
) -> None:
    path = f":{checkout}:"
    if apart:
        (packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
        packages.rename(tmp_path / "dependencies")
        packages.mkdir()
        path += f":{tmp_path / 'dependencies'}"
    rule = "[check.rules]\nmine = \"SELECT path, 1 AS line, 'no' AS message FROM nodes WHERE path = 'x.md'\"\n"
    (crowded / "mdcache.toml").write_text(rule)
    command = (python, "-P", "-m", "mdcache")
    assert run((*command, "--version"), crowded).returncode == 1
    library = "import mdcache; print(mdcache.sync('.').documents)"
    for words in (
        (*command, "rebuild", "--workers", "2"),
        (*command, "check"),
        (python, "-P", "-c", library),
        (*command, "watch", "--detach"),
        (*command, "watch", "--stop"),
    ):
        done = run(words, crowded, env=environment(PYTHONPATH=path))
        assert (done.returncode, "ran code" in done.stderr) == (0, False), done


# What is decided


@pytest.mark.parametrize(
    ("variable", "wanted"),
    [
        ("", ()),
        (":", ()),
        (".", ()),
        ("/work/notes", ()),
        ("/work/notes/", ()),
        ("/work/notes/../notes", ()),
        ("/lib/one::/lib/two:/lib/one", ("/lib/one", "/lib/two")),
        ("sub", ("/work/notes/sub",)),
    ],
)
def test_the_working_folder_is_never_wanted(variable: str, wanted: tuple[str, ...]) -> None:
    assert imports.wanted(variable, "/work/notes") == wanted


def test_the_package_is_wanted_where_it_lies() -> None:
    assert imports.wanted(":", imports.ROOT) == (imports.ROOT,)
    assert imports.wanted(imports.ROOT, "/work/notes") == (imports.ROOT,)


def test_the_interpreters_own_folders_come_first() -> None:
    path = ["/work/notes", "/lib/one", "/usr/lib/x.zip", "/usr/lib/x"]
    found = imports.ordered(path, ":/lib/one", "/work/notes", True)
    assert found == ["/usr/lib/x.zip", "/usr/lib/x", "/lib/one", imports.ROOT]
    assert imports.ordered(["/bin", "/usr/lib/x"], "", "/work/notes", False) == ["/usr/lib/x", imports.ROOT]
    assert imports.ordered(["/bin", "/usr/lib/x"], "", "/work/notes", True)[0] == "/bin"


def test_an_interpreters_own_folder_stays_where_it_is_whoever_names_it() -> None:
    library = os.path.dirname(os.__file__)
    assert imports.ordered([library, "/usr/lib/x"], library, library, True)[:2] == [library, "/usr/lib/x"]


# What doctor says


def test_what_shadows_is_named(crowded: Path, tmp_path: Path) -> None:
    found = dict(imports.shadows((str(crowded),)))
    assert set(found) == set(imports.DEPENDENCIES) - {"mdcache"}
    assert found["click"] == str(crowded / "click.py")
    assert found["pysqlite3"] == str(crowded / "pysqlite3/__init__.py")
    (tmp_path / "yaml").mkdir()  # without __init__.py it shadows nothing that is installed
    assert imports.shadows((str(tmp_path), imports.ROOT)) == ()


def test_it_is_a_warning_only_where_python_looks() -> None:
    found = (("click", "/x/click.py"), ("yaml", "/x/yaml/__init__.py"))
    assert checks.shadows((), ()).level == "ok"
    here, there = checks.shadows((), found), checks.shadows(found, ())
    assert (here.level, here.saw) == ("ok", "/x/click.py, /x/yaml/__init__.py")
    assert (there.level, there.saw) == ("warning", here.saw)
    assert "in place of click, yaml" in (there.means or "")


def test_doctor_names_the_file_and_what_to_do(crowded: Path) -> None:
    for variable, level in ((":", "warning"), ("", "ok")):
        done = run((PROGRAM, "doctor", "--json"), crowded, env=environment(PYTHONPATH=variable))
        (check,) = (one for one in json.loads(done.stdout)["checks"] if one["check"] == "imports")
        assert check["level"] == level
        assert str(crowded / "click.py") in check["saw"]

"""mdcache as it is installed: from a wheel, by pip, pipx and uv, in fresh environments, beside modules of any name."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
from installing import PIP, ROOT, environment, install, sources
from processes import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Git = Callable[..., str]
Vault = Callable[..., Path]
UV = (sys.executable, "-m", "uv")
DOCUMENTS = {"a.md": "# A\n\nneedle [b](b.md)\n", "b.md": "# B\n", "mdcache.toml": ""}
# What our modules are called, or were: somebody else's may be called the same.
CODE = ROOT / "pipeline" / "mdcache"
NAMES = {path.stem for path in CODE.rglob("*") if path.suffix == ".py" or path.is_dir()} | {"pipeline", "schema"}
NAMES -= {*sys.stdlib_module_names, "__init__", "__main__", "__pycache__"}


class Installed(NamedTuple):
    """A program and the Python in which it is installed."""

    program: str
    python: str
    env: dict[str, str]

    def run(self, folder: Path, *command: str, **variables: str) -> CompletedProcess[str]:
        """Run a command in a folder; mdcache is on its path."""
        path = f"{Path(self.program).parent}{os.pathsep}{self.env['PATH']}"
        return run(command, folder, env={**self.env, "PATH": path, **variables})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """A wheel, built from a source distribution, as package indexes get both."""
    folder = tmp_path_factory.mktemp("wheel")
    install((*UV, "build", "--out-dir", str(folder / "dist"), str(source)), folder, environment(folder))
    (found,) = (folder / "dist").glob("*.whl")
    return found


def _venv(folder: Path, env: dict[str, str], *what: str) -> Installed:
    install((sys.executable, "-m", "venv", str(folder / "venv")), folder, env)
    python = str(folder / "venv/bin/python")
    install((python, *PIP[1:], "install", *what), folder, env)
    return Installed(str(folder / "venv/bin/mdcache"), python, env)


def _pipx(folder: Path, env: dict[str, str], source: str) -> Installed:
    install((sys.executable, "-m", "pipx", "install", "--python", sys.executable, source), folder, env)
    return Installed(env["PIPX_BIN_DIR"] + "/mdcache", env["PIPX_HOME"] + "/venvs/mdcache/bin/python", env)


def _uv_tool(folder: Path, env: dict[str, str], source: str) -> Installed:
    install((*UV, "tool", "install", "--python", sys.executable, source), folder, env)
    return Installed(env["UV_TOOL_BIN_DIR"] + "/mdcache", env["UV_TOOL_DIR"] + "/mdcache/bin/python", env)


@pytest.fixture(scope="module", params=["wheel", "pip", "pip --editable", "pipx", "uv tool"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, source: Path, wheel: Path
) -> Installed:
    """mdcache, installed in each of the ways that there are."""
    folder = tmp_path_factory.mktemp("installed")
    env = environment(folder)
    match request.param:
        case "wheel":
            return _venv(folder, env, str(wheel))
        case "pip":
            return _venv(folder, env, str(source))
        case "pip --editable":
            return _venv(folder, env, "--editable", str(source))
        case "pipx":
            return _pipx(folder, env, str(source))
        case _:
            return _uv_tool(folder, env, str(source))


def test_a_wheel_has_one_package_with_all_that_belongs_to_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"mdcache"}
    assert len(tops) == 2
    code = {f"mdcache/{path.relative_to(CODE)}" for path in CODE.rglob("*.py")}
    schema = {f"mdcache/schema/{path.name}" for path in (ROOT / "schema").iterdir() if path.is_file()}
    assert code | schema <= set(names)
    assert "mdcache/py.typed" in names


PROGRAM = """
from threading import Event

import mdcache

report: mdcache.Report = mdcache.rebuild("docs/")
with mdcache.open("docs/") as cache:
    hits: list[mdcache.Hit] = cache.search("x", limit=3)
    line: int = hits[0].line
    text: str = cache.read("a").text
    rows: list[dict[str, object]] = cache.query("SELECT 1")
for batch in mdcache.watch("docs/", stop=Event()):
    count: int = batch.added
found: list[mdcache.Finding] = mdcache.check("docs/")
error: type[Exception] = mdcache.UsageError
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [(PROGRAM, "Success"), (PROGRAM + "other: str = report.documents", 'has type "int", variable has type "str"')],
)
def test_a_strangers_types_are_checked(program: str, says: str, wheel: Path, tmp_path: Path) -> None:
    run((sys.executable, "-m", "venv", "--without-pip", "venv"), tmp_path)
    (packages,) = tmp_path.glob("venv/lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    (tmp_path / "program.py").write_text(program)
    options = ("--strict", "--python-executable", "venv/bin/python", "--config-file", os.devnull)
    done = run((sys.executable, "-m", "mypy", *options, "program.py"), tmp_path)
    assert says in done.stdout, done


def test_one_name_can_be_imported(installed: Installed, tmp_path: Path) -> None:
    script = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""
    done = installed.run(tmp_path, installed.python, "-I", "-c", script, "mdcache", *sorted(NAMES))
    assert json.loads(done.stdout) == ["mdcache"], done


def test_the_program_and_the_module_build_and_read_a_cache(installed: Installed, vault: Vault) -> None:
    folder = vault(DOCUMENTS)
    for command in ("mdcache",), (installed.python, "-m", "mdcache"):
        assert installed.run(folder, *command, "--version").stdout.startswith("mdcache, version ")
        assert installed.run(folder, *command, "rebuild", "--workers", "2").returncode == 0
        assert "a.md" in installed.run(folder, *command, "search", "needle").stdout
    assert "CREATE TABLE nodes" in installed.run(folder, "mdcache", "schema").stdout


@pytest.fixture
def crowded(vault: Vault) -> Path:
    """A folder of documents with Python of one's own that is called as ours is, and ends what imports it."""
    folder = vault({**DOCUMENTS, ".gitignore": "*.py\n.mdcache/\n"})
    code = 'import sys; sys.stderr.write("ran code of this folder\\n"); raise SystemExit(7)'
    for name in NAMES:
        (folder / f"{name}.py").write_text(code)
    for package in ("store", "pipeline"):
        vault({f"{package}/__init__.py": code}, into=folder)
        (folder / f"{package}.py").unlink()
    return folder


@pytest.mark.parametrize("path", [".", ":"], ids=["the folder", "an empty entry"])
def test_modules_of_ones_own_stop_no_command(installed: Installed, crowded: Path, path: str) -> None:
    assert {"pipeline", "schema", "model", "parse", "store", "errors"} <= NAMES
    there = installed.run(crowded, installed.python, "-c", "import model", PYTHONPATH=path)
    assert (there.returncode, there.stderr) == (7, "ran code of this folder\n")
    for command in (
        ("mdcache", "--version"),
        ("mdcache", "rebuild", "--workers", "2"),
        (installed.python, "-m", "mdcache", "sync"),
        ("mdcache", "search", "needle"),
        ("mdcache", "check"),
        ("mdcache", "doctor"),
        ("mdcache", "verify"),
    ):
        done = installed.run(crowded, *command, PYTHONPATH=path)
        assert "ran code of this folder" not in done.stdout + done.stderr
        assert done.returncode == 0, done


def test_modules_of_ones_own_stop_no_commit(installed: Installed, crowded: Path, git: Git) -> None:
    git(crowded, "init", "-q")
    assert installed.run(crowded, "mdcache", "rebuild").returncode == 0
    assert installed.run(crowded, "mdcache", "hook", "install").returncode == 0
    git(crowded, "add", ".")
    done = installed.run(crowded, "git", "commit", "-m", "one", PYTHONPATH=".")
    assert done.returncode == 0, done
    (crowded / "a.md").write_text("# A\n\n[c](c.md)\n")
    done = installed.run(crowded, "git", "commit", "-am", "two", PYTHONPATH=".")
    assert done.returncode == 1
    assert "a.md:3:" in done.stderr
    (crowded / "c.md").write_text("# C\n")
    git(crowded, "add", ".")
    done = installed.run(crowded, "git", "commit", "-m", "two", PYTHONPATH=".")
    assert (done.returncode, "ran code" in done.stderr) == (0, False), done
    found = installed.run(crowded, "mdcache", "query", "--csv", "SELECT title FROM nodes ORDER BY 1", PYTHONPATH=".")
    assert found.stdout.split()[1:] == ["A", "B", "C"]

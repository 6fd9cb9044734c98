"""What holds of the code as a whole: who may import what, and what a start may cost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import run

import mdcache

ROOT = Path(__file__).parent.parent
CODE = Path(mdcache.__file__).parent
MODULES = {".".join(path.relative_to(CODE).with_suffix("").parts): path for path in sorted(CODE.rglob("*.py"))}
# Each has one module, or package, that touches it.
KEEPERS = {
    "sqlite3": "store.connections",
    "pysqlite3": "store.connections",
    "pyromark": "parse.markdown",
    "yaml": "guarded.yml, parse.frontmatter",
    "pathspec": "patterns",
    "fcntl": "store.record, state, verifying.temporary",
    "watchdog": "watching.recursive",
    "tomllib": "guarded.toml",
    "click": "cli, plugin",
    "sqlite_utils": "plugin, read.tables",
    "tabulate": "cli.formats.rows, cli.rowoptions",
}


def imports(module: Path) -> Iterator[str]:
    """The packages that a module imports, at its top or within a function; by name through importlib, too."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            named = node.args[0]
            if isinstance(named, ast.Constant):
                yield str(named.value).partition(".")[0]


@pytest.mark.parametrize("package", KEEPERS)
def test_each_dependency_is_touched_by_its_keeper_alone(package: str) -> None:
    users = {name for name, module in MODULES.items() if package in imports(module)}
    keepers = KEEPERS[package].split(", ")
    assert [user for user in users if not any(f"{user}.".startswith(f"{keeper}.") for keeper in keepers)] == []


def test_git_is_run_by_its_keeper_alone() -> None:
    assert [name for name, module in MODULES.items() if '"git"' in module.read_text(encoding="utf-8")] == ["files.git"]


# What writes to stdout or stderr, in Python's words; show makes it harmless, printed all that Python itself says there.
PRINTS = (
    r"print|pprint\.\w+|input|breakpoint|help",
    r"click\.(secho|echo|echo_via_pager|progressbar|prompt|confirm|pause|edit|clear|getchar)|\w+\.show",
    r"(sys\.)?_*(stdout|stderr)_*(\.buffer|\.raw)*\.write(lines)?|sys\.\w*(except|unraisable|display)hook",
    r"traceback\.print_\w+|\w+\.print_(exc|exception|stack|file)|warnings\.(warn|warn_explicit|showwarning)",
    r"logging\.(debug|info|warning|error|critical|exception|log|basicConfig|StreamHandler|FileHandler)|faulthandler\.\w+",
)
DESCRIPTOR = re.compile(r"os\.writev?\((1|2|_?STD.*|sys\..*), .*")


def test_all_that_is_printed_goes_through_one_module() -> None:
    prints = re.compile("|".join(PRINTS))
    found = {
        (name, called)
        for name, module in MODULES.items()
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        if (prints.fullmatch(called := ast.unparse(node.func)) and not called.startswith("self."))
        or DESCRIPTOR.fullmatch(ast.unparse(node))
    }
    assert {(name, called) for name, called in found if name != "cli.show"} == {("stops", "os.write")}
    assert ("cli.show", "click.echo") in found


def test_streams_are_given_to_nobody_elsewhere() -> None:
    """What uses them as a value could write to them; to ask them whether they are a terminal is no harm."""
    keepers = {"cli.show", "cli.main", "child", "printed", "names"}
    for name in MODULES.keys() - keepers:
        text = MODULES[name].read_text(encoding="utf-8")
        assert not re.search(r"\bsys\.(__)?std(out|err)(?!\.isatty\(\))", text), name


def test_what_is_not_in_the_standard_library_has_a_keeper() -> None:
    known = {*sys.stdlib_module_names, "mdcache", *KEEPERS}
    assert {package for module in MODULES.values() for package in imports(module)} <= known


def test_imports_run_downward_only() -> None:
    done = run(
        (sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"), ROOT
    )
    assert done.returncode == 0, done.stdout
    assert "5 kept, 0 broken" in done.stdout


def test_the_package_states_every_stage_in_its_order() -> None:
    said = [line.split()[0] for line in (mdcache.__doc__ or "").splitlines() if line.startswith("    ")]
    assert said == ["scan", "parse", "layout", "load", "resolve", "publish"]


LIBRARY = """
import os, pkgutil, resource, signal, sys, threading
try:
    from pysqlite3 import dbapi2 as driver
except ImportError:
    from sqlite3 import dbapi2 as driver

def seen():
    umask = os.umask(0o77)
    os.umask(umask)
    return {
        "adapters": dict(driver.adapters), "converters": dict(driver.converters), "environment": dict(os.environ),
        "handlers": [signal.getsignal(one) for one in signal.valid_signals()],
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()), "hooks": (sys.excepthook, threading.excepthook),
        "limits": resource.getrlimit(resource.RLIMIT_AS), "umask": umask, "threads": threading.active_count(),
        "folder": os.getcwd(), "path": list(sys.path),
    }

before = seen()
import mdcache
for module in pkgutil.walk_packages(mdcache.__path__, "mdcache."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
print(sorted(name for name, value in seen().items() if value != before[name]))
"""


def test_importing_changes_nothing_of_the_process() -> None:
    done = run((sys.executable, "-c", LIBRARY), ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


HEAVY = (
    "yaml",
    "pathspec",
    "pyromark",
    "sqlite3",
    "pysqlite3",
    "sqlite_utils",
    "tabulate",
    "multiprocessing",
    "asyncio",
    "mdcache.parse.parse",
)


@pytest.mark.parametrize("arguments", ["--version", "--help", "search --help"])
def test_a_start_waits_for_nothing_it_does_not_need(arguments: str) -> None:
    code = f"""
import sys
sys.argv = ["mdcache", *{arguments.split()}]
from mdcache.cli import main as cli
try:
    cli.main()
finally:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "[]\n")

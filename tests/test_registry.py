"""Each command is a module of its name, imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from mdcache.cli import registry
from mdcache.cli.registry import COMMANDS, Registry

SHARED = {
    "__init__",
    "common",
    "formats",
    "main",
    "outcome",
    "pluginsearch",
    "registry",
    "render",
    "rowoptions",
    "show",
}


def test_every_module_that_is_not_shared_is_a_command() -> None:
    folder = Path(registry.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules - SHARED == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_name_of_its_module(name: str) -> None:
    command = Registry()[name]
    assert (type(command).__mro__.count(click.Command), command.name) == (1, name)


def test_what_is_no_command_is_not_imported() -> None:
    for name in ("main", "render", "nothere", ""):
        assert Registry().get(name) is None


def test_a_command_waits_for_no_other() -> None:
    code = """
import sys
from mdcache.cli.main import run
run(["links", "--help"])
print(sorted({"mdcache.cli.links", "mdcache.cli.search", "mdcache.cli.watch"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "['mdcache.cli.links']\n")

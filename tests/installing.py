"""How things are installed from here: the sources as they are, an environment of its own, a package index to ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip")
_PARTS = (".pre-commit-hooks.yaml", "MANIFEST.in", "pyproject.toml", "README.md", "LICENSE", "pipeline", "schema")
_PLACES = (
    *("HOME", "PRE_COMMIT_HOME", "VIRTUALENV_OVERRIDE_APP_DATA", "PIP_CACHE_DIR"),
    *("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR", "UV_CACHE_DIR", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR"),
)


def sources(into: Path) -> Path:
    """Copy what a package is built of, without anything that was built before. Return the copy."""
    made = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in filter(os.path.lexists, (ROOT / part for part in _PARTS)):
        if part.is_dir():
            shutil.copytree(part, into / part.name, ignore=made)
        else:
            shutil.copy(part, into)
    return into


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with which all that installers keep lies in this folder, and nothing else is found."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "UV_SYSTEM_CERTS": "1", **{name: str(folder / name.lower()) for name in _PLACES}}


def downloading(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Run what waits for the network: pytest's own limit holds."""
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, encoding="utf-8")


def install(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
    """Run an installer. Skip the test where no package index can be reached, unless CI is set."""
    done = downloading(command, folder, env)
    if done.returncode and not os.environ.get("CI"):
        asked = downloading((*PIP, "download", "--no-deps", "--dest", str(folder / "asked"), "click"), folder, env)
        if asked.returncode:
            pytest.skip("no package index can be reached")
    assert done.returncode == 0, done

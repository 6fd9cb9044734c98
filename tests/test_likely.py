"""Where the cache is, when the settings are broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mdcache.config import likely
from mdcache.config.settings import Asked

Vault = Callable[..., Path]


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("mdcache.toml", 'database = "c/y.db"\n', "c/y.db"),
        ("mdcache.toml", 'docs = [\ndatabase = "c/y.db"\n', "c/y.db"),
        ("mdcache.toml", "docs = [\n  database='c/y.db' # here\n", "c/y.db"),
        ("mdcache.toml", "docs = [\n", ".mdcache/cache.db"),
        ("mdcache.toml", '# database = "c/y.db"\nexclude = 1\nno such\n', ".mdcache/cache.db"),
        ("mdcache.toml", "database = 7\n", ".mdcache/cache.db"),
        ("mdcache.toml", 'database = "\\u0000"\n', ".mdcache/cache.db"),
        ("mdcache.toml", f'database = "{"h/" * 3_000}y.db"\n', ".mdcache/cache.db"),
        ("mdcache.toml", "", ".mdcache/cache.db"),
        ("mdcache.toml", b"\xff\xfe", ".mdcache/cache.db"),
        ("pyproject.toml", '[tool.mdcache]\ndatabase = "c/y.db"\n', "c/y.db"),
        ("pyproject.toml", '[tool.other]\ndatabase = "o.db"\n[tool.mdcache]\ndatabase = "c/y.db"\nx x\n', "c/y.db"),
        ("pyproject.toml", "[tool.mdcache]\nx x\n", ".mdcache/cache.db"),
        ("pyproject.toml", "[tool]\nmdcache = 5 # [tool.mdcache]\n", ".mdcache/cache.db"),
    ],
)
def test_what_can_be_read_counts_and_else_the_default(vault: Vault, file: str, text: str | bytes, found: str) -> None:
    folder = vault({file: text, "docs/deep/": ""})
    assert likely.database(Asked(str(folder / "docs/deep")), {}) == str(folder / found)


def test_what_is_named_counts_whatever_the_settings_say(vault: Vault) -> None:
    folder = vault({"mdcache.toml": 'database = "c/y.db"\n', "other/own.toml": 'docs = [\ndatabase = "z.db"\n'})
    own = str(folder / "other/own.toml")
    assert likely.database(Asked(str(folder), database="x.db"), {}) == str(folder / "x.db")
    assert likely.database(Asked(str(folder)), {"MDCACHE_DB": "w.db"}) == str(folder / "w.db")
    assert likely.database(Asked(str(folder), config=own), {}) == str(folder / "other/z.db")
    assert likely.database(Asked(str(folder)), {"MDCACHE_CONFIG": "other/own.toml"}) == str(folder / "other/z.db")


def test_without_settings_it_is_the_default(vault: Vault) -> None:
    folder = vault({"docs/a.md": "# A\n", "pyproject.toml": '[project]\nname = "x"\n'})
    assert likely.database(Asked(str(folder)), {}) == str(folder / ".mdcache/cache.db")

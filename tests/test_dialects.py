"""Each dialect, as its own small site shows it: with no settings at all, check finds what is broken and nothing else.

fixtures/sites/DIALECT/expected.toml says, for a site, which findings there are, in order, and which documents the links
of a page lead to, in the order in which they stand there; links that lead to no document are left out.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from caches import query, settings_of

from mdcache.build import rebuild
from mdcache.checking import check
from mdcache.dialects.known import MARKERS, dialects, kinds

SITES = sorted(path.name for path in (Path(__file__).parent.parent / "fixtures/sites").iterdir())


@pytest.fixture
def site(request: pytest.FixtureRequest, fixtures: Path, tmp_path: Path) -> Path:
    shutil.copytree(fixtures / "sites" / request.param, tmp_path / request.param)
    folder: Path = tmp_path / request.param
    return folder


def expected(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "expected.toml").read_text())


@pytest.mark.parametrize("site", SITES, indirect=True)
def test_check_finds_what_is_broken_and_nothing_else(site: Path) -> None:
    findings = [finding.problem for finding in check.check(check.Request(settings_of(site)))]
    assert [f"{one.path}:{one.line} {one.code} {target(one.message)}".strip() for one in findings] == expected(site)[
        "findings"
    ]


def target(message: str) -> str:
    """Return what a message names first, in quotes; '' when it names nothing."""
    return message.split("'")[1] if "'" in message else ""


@pytest.mark.parametrize("site", SITES, indirect=True)
def test_links_lead_where_the_site_leads_them(site: Path) -> None:
    settings = settings_of(site)
    rebuild.rebuild(settings, rebuild.Options(workers=0))
    rows = query(
        settings,
        "SELECT nodes.path, other.path FROM links JOIN nodes ON nodes.key = source"
        " JOIN nodes AS other ON other.key = target_node ORDER BY nodes.path, ordinal",
    )
    said = expected(site).get("links", {})
    assert isinstance(said, dict)
    for page, led_to in said.items():
        assert [to for path, to in rows if path == page] == led_to, page


def test_every_dialect_has_a_site() -> None:
    assert [name for name in dialects() if not any(f"{site}-".startswith(f"{name}-") for site in SITES)] == []


def test_the_names_that_are_looked_for_are_those_of_all_markers() -> None:
    assert {marker.partition("/")[0] for kind in kinds() for marker in kind.markers} == MARKERS

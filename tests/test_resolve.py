"""The stages of resolving together: scenarios with what is expected of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from worlds import Rebuilt

from mdcache.store.connections import Connection

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.mark.parametrize("scenario", sorted(path.parent.name for path in FIXTURES.glob("*/expected.json")))
def test_a_scenario_resolves_as_expected(tmp_path: Path, rebuilt: Rebuilt, scenario: str) -> None:
    folder = tmp_path / scenario
    shutil.copytree(FIXTURES / scenario, folder)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    with rebuilt(folder) as db:
        assert found_in(db) == expected


def found_in(db: Connection) -> dict[str, Any]:
    """What an expected.json holds: by document its id, its links in order, its problems."""
    documents: dict[str, Any] = {}
    for path, id_ in db.execute("SELECT path, id FROM nodes ORDER BY path"):
        documents[path] = {"id": id_, "links": [], "problems": []}
    links = db.execute(
        "SELECT source.path, line, kind, links.type, target, scope, other.path FROM links"
        " JOIN nodes AS source ON source.key = source LEFT JOIN nodes AS other ON other.key = target_node"
        " ORDER BY source, ordinal"
    )
    for source, line, kind, type_, target, scope, other in links:
        meant = other or ("no document" if scope == "document" else scope)
        documents[source]["links"].append(f"{line}: {kind} {type_} {target} -> {meant}")
    for path, line, code in db.execute("SELECT path, line, code FROM problems ORDER BY path, line, code"):
        documents[path]["problems"].append(f"{line}: {code}")
    return documents

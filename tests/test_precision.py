"""What is reported is wrong, and what only looks wrong is not: the whole of check on the scenario made for it."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from mdcache.checking import check
from mdcache.config import settings


def found(folder: Path) -> list[tuple[str, str]]:
    asked = settings.Asked(str(folder), docs=(str(folder),))
    findings = check.check(check.Request(settings.load(asked, {})))
    return [(finding.problem.path, finding.problem.code) for finding in findings]


def test_only_what_is_broken_is_reported(tmp_path: Path, fixtures: Path) -> None:
    folder = tmp_path / "precision"
    shutil.copytree(fixtures / "precision", folder)
    reported = found(folder)
    assert {path for path, _ in reported} == {"broken.md"}
    assert Counter(code for _, code in reported) == {"broken-link": 8, "broken-anchor": 5, "missing-embed": 4}


def test_every_link_of_it_is_broken_when_its_target_goes(tmp_path: Path, fixtures: Path) -> None:
    folder = tmp_path / "precision"
    shutil.copytree(fixtures / "precision", folder)
    (folder / "broken.md").unlink()
    (folder / "logo.svg").unlink()
    shutil.rmtree(folder / ".github")
    assert Counter(found(folder)) == {
        ("README.md", "broken-link"): 3,
        ("README.md", "missing-embed"): 2,
        ("site/guide.md", "missing-embed"): 1,
    }

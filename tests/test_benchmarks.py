"""The benchmarks: each script runs on a little, and says what it is relied upon to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mdcache.model import Content, Rules
from mdcache.parse import parse
from mdcache.store.connections import scalar

ROOT = Path(__file__).parent.parent
# At the end: the package that is tested is the one that is installed.
sys.path.append(str(ROOT))
from benchmarks import floor, growth, measure, page, peers, phases, picture, planting, precision  # noqa: E402
from benchmarks.generate import PROFILES, Shape, document, generate  # noqa: E402

DOCS = {"a.md": "# A\n\nalpha beta [B](b.md)\n", "deep/b.markdown": "# B\n\nalpha gamma\n", "c.txt": "no document"}


def bench(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", f"benchmarks.{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout


def found(script: str, *arguments: str | Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(bench(script, *arguments, "--json"))
    assert said["command"].startswith(f"python -m benchmarks.{script}")
    assert set(said["machine"]) == {"cpu", "cores", "memory_gb", "os", "python", "sqlite", "mdcache", "load_before"}
    assert all(set(one) == {"what", "measured", "limit", "unit", "kept"} for one in said["budgets"])
    return said


@pytest.mark.slow
def test_a_rebuild_is_measured_against_the_floor_and_sqlite_utils(vault: Any) -> None:
    folder = vault(DOCS)
    said = found("rebuild", folder, "--runs", "1", "--copies", "2")
    assert str(folder.parent) not in json.dumps(said), "results are kept: where documents lie is nobody's business"
    floor_row, fresh, again, peer = said["rows"]
    assert said["corpus"]["documents"] == 4
    assert floor_row["ratio"] == 1
    for row in (fresh, again, peer):
        assert row["wall_s"] > 0 < row["cpu_s"]
        assert row["ratio"] == pytest.approx(row["wall_s"] / floor_row["wall_s"], rel=0.01)
        assert row["database_mb"] > 0
        assert len(row["walls_s"]) == 1
    assert {one["unit"] for one in said["budgets"]} >= {"× floor", "× sqlite-utils"}


@pytest.mark.slow
def test_searches_are_timed_by_kind_of_query() -> None:
    said = found("search", "--documents", "60", "--runs", "2")
    rows = {row["name"]: row for row in said["rows"]}
    assert rows["commonest word"]["sections"] > rows["rare word"]["sections"] > 0
    assert rows["phrase"]["hits"] > 0
    assert all(row["p95_ms"] >= row["median_ms"] > 0 for row in rows.values())


def test_searches_can_be_named(vault: Any) -> None:
    (row,) = found("search", vault(DOCS), "--query", "alpha -gamma", "--runs", "1")["rows"]
    assert (row["query"], row["hits"]) == ("alpha -gamma", 1)


@pytest.mark.slow
def test_readers_are_timed_in_every_phase_of_a_swap() -> None:
    rows = found("swap", "--documents", "30", "--rounds", "1")["rows"]
    assert [row["name"] for row in rows] == ["nobody writes", "swap", "swap beside a held snapshot", "whole rebuild"]
    assert all(row["queries"] and row["longest_ms"] >= row["longest_but_for_processor_ms"] for row in rows)


@pytest.mark.slow
def test_checks_are_timed_with_a_cache_and_without(vault: Any) -> None:
    for arguments in (("--documents", "20"), (vault(DOCS),)):
        said = found("check", *arguments, "--runs", "1")
        assert [row["what"] for row in said["rows"]][1:4:2] == ["--staged, no cache", "--staged, fresh cache"]
        assert all(row["median_ms"] >= row["best_ms"] > 0 for row in said["rows"])
    assert said["corpus"]["documents"] == 2


@pytest.mark.slow
def test_growth_tells_every_cost_by_number_of_documents() -> None:
    said = found("growth", "--documents", "30", "--documents", "60", "--runs", "1")
    assert [row["documents"] for row in said["rows"]] == [30, 60]
    for row in said["rows"]:
        assert row["rebuild_cpu_s"] > row["insert_cpu_s"] > 0 < row["resolve_cpu_s"]
        assert row["one_changed_ms"] > row["told_ms"] > 0
        assert 1 <= row["rare_sections"] < row["common_sections"]
    ET.fromstring(picture.draw(said["rows"]))


@pytest.mark.slow
def test_growth_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def rows(*arguments: str) -> list[dict[str, Any]]:
        asked = ["growth", "--save", "growth", "--work", str(tmp_path / "work"), "--runs", "1", "--documents", "10"]
        monkeypatch.setattr(sys, "argv", [*asked, *arguments])
        growth.main()
        kept: list[dict[str, Any]] = measure.kept("growth")["rows"]
        return kept

    monkeypatch.setattr(measure, "RESULTS", str(tmp_path / "results"))
    (first,) = rows()
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    again, more = rows("--documents", "20", "--resume")
    assert (again, more["documents"], len(made)) == (first, 20, 10)
    assert made.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}.items()


def test_growth_is_as_steep_as_its_steepest_step() -> None:
    keys: tuple[str, ...] = ("rebuild_wall_s", "rebuild_cpu_s", "resolve_cpu_s", "database_mb", "unchanged_ms")
    keys += ("one_changed_ms", "told_ms", "rare_ms", "common_ms", "phrase_ms")
    costs = {10: 1.0, 100: 5.0, 1000: 150.0}
    rows = [{"documents": n, "peak_mb": 50 + n / 10, **dict.fromkeys(keys, cost)} for n, cost in costs.items()]
    memory, *others = growth.budgets(rows)
    assert (memory.measured, len(others)) == (150, len(keys))
    assert {one.measured for one in others} == {3.0}


def test_the_picture_shows_every_row_of_every_line() -> None:
    rows = measure.kept("growth")["rows"]
    root = ET.fromstring(picture.draw(rows))
    lines = root.findall(".//{*}polyline")
    assert len(lines) == sum(len(panel.lines) for panel in picture.PANELS)
    assert {len(line.attrib["points"].split()) for line in lines} == {len(rows)}


def test_a_scale_holds_all_values_between_powers_of_ten() -> None:
    assert picture.scale([3, 40]) == picture.Scale(0, 2)
    assert picture.scale([10, 1000]) == picture.Scale(1, 3)
    assert picture.scale([10]) == picture.Scale(1, 2)


@pytest.mark.slow
def test_phases_of_a_rebuild_are_timed_one_by_one(vault: Any, tmp_path: Path) -> None:
    command = [sys.executable, phases.__file__, str(vault(DOCS)), "--db", str(tmp_path / "cache.db")]
    first, again = (json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(2))
    common = {"parse and insert", "indexes", "resolve", "digest", "prove"}
    assert (set(first), set(again)) == ({*common, "move into place"}, {*common, "copy into live"})
    assert all(spent["wall_s"] >= 0 <= spent["cpu_s"] for spent in first.values())


# Peers: stand-ins for tools, since nothing is installed here


def peer(tmp_path: Path, first: str, again: str = "") -> peers.Contender:
    commands = tmp_path / "bin"
    commands.mkdir(exist_ok=True)
    for name, script in (("first", first), ("again", again)):
        (commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (commands / name).chmod(0o755)
    asked = [f"{name} {{docs}} {{state}}" for name, script in (("first", first), ("again", again)) if script]
    return peers.Contender(peers.Peer("tool", "tool", "1", asked[:1], asked[1:]), str(commands))


def test_a_peer_works_on_its_own_documents_and_is_thrown_away(vault: Any, tmp_path: Path) -> None:
    folder = vault(DOCS)
    corpus = measure.copied(str(folder), 1, str(tmp_path / "docs"))
    tool = peer(tmp_path, 'printf "SQLite format 3\\0" > $2/its.db; touch $HOME/x; echo >> $1/a.md')
    (row,) = peers.compare(corpus, str(tmp_path / "work"), [tool], 1)
    assert row["wall_s"] > 0 and row["database_mb"] > 0 and row["unchanged_s"] is None and row["rewritten"] == 1
    assert (folder / "a.md").read_text() == DOCS["a.md"]
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.slow
def test_a_peer_that_fails_is_told_and_the_others_go_on(vault: Any, tmp_path: Path) -> None:
    corpus = measure.copied(str(vault(DOCS)), 1, str(tmp_path / "docs"))
    broken, ours = peer(tmp_path, "echo no vault here; exit 3"), peers.Contender(peers.OURS, "")
    rows = peers.compare(corpus, str(tmp_path / "work"), [broken, ours], 1)
    assert "no vault here" in rows[0]["failed"] and rows[0]["wall_s"] is None
    assert not rows[1]["failed"] and rows[1]["changed_s"] > 0


def test_a_peer_whose_python_is_not_there_is_not_installed() -> None:
    with pytest.raises(LookupError, match=r"no Python 9\.9"):
        peers._python((9, 9), [])
    assert peers._python((3, 11), []) == sys.executable


@pytest.mark.slow
def test_start_up_is_timed_beside_that_of_python() -> None:
    python, version, _ = found("startup", "--runs", "2")["rows"]
    assert version["median_ms"] > python["median_ms"] > 0


@pytest.mark.slow
def test_results_are_shown_as_tables_too() -> None:
    assert "mdcache --version: median" in bench("startup", "--runs", "1")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
def test_memory_counts_all_processes_together(tmp_path: Path) -> None:
    hold = "import subprocess, sys, time; held = b'x' * 40_000_000; "
    child = hold + "time.sleep(0.5)"
    parent = hold + f"subprocess.run([sys.executable, '-c', {child!r}])"
    peak = measure.run([sys.executable, "-c", parent], str(tmp_path), watched=True).peak_mb
    assert peak is not None and 80 < peak < 200


def test_a_command_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nothing here"):
        measure.run([sys.executable, "-c", "import sys; sys.exit('nothing here')"], str(tmp_path))


@pytest.mark.slow
def test_a_benchmark_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.growth", "--documents", "100000"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE)
    while not list(tmp_path.rglob("*.md")):
        assert process.poll() is None
    process.terminate()
    process.communicate()
    assert process.returncode and not list(tmp_path.iterdir())


def test_the_floor_reads_documents_and_nothing_else(vault: Any, tmp_path: Path) -> None:
    folder = vault({**DOCS, ".hidden/d.md": "hidden"})
    (folder / "link.md").symlink_to(folder / "a.md")
    assert [Path(path).name for path in floor.documents_below(str(folder))] == ["a.md", "b.markdown"]
    assert floor.build(str(folder), str(tmp_path / "floor.db")) == 2


def test_made_up_documents_are_the_same_each_time() -> None:
    shape = Shape(documents=50)
    assert [document(number, shape) for number in range(50)] == [document(number, shape) for number in range(50)]
    assert document(1, shape) != document(1, shape._replace(seed=2))


def test_made_up_documents_have_what_real_ones_have(tmp_path: Path) -> None:
    shape = Shape(documents=300)
    written = generate(str(tmp_path), shape)
    files = list(tmp_path.rglob("*.md"))
    assert len(files) == 300
    assert 1 < len([file for file in files if file.stem in ("README", "overview", "index", "changes")]) < 30
    assert written == sum(file.stat().st_size for file in files)
    parsed = [
        parse.parse(file.name, Content(file.read_bytes(), hash="", size=file.stat().st_size), Rules()) for file in files
    ]
    links = [link for one in parsed for link in one.links]
    assert {link.kind for link in links} >= {"markdown", "wikilink", "property"}
    broken = [link for link in links if link.target.startswith("missing/")]
    assert 0.01 < len(broken) / len(links) < 0.1
    assert any(one.tasks for one in parsed) and any(one.tags for one in parsed)
    assert any("\u4e00" <= char <= "\u9fff" for one in parsed for char in "".join(one.bodies))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_a_watcher_is_measured_busy_and_idle() -> None:
    said = found("watch", "--documents", "20", "--runs", "2", "--idle", "1", "--events", "400")
    assert [row["unit"] for row in said["rows"]] == ["ms", "% CPU", "MB"]
    assert all(row["worst"] >= row["median"] > 0 for row in said["rows"])


def test_pages_show_what_was_kept() -> None:
    for place in page.PLACES:
        shown = place.read_text(encoding="utf-8")
        assert shown == page.filled(shown), "make docs"
    assert picture.PLACE.read_text(encoding="utf-8") == picture.draw(measure.kept("growth")["rows"]), "make docs"


@pytest.mark.parametrize("profile", PROFILES)
def test_many_made_up_documents_have_paths_of_their_own_in_small_folders(profile: str) -> None:
    paths = [PROFILES[profile].path_of(number) for number in range(120_000)]
    folders = Counter(path.rpartition("/")[0] for path in paths)
    assert len(set(paths)) == len(paths)
    assert max(folders.values()) <= 50


def test_documents_of_a_product_have_the_build_of_such(tmp_path: Path, rebuilt: Any) -> None:
    shape = Shape(200, PROFILES["product"].median_bytes, profile="product")
    size = generate(str(tmp_path / "docs"), shape)
    with rebuilt(tmp_path, "docs") as db:
        links, sections, keys, blocks, problems = (
            scalar(db, f"SELECT count(*) FROM {what}")
            for what in ("links", "sections", "(SELECT DISTINCT key FROM properties)", "code_blocks", "problems")
        )
    assert 9_000 < size / 200 < 13_000
    assert 19 < sections / 200 < 26
    assert keys == 10
    assert blocks > 3 * 200
    assert links > 12 * 200
    assert 0.01 < problems / links < 0.05
    assert (tmp_path / "docs" / PROFILES["product"].path_of(0)).read_text().count("|---|---|---|") > 2


SITE = {
    "docs/a.md": "# A\n\nSee [b](b.md#two), [c](sub/c.md) and more.\n\n![p](pictures/p.png)\n",
    "docs/b.md": "# B\n\n## Two\n\n[a](a.md)\n\n`[a](a.md)`\n\n    [a](a.md)\n\n- item\n\n    [c](sub/c.md)\n",
    "docs/sub/c.md": "---\nx: '[a](../a.md)'\n---\n# [A](../a.md)\n<!-- [a](../a.md) -->\n[b](../b.md)\n[](../x.md)\n",
    "docs/pictures/p.png": "",
    "README.md": "[a](docs/a.md)\n",
}


def test_faults_are_planted_in_links_that_lead_somewhere(vault: Any) -> None:
    folder = vault(SITE)
    pages = [path for path in SITE if planting.is_page(str(folder), path, "docs")]
    found = planting.faults(str(folder), SITE, pages, "github", {("docs/b.md", 5)}, 100)
    assert {(fault.link.path, fault.link.line) for fault in found} == {
        ("docs/a.md", 3),
        ("docs/a.md", 5),
        ("docs/b.md", 13),
        ("docs/sub/c.md", 6),
    }, "not in code, comments, front matter, headings, flawed lines or other folders, and not in broken links"


def test_faults_are_of_all_kinds_in_turn(vault: Any) -> None:
    pages = {f"p{number}.md": "[n](next/n.md#here)\n\n![i](i.png)\n" for number in range(40)}
    folder = vault({**pages, "next/n.md": "# Here\n", "i.png": ""})
    found = planting.faults(str(folder), [*pages, "next/n.md", "i.png"], pages, "github", set(), 50)
    assert Counter(fault.kind for fault in found) == dict.fromkeys(planting.KINDS, 10)
    assert {fault.altered for fault in found} == {
        "next/n-gone.md#here",
        "next/n.md#here-gone",
        "i-gone.png",
        "next/N.md#here",
        "I.png",
        "next-gone/n.md#here",
        "gone-gone/i.png",
    }


@pytest.mark.parametrize(
    ("dialect", "line", "altered"),
    [
        ("obsidian", "[[B|x]]", {"B-gone", "gone-gone/B"}),
        ("hugo", '[x]({{< ref "b.md" >}})', {"b-gone.md", "gone-gone/b.md"}),
        ("jekyll", "[x]({% link b.md %})", {"b-gone.md", "B.md", "gone-gone/b.md"}),
        ("github", '<img src="p.png">', {"p-gone.png", "P.png", "gone-gone/p.png"}),
    ],
)
def test_faults_are_written_as_a_site_writes_links(vault: Any, dialect: str, line: str, altered: set[str]) -> None:
    name = "B.md" if dialect == "obsidian" else "b.md"
    pages = {f"{letter}.md": f"{line}\n" for letter in "cdefghijk"}
    folder = vault({**pages, name: "", "p.png": ""})
    found = planting.faults(str(folder), [*pages, name, "p.png"], pages, dialect, set(), 9)
    assert {fault.altered for fault in found} == altered


@pytest.fixture
def clones(monkeypatch: pytest.MonkeyPatch, vault: Any, tmp_path: Path) -> str:
    """A folder with a clone of a little site with two flaws, which is the whole list."""
    clone = vault({"clones/site/" + path: text for path, text in SITE.items()}) / "clones/site"
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.org", "-C", str(clone)]
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setattr(precision, "REPOSITORIES", tmp_path / "repositories.toml")
    monkeypatch.setattr(precision, "VERDICTS", tmp_path / "verdicts.json")
    listed = f'[site]\nsource = "x"\ncommit = "{commit}"\ndialect = "github"\ndocs = "docs"\n'
    (tmp_path / "repositories.toml").write_text(listed)
    (tmp_path / "verdicts.json").write_text('{"site": {"docs/sub/c.md:7 ../x.md": {"true": true, "why": "gone"}}}')
    return str(clone.parent)


@pytest.mark.slow
def test_precision_counts_findings_verdicts_and_planted_faults(clones: str, tmp_path: Path) -> None:
    (one,) = precision.repositories()
    row = precision.measured(one, clones, None, str(tmp_path / "work"))
    assert (row["findings"], row["judged"], row["true"], row["without_verdict"]) == (1, 1, 1, 0)
    assert row["found"] == row["planted"] == 5
    assert row["missed"] == row["unexpected"] == []
    assert row["links"] == row["links_judged"] == 10
    assert precision.asked_for([row], clones) == {"site": {}}
    assert [budget.measured for budget in precision.budgets([row])] == [0, 0, 0]


def test_a_clone_at_another_commit_is_not_measured(clones: str, tmp_path: Path) -> None:
    (one,) = precision.repositories()
    with pytest.raises(SystemExit, match="and not at"):
        precision.copied(one._replace(commit="0" * 40), clones, str(tmp_path))

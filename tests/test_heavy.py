"""Documents whose parts could cost more than they are long: what they cost must grow with their length."""

from __future__ import annotations

import cProfile
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from caches import cache_of
from judging import findings
from processes import MDCACHE, run

from mdcache.build.links import Bucket, Candidate
from mdcache.cli.formats.findings import Places, grouped
from mdcache.cli.render import problems
from mdcache.model import Rules
from mdcache.parse.parse import content_of, parse
from mdcache.parse.targets import asks
from mdcache.read.search import Query, search
from torture.heavy import KINDS

pytestmark = pytest.mark.slow

Vault = Callable[..., Path]


def seconds(done: Callable[[], object]) -> float:
    began = time.process_time()
    done()
    return time.process_time() - began


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_document_takes_long_to_parse(kind: str) -> None:
    content = content_of(KINDS[kind](30_000).encode())
    assert seconds(lambda: parse("a.md", content, Rules())) < 2


@pytest.mark.parametrize("kind", ["numbered links in a line", "wikilinks in a line", "comment allow and links"])
def test_check_reads_the_comments_of_a_line_once_however_many_links_it_has(vault: Vault, kind: str) -> None:
    folder = vault({"a.md": KINDS[kind](120_000)})
    assert seconds(lambda: findings(folder)) < 5


@pytest.mark.parametrize("kind", ["long wikilink path", "long link path", "long link dots"])
def test_a_link_half_a_million_folders_deep_leads_nowhere_at_once(vault: Vault, kind: str) -> None:
    folder = vault({"a.md": KINDS[kind](300_000)})
    assert seconds(lambda: findings(folder)) < 5


def test_names_that_are_all_alike_are_compared_a_few_times_only(vault: Vault) -> None:
    files = {f"{'ax' * 90}{number}.md": "" for number in range(300)}
    links = "".join(f"[x]({'ay' * 90}{number}.md)\n" for number in range(300))
    folder = vault({**files, "a.md": links})
    assert seconds(lambda: findings(folder)) < 5


def test_a_name_in_thousands_of_spellings_is_arranged_once() -> None:
    name = "abcdefghijklmnop"
    paths = [f"{n}/{name}.md" for n in range(2_000)]
    bucket = Bucket(name, (Candidate(n, path, "") for n, path in enumerate(paths)), Rules())
    spellings = [spelled(name, n) for n in range(4_000)]
    assert seconds(lambda: [bucket.choose(asks(True, one, "a.md", Rules()), -1, "a.md") for one in spellings]) < 2


def spelled(name: str, number: int) -> str:
    """Return a name in the capitals that the bits of a number say."""
    return "".join(char.upper() if number >> place & 1 else char for place, char in enumerate(name))


def test_an_alias_in_thousands_of_spellings_is_arranged_once() -> None:
    name = "abcdefghijklmnop"
    bucket = Bucket(name, (Candidate(n, f"{n}/x.md", name) for n in range(2_000)), Rules())
    spellings = [spelled(name, n) for n in range(4_000)]
    assert seconds(lambda: [bucket.choose(asks(True, one, "a.md", Rules()), -1, "a.md") for one in spellings]) < 2


def test_a_wikilink_deeper_than_all_documents_looks_at_none() -> None:
    bucket = Bucket("a", (Candidate(n, f"{n}/a.md", "") for n in range(2_000)), Rules())
    asked = [asks(True, "b/" * depth + "a", "a.md", Rules()) for depth in range(2, 900)]
    assert seconds(lambda: [bucket.choose(one, -1, "a.md") for one in asked]) < 1


@pytest.mark.parametrize(
    "link", ["[[{}]]", "[a](b)", "[a](k)", "[a](k#{})", "[a](kk.md)", "[a](x{}/y.png)", "[a](../k{}.md)", "[[k]]"]
)
def test_a_document_two_thousand_folders_deep_may_have_many_links(tmp_path: Path, link: str) -> None:
    try:
        with deep(tmp_path, 1_800):
            Path("a.md").write_text("\n".join(link.format(n) for n in range(4_000)))
            Path("k.md").write_text("# K\n")
        assert seconds(lambda: findings(tmp_path)) < 5
    finally:  # Python's own way to remove folders calls itself for each level, and pytest takes it later
        subprocess.run(("rm", "-rf", tmp_path / "d"), check=True)


@contextmanager
def deep(folder: Path, depth: int) -> Iterator[None]:
    """Make a folder so many levels below another the working folder: no call takes a path of that length at once."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        yield
    finally:
        os.chdir(before)


def test_a_terminal_is_shown_a_long_line_without_going_through_all_of_it(vault: Vault) -> None:
    found = findings(vault({"a.md": KINDS["numbered links in a line"](200_000)}))
    assert seconds(lambda: list(grouped(found, Places("/", "/")))) < 3


@pytest.mark.parametrize("typed", ["a b", "a*", '"b a"', "a -c"])
def test_a_section_of_nothing_but_hits_has_its_snippet_at_once(vault: Vault, typed: str) -> None:
    with cache_of(vault({"a.md": "# H\n\n" + "a b " * 50_000})) as cache:
        hits = []
        assert seconds(lambda: hits.extend(search(cache, Query(typed)))) < 3
        assert "«" in (hits[0].snippet or "")


def test_the_snippet_of_a_long_section_shows_where_most_of_what_is_wanted_lies(vault: Vault) -> None:
    text = "# H\n\n" + "needle lost in hay.\n" + "hay " * 20_000 + "a needle and a thread in here. " + "hay " * 20_000
    with cache_of(vault({"a.md": text})) as cache:
        (hit,) = search(cache, Query("needle thread"))
        assert "«needle» and a «thread»" in (hit.snippet or "")


def test_words_that_lie_far_apart_in_a_long_section_are_both_marked_where_one_lies(vault: Vault) -> None:
    text = "# H\n\nfirst needle here.\n" + "hay " * 20_000 + "\nlast thread there.\n"
    with cache_of(vault({"a.md": text})) as cache:
        (hit,) = search(cache, Query("needle thread"))
        assert "«" in (hit.snippet or "")


def test_a_title_as_long_as_front_matter_may_be_is_not_held_for_each_of_its_sections(vault: Vault) -> None:
    with cache_of(vault({"a.md": KINDS["front matter title over headings"](150_000)})) as cache:
        tracemalloc.start()
        try:
            (hit,) = search(cache, Query("a*"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert hit.path == "a.md"
    assert peak < 100_000_000


@pytest.mark.parametrize("kind", ["tags nested by slash", "heading long", "front matter title of words"])
def test_what_stands_around_a_text_holds_no_snippet_up(vault: Vault, kind: str) -> None:
    with cache_of(vault({"a.md": KINDS[kind](250_000)})) as cache:
        hits = []
        assert seconds(lambda: hits.extend(search(cache, Query("a*")))) < 3
        assert hits[0].snippet is not None


@pytest.mark.parametrize("form", ["text", "github", "json", "sarif"])
@pytest.mark.parametrize(
    "link",
    [
        "[a](gone/x.md)\n",
        "[[gone]] ",
        "[[gone#x|y]] ",
        "![[x.png]]\n",
        "![](x.png) ",
        "<img src=x.png>\n",
        "[a](#no)\n",
    ],
)
def test_the_same_link_a_thousand_times_is_looked_up_once(vault: Vault, form: str, link: str) -> None:
    few, many = (vault({"a.md": link * number, "b.md": "# B\n"}) for number in (200, 1_200))
    calls = calls_of(lambda: told(many, form)) - calls_of(lambda: told(few, form))
    assert calls / 1_000 < 110


def told(folder: Path, form: str) -> None:
    """Check a folder and print what is wrong."""
    problems(form, findings(folder), Places(str(folder), str(folder)))


def calls_of(done: Callable[[], object]) -> int:
    """Return how many functions are called: what it costs, whatever the machine."""
    profile = cProfile.Profile()
    profile.runcall(done)
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize(
    ("link", "most"),
    [("[[no{}]] ", 250), ("![[x{}.png]] ", 260), ("![](x{}.png)\n", 410), ("[a](b{}/)\n", 390), ("[a](x{}.md)\n", 350)],
)
def test_a_broken_link_costs_little_however_many_others_there_are(vault: Vault, link: str, most: int) -> None:
    few, many = (vault({"a.md": "".join(map(link.format, range(n))), "b.md": "# B\n"}) for n in (200, 1_200))
    calls = calls_of(lambda: told(many, "sarif")) - calls_of(lambda: told(few, "sarif"))
    assert calls / 1_000 < most


def _numbered(piece: str) -> Callable[[int], str]:
    return lambda size: "".join(map(piece.format, range(size // len(piece))))


_SIZE = 1_000_000
_WHOLE: dict[str, Callable[[int], str]] = {
    "the same wikilink": KINDS["wikilinks in a line"],
    "wikilinks": KINDS["numbered wikilinks"],
    "images": KINDS["images"],
    "fragments": _numbered("[](#{}) "),
    "references": lambda size: "[x]: b\n\n" + "[x] " * (size // 4),
    "empty headings": KINDS["headings without a name"],
    "headings of links": _numbered("# [[{}]]\n"),
    "tags over headings": KINDS["front matter tags over headings"],
}


@pytest.mark.parametrize("kind", _WHOLE)
def test_no_megabyte_of_links_or_headings_holds_a_command_up(vault: Vault, kind: str) -> None:
    folder = vault({"a.md": _WHOLE[kind](_SIZE)[:_SIZE], "b.md": "# B\n"})
    costs = {command: cost(folder, command) for command in ("check --format sarif", "rebuild .", "search a")}
    with (folder / "a.md").open("a") as file:
        file.write("\nmore\n")
    costs |= {command: cost(folder, command) for command in ("sync", "verify")}
    assert {command: one for command, one in costs.items() if one.status not in (0, 1)} == {}
    assert {command: one for command, one in costs.items() if one.seconds > 5 or one.bytes > 500_000_000} == {}
    assert costs["verify"].status == 0


class Cost(NamedTuple):
    """What a command and its children have taken: seconds of the processor, and the most memory of one of them."""

    status: int
    seconds: float
    bytes: int


# A process of its own: a child counts what its parent held when it was forked.
_RUN = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def cost(folder: Path, command: str) -> Cost:
    done = run((sys.executable, "-c", _RUN, *MDCACHE, *command.split()), folder)
    status, seconds, size = done.stdout.split()
    return Cost(int(status), float(seconds), int(size))

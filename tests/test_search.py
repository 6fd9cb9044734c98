from __future__ import annotations

import random
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from caches import cache_of, settings_of
from hypothesis import given
from hypothesis import strategies as st

from mdcache.build import rebuild
from mdcache.config import settings
from mdcache.errors import UsageError
from mdcache.read.search import Hit, Query, expression, search
from mdcache.store.cache import Cache, opened
from mdcache.syncing import sync

Vault = Callable[..., Path]

GARDEN = {
    "beds/roses.md": "---\ntags: [flower]\ntype: plant\n---\n# Roses\nWater at dawn.\n\n## Pruning\n\nCut in March.\n",
    "beds/beans.md": "---\ntags: [food]\ntype: plant\n---\n# Beans\n\nWater them at dusk, never at dawn.\n",
    "tools.md": "# Tools\n\nA watering can, and C++ for the pump. The café is a-b away.\n",
}


@pytest.fixture(scope="module")
def garden(vault: Vault) -> Iterator[Cache]:
    with cache_of(vault(GARDEN)) as cache:
        yield cache


def paths(hits: list[Hit]) -> list[str]:
    return [hit.path for hit in hits]


def found(cache: Cache, text: str, **options: object) -> list[str]:
    return paths(search(cache, Query(text, **options)))  # type: ignore[arg-type]


def marked(hit: Hit) -> str:
    assert hit.snippet is not None
    return hit.snippet


# What is typed


@pytest.mark.parametrize(
    ("typed", "paths"),
    [
        ("water dawn", ["beds/roses.md", "beds/beans.md"]),
        ("water -dusk", ["beds/roses.md", "tools.md"]),
        ('"at dawn"', ["beds/roses.md", "beds/beans.md"]),
        ('"dawn at"', []),
        ('water -"at dusk"', ["beds/roses.md", "tools.md"]),
        ("daw*", ["beds/roses.md", "beds/beans.md"]),
        ('"never at da"*', ["beds/beans.md"]),
        ("daw", []),
        ("WATERS", ["beds/roses.md", "beds/beans.md", "tools.md"]),
        ("cafe", ["tools.md"]),
        ("C++", ["tools.md"]),
        ("a-b", ["tools.md"]),
        ("title:beds", []),
        ("-dusk", []),
        ("", []),
    ],
)
def test_words_are_anded_phrases_stay_together_a_star_is_a_prefix_and_a_minus_excludes(
    garden: Cache, typed: str, paths: list[str]
) -> None:
    assert sorted(found(garden, typed)) == sorted(paths)


ODD = [
    '"',
    '""',
    "*",
    "**",
    "-",
    "--",
    "-*",
    '-"',
    '"-"',
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "NEAR(a b, 2)",
    "(",
    "^a",
    "a:b",
]
ODD += ["{a b}: c", "😀", "\0", "a\0b", "\udcff", "\x1f", "'", ";", "a\\", '"a', 'a"b', "ﷺ", "\u0301", "\ue000", "𞤀"]


@pytest.mark.parametrize("typed", ODD)
@pytest.mark.parametrize("form", ["{}", "{} water", "water {}", "-{} water", '"{}" water'])
def test_nothing_typed_is_a_syntax_error(garden: Cache, typed: str, form: str) -> None:
    assert isinstance(search(garden, Query(form.format(typed))), list)


@given(typed=st.text() | st.lists(st.sampled_from([*ODD, "water", " "])).map("".join))
def test_search_never_raises_for_any_text(garden: Cache, typed: str) -> None:
    assert isinstance(search(garden, Query(typed, path=typed)), list)


def test_of_a_thousand_words_every_one_counts(vault: Vault) -> None:
    words = " ".join(f"w{number}" for number in range(1000))
    with cache_of(vault({"all.md": words, "most.md": words.removesuffix(" w999")})) as cache:
        assert found(cache, words) == ["all.md"]


def test_a_query_without_a_word_looks_for_nothing() -> None:
    assert expression("😀 * -water") is None


@pytest.mark.parametrize("text", ["café", "Ångström", "tiếng", "가을"])
def test_accents_are_found_whether_composed_or_not(vault: Vault, text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    with cache_of(vault({"a.md": composed, "b.md": decomposed})) as cache:
        assert sorted(found(cache, composed)) == sorted(found(cache, decomposed)) == ["a.md", "b.md"]


@pytest.mark.parametrize(
    ("text", "part", "absent"),
    [
        ("每年两次，春季和秋季。等待读数稳定。", "等待读数", "等待稳定"),
        ("観測所の電池は九日間もちます。", "電池は九日", "電池九日"),
        ("관측소는십분마다말합니다", "십분마다", "분십마다"),
        ("ผู้ดูแลสถานีตรวจอากาศ", "สถานี", "นีสถา"),
        ("ស្ថានីយ៍ឧតុនិយម", "ឧតុ", "តុឧនិ"),
        ("ສະຖານີອຸຕຸນິຍົມ", "ອຸຕຸ", "ຕຸຍອຸ"),
        ("မိုးလေဝသစခန်း", "လေဝသ", "ဝသလေ"),
    ],
    ids=["Chinese", "Japanese", "Korean", "Thai", "Khmer", "Lao", "Burmese"],
)
def test_scripts_without_spaces_are_found_by_any_part(vault: Vault, text: str, part: str, absent: str) -> None:
    with cache_of(vault({"a.md": f"# {text}\n\nBefore {text} after.\n"})) as cache:
        (hit,) = search(cache, Query(part))
        assert f"«{part}»" in marked(hit)
        assert found(cache, f'"{part}"') == ["a.md"]
        assert found(cache, part + "*") == ["a.md"]
        assert found(cache, absent) == []


@pytest.mark.corpus
@pytest.mark.parametrize("language", ["ja", "ko", "th", "zh"])
def test_every_part_of_a_real_text_is_found(corpora: Path, tmp_path: Path, language: str) -> None:
    asked = settings.load(settings.Asked(str(tmp_path), docs=(str(corpora / f"tldr/pages.{language}"),)), {})
    rebuild.rebuild(asked, rebuild.Options(workers=0))
    chance = random.Random(language)
    with opened(asked.database, asked.base) as cache:
        for (path,) in chance.sample(cache.db.execute("SELECT path FROM nodes").fetchall(), 40):
            text = Path(asked.base, path).read_text(encoding="utf-8")
            words = re.findall(r"[^\W\x00-\u0dff]{4,}", text)
            if words:
                word = chance.choice(words)
                start = chance.randrange(len(word) - 2)
                assert path in found(cache, word[start : start + 5], limit=10_000), word


# Which sections, and in what order


def test_a_document_comes_once_and_with_all_every_section_of_it(garden: Cache) -> None:
    assert found(garden, "roses") == ["beds/roses.md"]
    assert found(garden, "roses", all_=True) == ["beds/roses.md"] * 3


def test_a_tag_has_any_case_and_includes_what_nests_in_it(vault: Vault) -> None:
    tags = (
        "inbox",
        "InBox/to-read",
        "#inbox/to-read/later",
        "inbox-zero",
        "inbox0",
        "INBOX2",
        "outbox/inbox",
        "Ångström/Ö",
    )
    files = {f"{number}.md": f"---\ntags: ['{tag}']\n---\nword" for number, tag in enumerate(tags)}
    with cache_of(vault(files)) as cache:
        for asked, expected in {
            "inbox": [0, 1, 2],
            "INBOX": [0, 1, 2],
            "#Inbox": [0, 1, 2],
            "inbox/": [0, 1, 2],
            " #inbox/ ": [0, 1, 2],
            "inbox/TO-READ": [1, 2],
            "inbox/to": [],
            "in": [],
            "inbox0": [4],
            "outbox": [6],
            "A\u030aNGSTRÖM": [7],
            "ångström/ö": [7],
            "i%": [],
            "*": [],
            "#": [],
            "": [],
        }.items():
            assert sorted(found(cache, "word", tag=asked)) == [f"{number}.md" for number in expected], asked


def test_filters_narrow_what_is_found(garden: Cache) -> None:
    assert found(garden, "water", path="beds/*", tag="flower") == ["beds/roses.md"]
    assert found(garden, "water", tag="#food") == ["beds/beans.md"]
    assert found(garden, "water", tag=" Flower/ ") == ["beds/roses.md"]
    assert sorted(found(garden, "water", type="plant")) == ["beds/beans.md", "beds/roses.md"]
    assert found(garden, "water", path="nowhere/*") == []


def test_at_most_as_many_results_as_asked_for(vault: Vault) -> None:
    with cache_of(vault({f"{number}.md": "same" for number in range(30)})) as cache:
        assert len(search(cache, Query("same"))) == 10
        assert len(search(cache, Query("same", limit=25))) == 25


def test_the_first_of_many_are_the_same_however_many_are_asked_for(vault: Vault) -> None:
    # Equals in every document, and documents with more good sections than are looked at first.
    texts = {
        f"{step}.md": "".join(f"# s\n\n{'word ' * (1 + number * step % 7)}\n\n" for number in range(40))
        for step in (0, 1, 3, 4)
    }
    more = {f"e/{number}.md": "word" for number in range(30)}
    with cache_of(vault({**texts, **more})) as cache:
        for query in (Query("word"), Query("word", all_=True), Query("word", path="?.md")):
            everything = search(cache, query._replace(limit=1000))
            for limit in (1, 2, 3, 4, 5, 10, 33):
                assert search(cache, query._replace(limit=limit)) == everything[:limit]


def test_ties_go_by_path_then_place(vault: Vault) -> None:
    text = "# One\n\nword\n\n# Two\n\nword\n"
    with cache_of(vault({"b/x.md": text, "a/x.md": text, "c.md": text})) as cache:
        hits = search(cache, Query("word", all_=True))
        assert [(hit.path, hit.line) for hit in hits] == [
            (path, line) for path in ("a/x.md", "b/x.md", "c.md") for line in (1, 5)
        ]
        assert [(hit.path, hit.line) for hit in search(cache, Query("word", limit=2))] == [("a/x.md", 1), ("b/x.md", 1)]


def test_ties_go_by_path_whenever_a_document_came(vault: Vault) -> None:
    others = [f"b{number}.md" for number in range(9)]
    folder = vault(dict.fromkeys(others, "word"))
    with cache_of(folder):
        vault({"a.md": "word"}, folder)
    asked = settings_of(folder)
    sync.sync(asked, sync.Options())
    with opened(asked.database, asked.base) as cache:
        assert found(cache, "word") == ["a.md", *others]
        assert found(cache, "word", limit=1) == ["a.md"]


def test_a_word_of_the_title_weighs_more_than_one_of_the_body(vault: Vault) -> None:
    files = {"a.md": "# Other\n\npump pump", "b.md": "# Pump\n\nother other", "c.md": "# Else\n\n## Pump\n\nother"}
    with cache_of(vault(files)) as cache:
        assert found(cache, "pump") == ["b.md", "c.md", "a.md"]


def test_the_order_is_that_of_rank_in_sql(garden: Cache) -> None:
    sql = "SELECT rowid, rank FROM sections_fts WHERE sections_fts MATCH 'water' ORDER BY rank"
    ranks = [round(-rank, 6) for _, rank in garden.db.execute(sql)]
    assert [hit.score for hit in search(garden, Query("water", all_=True))] == ranks
    assert ranks == sorted(ranks, reverse=True)


# Snippets


def test_a_hit_says_where_it_stands(garden: Cache) -> None:
    (hit,) = search(garden, Query("march"))
    assert hit[:5] == ("beds/roses", "beds/roses.md", "pruning", "Pruning", 8)
    assert (hit.title, hit.state, marked(hit)) == ("Roses", None, "## Pruning Cut in «March».")
    assert hit.score > 0


def test_aliases_and_summary_are_found_and_shown(vault: Vault) -> None:
    text = "---\naliases: [Wheelbarrow]\nsummary: Carries earth.\n---\nText.\n"
    with cache_of(vault({"a.md": text})) as cache:
        assert "«Wheelbarrow»" in marked(search(cache, Query("wheelbarrow"))[0])
        assert "Carries «earth»" in marked(search(cache, Query("earth"))[0])


def test_a_hit_in_the_title_alone_shows_how_the_document_begins(vault: Vault) -> None:
    with cache_of(vault({"a.md": "---\ntitle: Compost\n---\n\n# Heap\n\nLeaves and straw.\n"})) as cache:
        (hit,) = search(cache, Query("compost"))
        assert hit.snippet is not None
        assert "Leaves and straw" in hit.snippet


def test_no_character_is_cut_in_two_where_a_long_section_is(vault: Vault) -> None:
    """Of a section the first 1 MiB is looked at; here that ends in the middle of a character."""
    head, needle = "# Long\n\n", "needle "
    room = (1 << 20) - 5 - len(head) - len(needle)
    with cache_of(vault({"a.md": head + ("x " * room)[:room] + needle + "é" * 100})) as cache:
        (hit,) = search(cache, Query("needle"))
        assert hit.snippet is not None
        assert hit.snippet.endswith("«needle» éé")


def test_where_characters_count_as_words_a_snippet_has_more_of_them(vault: Vault) -> None:
    with cache_of(vault({"a.md": "观测" * 100 + "电池" + "观测" * 100})) as cache:
        (hit,) = search(cache, Query("电池"))
        assert hit.snippet is not None
        assert 60 < len(hit.snippet) < 70


def test_a_hit_in_a_tag_is_shown_with_the_other_words_marked(vault: Vault) -> None:
    with cache_of(vault({"a.md": "---\ntags: [soil]\n---\nDig it over.\n"})) as cache:
        (hit,) = search(cache, Query("soil dig"))
        assert marked(hit) == "«Dig» it over."


def test_an_empty_document_is_found_by_its_name(vault: Vault) -> None:
    with cache_of(vault({"shed.md": ""})) as cache:
        (hit,) = search(cache, Query("shed"))
        assert (hit.heading, hit.anchor, hit.line, hit.snippet) == (None, None, 1, "")


def test_a_hit_far_down_a_long_section_is_found_and_the_beginning_shown(vault: Vault) -> None:
    with cache_of(vault({"a.md": "# Long\n\n" + "é" * 600_000 + "\n\nneedle\n"})) as cache:
        (hit,) = search(cache, Query("needle"))
        assert hit.snippet is not None
        assert hit.snippet.startswith("# Long ééé")
        assert "\ufffd" not in hit.snippet
        assert len(hit.snippet) <= 201


def test_what_looks_like_a_mark_in_a_document_is_none(vault: Vault) -> None:
    with cache_of(vault({"a.md": "a \x02forged\x03 mark \x1b[31m\x9b31m needle"})) as cache:
        (hit,) = search(cache, Query("needle"))
        assert marked(hit) == "a forged mark [31m 31m «needle»"


def test_a_file_that_has_changed_or_is_gone_has_no_snippet(vault: Vault) -> None:
    folder = vault({"changed.md": "water", "gone.md": "water", "same.md": "water"})
    with cache_of(folder) as cache:
        (folder / "changed.md").write_text("WATER")
        (folder / "gone.md").unlink()
        hits = search(cache, Query("water"))
        assert [(hit.path, hit.state) for hit in hits] == [
            ("changed.md", "changed"),
            ("gone.md", "missing"),
            ("same.md", None),
        ]
        assert [hit.snippet is None for hit in hits] == [True, True, False]


# FTS5's own language


def test_raw_queries_are_fts5s_own(garden: Cache) -> None:
    assert sorted(found(garden, "dawn OR pump", raw=True)) == ["beds/beans.md", "beds/roses.md", "tools.md"]
    assert found(garden, "title: roses", raw=True) == ["beds/roses.md"]
    assert found(garden, "NEAR(never dawn, 1)", raw=True) == ["beds/beans.md"]
    assert found(garden, " ", raw=True) == []


@pytest.mark.parametrize("typed", ["water AND", '"open', "nothere: water", "NEAR(", "*"])
def test_a_raw_query_that_is_none_is_the_users_error(garden: Cache, typed: str) -> None:
    with pytest.raises(UsageError, match="not an FTS5 expression"):
        search(garden, Query(typed, raw=True))


def test_many_tags_and_many_sections_of_one_document_are_not_multiplied(vault: Vault) -> None:
    tags = "".join(f"#t{number}\n" for number in range(20_000))
    with cache_of(vault({"a.md": tags + "## word\n" * 20_000})) as cache:
        start = time.process_time()
        assert found(cache, "word", tag="t19999", limit=30_000) == ["a.md"]
        assert found(cache, "word", tag="none", limit=30_000) == []
        assert time.process_time() - start < 5

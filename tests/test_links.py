"""What links lead to."""

from __future__ import annotations

import time
import tracemalloc
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from caches import cache_of, settings_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from worlds import Vault, World

from mdcache.build.links import Bucket, Candidate, Nearest
from mdcache.dialects import GITHUB
from mdcache.model import Rules
from mdcache.parse.targets import BY_NAME, FROM_ROOTS, ITSELF, Asked, asks, bucket, names_of
from mdcache.paths import fold, folder, nfc, without_extension
from mdcache.syncing import sync

# Markdown links


def test_a_markdown_link_is_relative_to_its_file(world: World) -> None:
    files = {"a/b.md": "[x](c.md) [x](../d.md) [x](./c.md#) [x](e/f.md)", "a/c.md": "", "d.md": "", "c.md": ""}
    assert world.links(files) == {"c.md": "a/c.md", "../d.md": "d.md", "./c.md#": "a/c.md", "e/f.md": None}


def test_a_markdown_link_may_leave_the_extension_out(world: World) -> None:
    files = {
        "a.md": "[x](b) [x](c) [x](d) [x](e) [x](b.md.md)",
        "b.md": "",
        "c.markdown": "",
        "d.MD": "",
        "e.md.md": "",
    }
    assert world.links(files) == {"b": "b.md", "c": "c.markdown", "d": "d.MD", "e": None, "b.md.md": None}


def test_the_very_path_comes_before_one_with_an_extension_added_and_that_before_a_folder(world: World) -> None:
    files = {"a.md": "[x](b.md) [x](c) [x](c/)", "b.md": "", "b.md.md": "", "c.md": "", "c/README.md": ""}
    assert world.links(files) == {"b.md": "b.md", "c": "c.md", "c/": "c/README.md"}


def test_the_first_extension_of_the_settings_comes_first(world: World) -> None:
    files = {"a.md": "[x](b)", "b.md": "", "b.markdown": ""}
    assert world.links(files) == {"b": "b.md"}
    assert world.links({"mdcache.toml": "extensions = ['.markdown', '.md']", **files}) == {"b": "b.markdown"}


def test_a_folder_means_its_readme_else_its_index(world: World) -> None:
    files = {"x.md": "[x](a) [x](b/) [x](c) [x](d) [x](.)", "a/README.md": "", "a/index.md": "", "b/Index.md": ""}
    files |= {"c/readme.markdown": "", "d/other.md": ""}
    assert world.links(files) == {
        "a": "a/README.md",
        "b/": "b/Index.md",
        "c": "c/readme.markdown",
        "d": None,
        ".": None,
    }
    assert world.links({"a/b/x.md": "[x](..) [x](../..) [x](.)", "README.md": "", "a/index.md": ""}) == {
        "..": "a/index.md",
        "../..": "README.md",
        ".": None,
    }


def test_case_counts_in_a_markdown_link(world: World) -> None:
    assert world.links({"a.md": "[x](B.md) [x](b.md)", "b.md": ""}) == {"B.md": None, "b.md": "b.md"}


def test_a_markdown_link_is_percent_decoded_once(world: World) -> None:
    files = {"a.md": "[x](b%20c.md) [x](%C3%A9.md) [x](<b c.md>) [x](100%25.md) [x](d%2520e.md)"}
    files |= {"b c.md": "", "é.md": "", "100%.md": "", "d e.md": "", "d%20e.md": ""}
    assert world.links(files) == {
        "b%20c.md": "b c.md",
        "%C3%A9.md": "é.md",
        "b c.md": "b c.md",
        "100%25.md": "100%.md",
        "d%2520e.md": "d%20e.md",
    }


def test_names_compare_normalised(world: World) -> None:
    nfd = unicodedata.normalize("NFD", "é")
    files = {"a.md": f"[x](é.md) [x]({nfd}/ü.md) [[é]]", f"{nfd}.md": "", "é/ü.md": ""}
    assert world.links(files) == {"é.md": f"{nfd}.md", f"{nfd}/ü.md": "é/ü.md", "é": f"{nfd}.md"}


def test_of_names_that_differ_only_by_normalisation_the_first_is_meant(world: World) -> None:
    nfd = unicodedata.normalize("NFD", "é")
    files = {"a.md": "[x](é.md)", "é.md": "[x](#one)\n# One", f"{nfd}.md": "[x](#two)\n# Two"}
    assert world.links(files) == {"é.md": f"{nfd}.md", "#one": "é.md", "#two": f"{nfd}.md"}
    assert world.problems(files) == []


def test_a_path_from_the_root_is_tried_below_each_root_then_from_the_base(world: World) -> None:
    files = {"one/a.md": "[x](/b.md) [x](/c.md) [x](/two/d.md) [x](/d.md) [x](/e.md)", "one/b.md": "", "two/b.md": ""}
    files |= {"two/c.md": "", "two/d.md": "", "e.md": ""}
    expected = {"/b.md": "one/b.md", "/c.md": "two/c.md", "/two/d.md": "two/d.md", "/d.md": "two/d.md", "/e.md": None}
    assert world.links({"mdcache.toml": "docs = ['one', 'two']", **files}) == expected


def test_the_root_itself_is_its_index(world: World) -> None:
    files = {
        "mdcache.toml": "docs = ['docs']",
        "docs/a/b.md": "[x](/) [x](/a/)",
        "docs/index.md": "",
        "docs/a/README.md": "",
    }
    assert world.links(files) == {"/": "docs/index.md", "/a/": "docs/a/README.md"}


def test_a_query_is_no_part_of_the_path(world: World) -> None:
    assert world.links({"a.md": "[x](b.md?plain=1#c)", "b.md": "# c"}) == {"b.md?plain=1#c": "b.md"}


def test_what_leads_out_of_the_base_resolves_to_nothing(world: World) -> None:
    files = {"a/b.md": "[x](../../a/b.md) [x](../../../x.png)", "mdcache.toml": ""}
    assert world.query(files, "SELECT target_node, scope FROM links") == [(None, "document"), (None, "asset")]


def test_external_targets_never_resolve(world: World) -> None:
    files = {"a.md": "[x](file:b.md) <https://b.md> https://b.md [x](//b.md)", "b.md": ""}
    assert set(world.query(files, "SELECT scope, target_node, name, fragment FROM links")) == {
        ("external", None, None, None)
    }


def test_an_asset_is_no_problem_of_the_cache(world: World) -> None:
    files = {"a.md": "![x](gone.png) [x](gone.zip) [x](gone) ![[gone.jpg]]"}
    assert set(world.query(files, "SELECT scope FROM links")) == {("asset",)}
    assert world.problems(files) == []


def test_what_resolves_is_a_document_whatever_it_looks_like(world: World) -> None:
    files = {"a.md": "[x](photo.jpg) [[sound.mp3]]", "photo.jpg.md": "", "sound.mp3.md": ""}
    assert world.links(files) == {"photo.jpg": "photo.jpg.md", "sound.mp3": "sound.mp3.md"}
    assert set(world.query(files, "SELECT scope FROM links")) == {("document",)}


# Wikilinks


def test_a_wikilink_is_the_end_of_a_path_in_whole_components(world: World) -> None:
    files = {"x/a.md": "[[b]] [[c/b]] [[d.md]] [[ub]]", "c/b.md": "", "z/y/c/b.md": "", "e/d.md": "", "club.md": ""}
    assert world.links(files) == {"b": "c/b.md", "c/b": "c/b.md", "d.md": "e/d.md", "ub": None}


def test_a_wikilink_prefers_the_same_case_to_the_nearest(world: World) -> None:
    files = {"x/a.md": "[[Note]] [[NOTE]] [[X/NOTE]]", "x/note.md": "", "far/away/Note.md": ""}
    assert world.links(files) == {"Note": "far/away/Note.md", "NOTE": "x/note.md", "X/NOTE": "x/note.md"}


def test_a_wikilink_tries_aliases_last(world: World) -> None:
    alias = "---\naliases: [Other Name, dir/deep, B]\n---\n"
    files = {"a.md": "[[other name]] [[Dir/Deep]] [[deep]] [[b]]", "x/y.md": alias, "x/z/b.md": ""}
    assert world.links(files) == {"other name": "x/y.md", "Dir/Deep": "x/y.md", "deep": None, "b": "x/z/b.md"}


def test_a_wikilink_means_the_nearest_then_the_shortest_path_then_the_first(world: World) -> None:
    files = {"a/b/source.md": "[[n]]", "a/n.md": "", "n.md": ""}
    assert world.links(files) == {"n": "a/n.md"}
    files = {"s/source.md": "[[n]]", "long/n.md": "", "l/n.md": "", "m/n.md": ""}
    assert world.links(files) == {"n": "l/n.md"}


def test_a_wikilink_that_begins_like_a_path_is_one(world: World) -> None:
    files = {"x/a.md": "[[./b]] [[../b]] [[/x/b]] [[../B]]", "b.md": "", "x/b.md": ""}
    assert world.links(files) == {"./b": "x/b.md", "../b": "b.md", "/x/b": "x/b.md", "../B": None}


def test_a_wikilink_names_a_folder_by_its_index(world: World) -> None:
    files = {
        "a.md": "[[guide]] [[guide/]] [[GUIDE]] [[x/deep]] [[deep#h]] [[none]]",
        "guide/README.md": "",
        "guide/index.md": "",
        "x/deep/index.md": "",
        "none/other.md": "",
    }
    assert world.links(files) == {
        "guide": "guide/README.md",
        "guide/": "guide/README.md",
        "GUIDE": "guide/README.md",
        "x/deep": "x/deep/index.md",
        "deep#h": "x/deep/index.md",
        "none": None,
    }


def test_a_file_and_an_alias_come_before_a_folder_of_the_name(world: World) -> None:
    files = {
        "a.md": "[[guide]] [[guide/]] [[tips]]",
        "guide.md": "",
        "guide/index.md": "",
        "tips/index.md": "",
        "b.md": "---\naliases: [tips]\n---\n",
    }
    assert world.links(files) == {"guide": "guide.md", "guide/": "guide/index.md", "tips": "b.md"}


def test_the_nearest_of_several_folders_of_a_name_is_meant(world: World) -> None:
    files = {"x/a.md": "[[guide]]", "x/guide/index.md": "", "y/guide/index.md": ""}
    assert world.links(files) == {"guide": "x/guide/index.md"}


def test_links_everywhere_resolve(world: World) -> None:
    files = {
        "a.md": "---\nup: '[[b]]'\n---\n![[b.md]] ![x](./b)\n\nkey:: [[B]]\n\n<!-- tags: [REL: B.md] -->\n",
        "b.md": "",
    }
    sql = "SELECT kind, type, target, target_node IS NOT NULL FROM links ORDER BY ordinal"
    assert world.query(files, sql) == [
        ("property", "UP", "b", 1),
        ("embed", "EMBEDS", "b.md", 1),
        ("image", "EMBEDS", "./b", 1),
        ("relation", "KEY", "B", 1),
        ("relation", "REL", "B.md", 1),
    ]


# Against the rules, spelled out


class Document(NamedTuple):
    path: str
    aliases: tuple[str, ...] = ()


RULES = Rules(roots=("", "r"))


def ask(wiki: bool, target: str, source: str) -> Asked | None:
    """The first way in which a target asks for a document."""
    return next(iter(asks(wiki, target, source, RULES)), None)


PART = st.sampled_from(["a", "b", "B", "r", "é", "e\u0301", "c.md", "readme"])
FILE = st.sampled_from(["a.md", "b.md", "B.md", "a.markdown", "a.md.md", "README.md", "index.md", "é.md", "e\u0301.MD"])
PATHS = st.tuples(st.lists(PART, max_size=3), FILE).map(lambda parts: "/".join([*parts[0], parts[1]]))
ALIASES = st.lists(st.sampled_from(["a", "B", "x", "a/b", "é"]), max_size=2, unique_by=fold).map(tuple)
DOCUMENTS = st.lists(st.builds(Document, PATHS, ALIASES), min_size=1, max_size=12, unique_by=lambda one: one.path)
NAMES = st.sampled_from(["a", "A", "b", "a.md", "README", "index.md", "x", "é", "c.md", "readme", ".", "..", ""])
TARGETS = st.tuples(st.sampled_from(["", "/", "../", "./"]), st.lists(NAMES, min_size=1, max_size=3)).map(
    lambda parts: parts[0] + "/".join(parts[1])
)


def chosen(documents: Iterable[Document], asked: Asked, source: str) -> tuple[str, int] | None:
    """The path that our resolver chooses and how many are equally near."""
    numbered = dict(enumerate(documents))
    name = bucket(asked.path, RULES.extensions)
    candidates = [
        Candidate(key, document.path, alias)
        for key, document in numbered.items()
        for found, alias in names_of(*document, {}, RULES)
        if found == name
    ]
    choice = Bucket(name, candidates, RULES).choose((asked,), -1, source)
    return (numbered[choice.node].path, choice.rivals) if choice else None


def expected(documents: Iterable[Document], asked: Asked, source: str) -> tuple[str, int] | None:
    """The same, straight from the rules: everything is compared with everything."""
    if asked.how == BY_NAME:
        return _expected_by_name([*documents], asked, source)
    paths = sorted(document.path for document in documents)
    wanted = [f"{root}/{asked.path}".strip("/") for root in RULES.roots] if asked.how == FROM_ROOTS else [asked.path]
    for path in wanted:
        forms = [path, *(path + extension for extension in RULES.extensions)]
        indexes = [
            f"{path}/{name}{extension}".lstrip("/")
            for name in ("README", "index")
            for extension in sorted(RULES.extensions)
        ]
        for form in [*indexes, *forms] if asked.is_folder else [*forms, *indexes]:
            for candidate in paths:
                stem = without_extension(candidate, RULES.extensions)
                if nfc(candidate) == form or nfc(stem + candidate[len(stem) :].lower()) == form:
                    return candidate, 0
    return None


_Tier = tuple[list[Document], Callable[[Document], bool]]


def _expected_by_name(documents: list[Document], asked: Asked, source: str) -> tuple[str, int] | None:
    wanted, indexes = asked.path, _indexes(documents)
    files: list[_Tier] = [
        (documents, lambda one: any(_ends(form, wanted) for form in _forms(one))),
        (documents, lambda one: any(_ends(fold(form), fold(wanted)) for form in _forms(one))),
        (documents, lambda one: fold(wanted) in map(fold, one.aliases)),
    ]
    folders: list[_Tier] = [
        (indexes, lambda one: _ends(nfc(folder(one.path)), wanted)),
        (indexes, lambda one: _ends(fold(folder(one.path)), fold(wanted))),
    ]
    for known, matches in [*folders, *files] if asked.is_folder else [*files, *folders]:
        ranked = sorted(
            (steps(folder(source), folder(one.path)), len(one.path), one.path) for one in known if matches(one)
        )
        if ranked:
            return ranked[0][2], sum(rank[0] == ranked[0][0] for rank in ranked) - 1
    return None


def _indexes(documents: list[Document]) -> list[Document]:
    """The document that stands for each folder that has one."""
    best: dict[str, tuple[int, str]] = {}
    for path, _ in documents:
        stem = bucket(path, RULES.extensions)
        if stem in GITHUB.index_names:
            rank = GITHUB.index_names.index(stem), path
            best[nfc(folder(path))] = min(rank, best.get(nfc(folder(path)), rank))
    return [Document(path) for _, path in best.values()]


def _forms(document: Document) -> tuple[str, str]:
    return nfc(document.path), nfc(without_extension(document.path, RULES.extensions))


def _ends(path: str, wanted: str) -> bool:
    return path == wanted or path.endswith("/" + wanted)


def steps(one: str, other: str) -> int:
    """Folder steps: up to the common one, then down."""
    a, b = [part for part in one.split("/") if part], [part for part in other.split("/") if part]
    while a and b and a[0] == b[0]:
        del a[0], b[0]
    return len(a) + len(b)


@settings(max_examples=400, deadline=None)
@given(documents=DOCUMENTS, source=PATHS, target=TARGETS, wiki=st.booleans())
def test_links_resolve_by_the_rules_whatever_the_order_of_the_documents(
    documents: list[Document], source: str, target: str, wiki: bool
) -> None:
    asked = ask(wiki, target, source)
    if asked and asked.how != ITSELF:
        found = chosen(documents, asked, source)
        assert found == expected(documents, asked, source)
        assert found == chosen(reversed(documents), asked, source)


FOLDERS = st.lists(st.sampled_from("ab"), max_size=5).map("/".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(FOLDERS, st.sampled_from(["n", "nn", "m"])), unique=True, max_size=15), FOLDERS)
@example([("a/b", "n"), ("b/a", "n"), ("", "n")], "a/a")
def test_the_nearest_is_that_of_the_least_steps_then_length_then_order(
    found: list[tuple[str, str]], source: str
) -> None:
    candidates = [Candidate(key, "/".join(filter(None, pair)), "") for key, pair in enumerate(found)]
    choice = Nearest(candidates).to(source)
    ranked = sorted((steps(source, folder(path)), len(path), path, node) for node, path, _ in candidates)
    if not ranked:
        assert choice is None
    else:
        assert choice == (ranked[0][3], sum(rank[0] == ranked[0][0] for rank in ranked) - 1)


# Many


def test_twenty_thousand_of_one_name_resolve_in_seconds() -> None:
    began = time.monotonic()
    each_finds_its_own(20_000)
    assert time.monotonic() - began < 5


def test_one_of_six_thousand_of_one_name_leaves_in_a_moment(vault: Vault) -> None:
    folder = vault({f"thing-{n}/README.md": "[[README]]\n" for n in range(6_000)})
    with cache_of(folder):
        pass
    (folder / "thing-7/README.md").unlink()
    began = time.process_time()
    report = sync.sync(settings_of(folder), sync.Options())
    assert (report.removed, report.rebuilt) == (1, False)
    assert time.process_time() - began < 5


def test_memory_grows_by_little_with_documents_of_one_name() -> None:
    tracemalloc.start()
    each_finds_its_own(2_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000 * 2_000


def each_finds_its_own(count: int) -> None:
    """[[README]] in a README of each of so many folders."""
    paths = [f"area-{n % 20}/group-{n % 400}/thing-{n}/README.md" for n in range(count)]
    readmes = Bucket("readme", (Candidate(n, path, "") for n, path in enumerate(paths)), Rules())
    for n, path in enumerate(paths):
        assert readmes.choose(asks(True, "README", path, RULES), n, path) == (n, 0)

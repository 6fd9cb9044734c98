"""What a mkdocs.yml says of how its documents are read."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import Marked, Site
from mdcache.dialects.mkdocs import KIND, MKDOCS, in_all_languages, named_by_comments, tabs


def site_of(text: str) -> Site:
    (site,) = KIND.sites(Marked("/site", "mkdocs.yml", frozenset(("mkdocs.yml",)), {"mkdocs.yml": text}))
    return site


@pytest.mark.parametrize(
    ("text", "docs", "prefix"),
    [
        ("", "/site/docs", ""),
        ("site_name: A\ndocs_dir: content/en\nsite_url: https://a.org/b/c/\n", "/site/content/en", "b/c"),
        ("docs_dir: ../docs\nsite_url: https://a.org\n", "/docs", ""),
        ("docs_dir: !ENV DOCS\nsite_url: !ENV [A, B, 'https://a.org/b']\n", "/site/docs", "b"),
        ("docs_dir: [a]\n", "/site/docs", ""),
        ("docs_dir: 'a\n", "/site/docs", ""),
        ("- a\n", "/site/docs", ""),
    ],
)
def test_its_documents_lie_where_it_says(text: str, docs: str, prefix: str) -> None:
    site = site_of(text)
    assert (site.docs, site.prefix, site.mounts) == (docs, prefix, (("", docs),))


APPLIED = "!!python/object/apply:pymdownx.slugs.slugify"


@pytest.mark.parametrize(
    ("toc", "kernel"),
    [
        ("toc", "python-markdown"),
        ("toc: {permalink: true}", "python-markdown"),
        ("markdown.extensions.toc: {slugify: !!python/name:pymdownx.slugs.uslugify }", "pymdownx-lower"),
        ("toc: {slugify: !!python/name:pymdownx.slugs.gfm }", "pymdownx-lower-ascii"),
        ("toc: {slugify: !!python/name:markdown.extensions.toc.slugify_unicode }", "python-markdown-unicode"),
        (f"toc: {{slugify: {APPLIED} {{kwds: {{case: lower}}}}}}", "pymdownx-lower"),
        (f"toc: {{slugify: {APPLIED} {{}}}}", "pymdownx"),
        (f"toc: {{slugify: {APPLIED} {{kwds: {{case: fold}}}}}}", "pymdownx-fold"),
    ],
)
def test_ids_are_made_as_its_toc_says(toc: str, kernel: str) -> None:
    for said in (
        f"markdown_extensions:\n  - {toc}\n",
        f"markdown_extensions:\n  {toc if ': ' in toc else toc + ':'}\n",
    ):
        dialect = site_of(said).dialect
        assert (dialect.ids, dialect.made_places.fullmatch("any")) == (kernel, None)


@pytest.mark.parametrize(
    "toc", ["{slugify: !!python/name:my.slugs }", f"{{slugify: {APPLIED} {{kwds: {{case: x}}}}}}", "{separator: _}"]
)
def test_where_nobody_knows_how_ids_are_made_any_place_may_be_there(toc: str) -> None:
    assert site_of(f"markdown_extensions: [toc: {toc}]").dialect.made_places.fullmatch("any")


def test_what_it_inherits_is_not_seen_and_counts_as_if_it_were_on() -> None:
    for said in ("INHERIT: ../base.yml\n", "plugins: [techdocs-core]\n", "a: [\n"):
        dialect = site_of(said).dialect
        assert "pymdownx-lower" in dialect.other_ids
        assert dialect.explicit_ids
    alone = site_of("site_name: A\n").dialect
    assert (alone.other_ids, alone.explicit_ids) == ((), ())


@pytest.mark.parametrize("name", ["attr_list", "markdown.extensions.attr_list", "extra", "pymdownx.extra"])
def test_ids_may_be_written_where_an_extension_reads_them(name: str) -> None:
    assert site_of(f"markdown_extensions: [{name}]").dialect.explicit_ids == MKDOCS.explicit_ids


@pytest.mark.parametrize(
    ("said", "facet", "value"),
    [
        ("use_directory_urls: false", "html_pages", True),
        ("use_directory_urls: false", "page_relative", False),
        ("validation: {absolute_links: relative_to_docs}", "absolute", "known"),
        ("plugins: [search, roamlinks]", "wikilinks", "target-first"),
        ("plugins: {search: {}}", "wikilinks", "off"),
        ("markdown_extensions: [smarty]", "smart_punctuation", True),
        ("plugins: [{i18n: {docs_structure: suffix}}]", "addresses", in_all_languages),
        ("plugins: [{i18n: {docs_structure: folder}}]", "addresses", MKDOCS.addresses),
    ],
)
def test_a_setting_decides_a_facet(said: str, facet: str, value: object) -> None:
    assert getattr(site_of(said).dialect, facet) == value


@pytest.mark.parametrize(
    ("said", "target", "is_made"),
    [
        ("plugins: [gen-files]", "../reference/a/b.md", True),
        ("plugins: [gen-files]", "api.md#x", True),
        ("plugins: [gen-files]", "references.md", False),
        ("plugins: [gen-files]\nnav: [{API: [{Code: code/}]}, a.md]", "code/a.md", True),
        ("plugins: []\nnav: [{Code: code/}]", "code/a.md", False),
        ("plugins: [{material/blog: {blog_dir: news}}]", "/news/2024/x/", True),
        ("plugins: [blog]", "blog/2024/x", True),
        ("plugins: [search]", "blog/2024/x", False),
        ("", "../img/favicon.ico", True),
        ("", "../img/favicon.png", False),
    ],
)
def test_what_a_plugin_makes_is_not_judged(said: str, target: str, is_made: bool) -> None:
    unjudged = site_of(said).dialect.unjudged
    assert unjudged
    assert bool(unjudged.search(target)) == is_made


BROUGHT = (
    '--8<-- "a.md"',
    '  --8<-- "a"',
    "--8<--\na.md\n--8<--",
    "::: mkdocs-click",
    "{!a.md!}",
    "{% include-markdown 'a' %}",
)
ONLY_MACROS = ("{{ table() }}", "## {{ title }}", "{% for a in b %}")
NEVER = (
    "::: a.b",
    '--8<-- "a.py"',
    ";--8<-- [start:x]",
    "a {{ b }}",
    "a --8<--",
    ":::",
    "```python\nexec\n```",
    "## a {b} c",
)


@pytest.mark.parametrize("text", [*BROUGHT, *ONLY_MACROS, *NEVER])
def test_a_page_has_any_place_when_something_brings_what_nobody_here_sees(text: str) -> None:
    plain, macros = site_of("site_name: A").dialect.includes, site_of("plugins: [macros]").dialect.includes
    assert plain
    assert macros
    found = bool(plain.search(f"x\n{text}\n".encode())), bool(macros.search(f"x\n{text}\n".encode()))
    assert found == (text in BROUGHT, text not in NEVER)


def test_a_document_in_a_language_is_found_by_the_name_of_all() -> None:
    assert list(in_all_languages("a/b.fr.md", {})) == ["b", "b.md"]
    assert list(in_all_languages("a/b.pt-BR.md", {})) == ["b", "b.md"]
    assert list(in_all_languages("a/v1.10.md", {})) == list(in_all_languages("a/b.md", {})) == []


def test_tabs_have_ids_of_their_labels() -> None:
    text = b'# A & B\n=== ":x: Linux"\n    === "Linux"\n## C {#d}\n/// tab | E f\n===! "G"\n'
    assert [name for _, name in tabs(text, "pymdownx-lower", "", "")] == ["x-linux", "linux", "e-f", "g"]
    assert [name for _, name in tabs(text, "pymdownx-lower", "python-markdown", "emoji")] == [
        "a-b-linux", "a-b-linux_1", "d-e-f", "d-g",
    ]  # fmt: skip


def test_what_a_comment_names_may_become_a_place() -> None:
    text = b"#### <!-- md:setting config.dir -->\n<!-- note -->\n"
    assert list(named_by_comments(text)) == [(5, "config.dir"), (5, "+config.dir")]


def test_a_hostile_text_costs_no_more_than_it_is_long() -> None:
    start = time.process_time()
    dialect = site_of("plugins: [macros]").dialect
    assert dialect.includes
    for one in (b"-", b"--8<--", b'--8<-- "', b"#", b"# {", b"```", b'=== "', b"<!-- a:b ", b"<!--a:b c", b"{", b">"):
        text = one * (300_000 // len(one))
        dialect.includes.search(text)
        list(tabs(text, "pymdownx", "pymdownx", "emoji"))
        list(named_by_comments(text))
    assert time.process_time() - start < 3


def test_a_hostile_marker_is_read_in_time() -> None:
    start = time.process_time()
    many = "\n".join(f"  - {i}/" for i in range(25_000))
    deep = "".join(f"{' ' * i}- a: \n" for i in range(50))
    for said in (f"plugins: [gen-files]\nnav:\n{many}", f"nav:\n{deep}", "markdown_extensions: {a: {}}", "plugins: 3"):
        assert site_of(said).dialect.name == "mkdocs"
    assert time.process_time() - start < 3


def test_what_mkdocstrings_documents_are_places() -> None:
    made = site_of("plugins: [mkdocstrings]").dialect.made_places
    wanted = ("pkg.mod.Class", "pkg.mod.f--arguments", "fn:1", "__tabbed_1_2")
    assert [one for one in (*wanted, "usage", "v1.", "a.b c") if made.fullmatch(one)] == list(wanted)


def test_a_site_in_the_folder_of_a_language_is_read_for_all() -> None:
    def sites(home: str, text: str) -> list[tuple[str, tuple[str, str]]]:
        found = KIND.sites(Marked(home, "mkdocs.yml", frozenset(), {"mkdocs.yml": text}))
        return [(site.docs, site.untranslated) for site in found]

    assert sites("/x/en", "site_name: A\n") == [
        ("/x/en/docs", ("", "")),
        ("/x", (r"^[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?/docs(?=/)", "en/docs")),
    ]
    assert sites("/x/fr", "INHERIT: ../en/mkdocs.yml\n") == []
    assert sites("/x/site", "INHERIT: ../en/mkdocs.yml\n") == [("/x/site/docs", ("", ""))]


def test_what_is_not_translated_is_shown_in_the_first_language() -> None:
    said = "plugins: [{i18n: {docs_structure: folder, languages: [{locale: fr}, {locale: en, default: true}]}}]"
    site = site_of(said)
    assert site.original("/site/docs/fr/a.md") == "/site/docs/en/a.md"
    assert site.original("/site/docs/en/a.md") is site.original("/site/docs/guide/a.md") is None


ZENSICAL = """
[project]
docs_dir = "text"
[project.markdown_extensions.pymdownx.tabbed]
combine_header_slug = true
[project.markdown_extensions.toc.slugify]
object = "pymdownx.slugs.slugify"
kwds = { case = "lower" }
"""


def test_a_site_of_zensical_says_the_same_in_toml() -> None:
    def site(text: str) -> Site:
        return next(iter(KIND.sites(Marked("/a", "zensical.toml", frozenset(), {"zensical.toml": text}))))

    assert (site(ZENSICAL).docs, site(ZENSICAL).dialect.ids) == ("/a/text", "pymdownx-lower")
    assert site(ZENSICAL).dialect.explicit_ids == ()
    assert site("[project]\n").dialect.explicit_ids
    assert site("project = 3\n").docs == "/a/docs"

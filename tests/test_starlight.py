"""Sites of Starlight: what their programs say, and the addresses of their documents."""

from __future__ import annotations

import pytest

from mdcache.dialects import Marked, Mount, Site
from mdcache.dialects.site import LANGUAGE
from mdcache.dialects.starlight import KIND, of_docs


def sites(program: str) -> list[Site]:
    marker = "astro.config.mjs"
    return list(KIND.sites(Marked("/r", marker, frozenset((marker,)), {marker: program})))


def test_an_astro_site_without_starlight_is_none() -> None:
    assert sites("export default defineConfig({ integrations: [mdx()] })") == []


def test_documents_lie_in_the_folder_of_content() -> None:
    docs, parts = sites("export default defineConfig({ integrations: [starlight({})] })")
    assert (docs.docs, parts.docs, docs.prefix) == ("/r/src/content/docs", "/r/src", "")
    assert docs.mounts == (Mount("", "/r/src/content/docs"), Mount("", "/r/public"), Mount("", "/r/src/pages"))


def test_settings_say_where_it_lies_and_how_it_is_served() -> None:
    docs, _ = sites(
        "defineConfig({ srcDir: './site', publicDir: 'static', base: '/b', integrations: [starlight({})] })"
    )
    assert (docs.docs, docs.prefix, docs.mounts[1]) == ("/r/site/content/docs", "b", Mount("", "/r/static"))


@pytest.mark.parametrize(
    ("program", "folders"),
    [
        ("starlight({ locales: { root: {}, fr: {} } })", ["/r/src/content/docs"]),
        ("starlight({ locales, defaultLocale: 'en' })", ["/r/src/content/docs", "/r/src/content/docs/en"]),
        ("starlight({ title: 'x' })", []),
    ],
)
def test_what_is_not_translated_is_served_in_any_language(program: str, folders: list[str]) -> None:
    docs, _ = sites(f"export default defineConfig({{ integrations: [{program}] }})")
    assert [mount.folder for mount in docs.mounts if mount.prefix == LANGUAGE] == folders


def test_a_language_is_the_first_part_of_an_address() -> None:
    site = sites("export default { integrations: [starlight({ locales })] }")[0]
    assert "src/content/docs/a".removeprefix("") in [path.removeprefix("r/") for path in site.rooted("pt-br/a")]
    assert "r/src/content/docs/a" not in list(site.rooted("guides/a"))


@pytest.mark.parametrize(
    ("path", "fields", "address"),
    [
        ("guides/first.md", {}, ()),
        ("Guides/Mixed Case.Name.md", {}, ("/guides/mixed-casename",)),
        ("Über uns/index.mdx", {}, ("/über-uns",)),
        ("a.md", {"slug": "b/c"}, ("/b/c",)),
    ],
)
def test_each_part_of_an_address_is_a_slug(path: str, fields: dict[str, str], address: tuple[str, ...]) -> None:
    assert of_docs(path, fields) == address


def test_redirections_are_not_judged() -> None:
    dialect = sites("export default { redirects: { '/old/': '/new' }, integrations: [starlight({})] }")[0].dialect
    assert dialect.unjudged
    assert [bool(dialect.unjudged.search(target)) for target in ("/old", "/old/#x", "/new", "@/x.png")] == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("plugin", "target", "is_made"),
    [
        ("starlight-changelogs: { base: 'internals/log' }", "/internals/log/version/2-3-0/", True),
        ("starlight-changelogs: { base: 'internals/log' }", "/pt-br/internals/log#x", True),
        ("starlight-changelogs: { base: 'internals/log' }", "/internals/log_v1/", False),
        ("starlight-openapi: [{ base: '/api/', schema: 'x' }]", "/api/operations/a/", True),
        ("starlight-typedoc: { output: 'ref' }", "/ref/classes/a/", True),
        ("starlight-typedoc: {}", "/api/classes/a/", True),
        ("starlight-blog: {}", "/blog/tags/a/", True),
        ("starlight-blog: {}", "/blog/a/", False),
        ("starlight-blog: { prefix: 'news' }", "/news/authors/a/", True),
        ("another: { base: 'internals/log' }", "/internals/log/", False),
    ],
)
def test_pages_of_known_plugins_are_not_judged(plugin: str, target: str, is_made: bool) -> None:
    name, _, options = plugin.partition(": ")
    program = f"import x from '{name}'\nexport default {{ integrations: [starlight({{ plugins: [x({options})] }})] }}"
    unjudged = sites(program)[0].dialect.unjudged
    assert unjudged
    assert bool(unjudged.search(target)) is is_made

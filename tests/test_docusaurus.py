"""Sites of Docusaurus: what their programs say, and the addresses of their documents."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import Marked, Mount, Site
from mdcache.dialects.docusaurus import KIND, of_docs, of_posts


def sites(program: str, versions: str | None = None, *names: str) -> dict[str, Site]:
    texts = {"docusaurus.config.js": program} | ({"versions.json": versions} if versions is not None else {})
    marked = Marked("/r/website", "docusaurus.config.js", frozenset((*texts, *names)), texts)
    return {site.docs: site for site in KIND.sites(marked)}


@pytest.mark.parametrize(
    ("path", "fields", "address"),
    [
        ("guide/install.md", {}, ()),
        ("guide/index.mdx", {}, ()),
        ("guide/guide.md", {}, ()),
        ("01-guide/02-install.md", {}, ("/guide/install",)),
        ("01-guide/index.md", {}, ("/guide",)),
        ("1. guide/02_a.md", {}, ("/guide/a",)),
        ("guide/2021-11-x.md", {}, ()),
        ("guide/1.2-x.md", {}, ()),
        ("guide/install.md", {"id": "setup"}, ("/guide/setup",)),
        ("guide/install.md", {"slug": "setup"}, ("/guide/setup",)),
        ("guide/install.md", {"slug": "../setup/"}, ("/setup",)),
        ("01-guide/install.md", {"slug": "/", "id": "x"}, ("/",)),
        ("01-guide/install.md", {"slug": "/a/b"}, ("/a/b",)),
        ("guide/install.md", {"slug": ["a"]}, ()),
    ],
)
def test_a_document_has_the_address_that_its_name_and_front_matter_give_it(
    path: str, fields: dict[str, str], address: tuple[str, ...]
) -> None:
    assert of_docs(path, fields) == address


@pytest.mark.parametrize(
    ("path", "fields", "address"),
    [
        ("2024-01-02-first.md", {}, "/2024/01/02/first"),
        ("2024-01-02-first/index.mdx", {}, "/2024/01/02/first"),
        ("2024/01-02-first.md", {}, "/2024/01/02/first"),
        ("old/2024-01-02-first.md", {}, "/2024/01/02/old/first"),
        ("first.md", {}, "/first"),
        ("2024-01-02-first.md", {"slug": "/second"}, "/second"),
    ],
)
def test_a_post_has_the_address_of_its_day_or_its_slug(path: str, fields: dict[str, str], address: str) -> None:
    assert of_posts(path, fields) == (address,)


def test_without_settings_docs_blog_and_pages_lie_where_they_usually_do() -> None:
    found = sites("module.exports = { presets: ['classic'] }")
    assert set(found) == {"/r/website/docs", "/r/website/blog", "/r/website/src"}
    assert found["/r/website/docs"].mounts[:3] == (
        Mount("docs", "/r/website/docs"),
        Mount("blog", "/r/website/blog"),
        Mount("", "/r/website/src/pages"),
    )


def test_a_plugin_that_is_switched_off_has_no_folder() -> None:
    found = sites("module.exports = { presets: [['classic', { docs: false, blog: { path: '../posts' } }]] }")
    assert set(found) == {"/r/posts", "/r/website/src"}


def test_settings_of_the_theme_are_no_folders() -> None:
    assert "/r/website/docs" in sites("module.exports = { themeConfig: { docs: { path: 'x' }, blog: false } }")


def test_versions_are_served_below_the_documents_and_the_first_in_their_place() -> None:
    found = sites("module.exports = {}", '["2.0", "1.0", 3]')
    two, one = "/r/website/versioned_docs/version-2.0", "/r/website/versioned_docs/version-1.0"
    assert found[one].mounts[0] == Mount("docs/1.0", one)
    assert {Mount("docs", two), Mount("docs/2.0", two), Mount("docs/next", "/r/website/docs")} <= set(found[two].mounts)


def test_folders_of_versions_that_are_kept_elsewhere_are_read_but_for_what_begins_at_the_root() -> None:
    found = sites("module.exports = {}", '["2.0"]', "versioned_docs")
    assert found["/r/website/versioned_docs"].dialect.absolute == "unknown"
    assert found["/r/website/versioned_docs/version-2.0"].dialect.absolute == "known"


@pytest.mark.parametrize("versions", ["{", "{}", "[" * 100_000, "null", '"x"'])
def test_versions_that_make_no_sense_are_none(versions: str) -> None:
    assert set(sites("module.exports = {}", versions)) == {"/r/website/docs", "/r/website/blog", "/r/website/src"}


def test_what_is_not_translated_is_that_of_the_original() -> None:
    found = sites("module.exports = { i18n: { locales: ['en', 'fr'] } }", None, "i18n")
    french = "/r/website/i18n/fr/docusaurus-plugin-content-docs/current"
    assert found[french].mounts[:2] == (Mount("docs", french), Mount("docs", "/r/website/docs"))
    assert found["/r/website/i18n"].dialect.absolute == "unknown"


def test_a_slash_at_the_end_of_all_addresses_makes_links_relative_to_the_page() -> None:
    assert sites("module.exports = { trailingSlash: true }")["/r/website/docs"].dialect.page_relative
    assert not sites("module.exports = { trailingSlash: false }")["/r/website/docs"].dialect.page_relative


@pytest.mark.parametrize(
    "target", ["/old", "/old/#x", "/blog/tags/a", "/docs/category/b", "@theme/Tabs", "/blog/page/2"]
)
def test_what_plugins_make_is_not_judged(target: str) -> None:
    unjudged = sites("module.exports = { plugins: [['x', { redirects: [{ from: '/old' }] }]] }")[
        "/r/website/docs"
    ].dialect
    assert unjudged.unjudged
    assert unjudged.unjudged.search(target)
    assert not unjudged.unjudged.search("/older")


@pytest.mark.parametrize("program", ["{from:'/a'}," * 80_000, "[" * 1_000_000, "({docs:{path:'a" * 60_000])
def test_a_hostile_program_is_read_in_time(program: str) -> None:
    start = time.process_time()
    sites(program)
    assert time.process_time() - start < 3

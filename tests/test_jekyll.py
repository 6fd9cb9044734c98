"""What Jekyll's settings say of a site, and under which addresses its pages are found."""

from __future__ import annotations

import pytest

from mdcache.dialects import Marked, Mount, jekyll
from mdcache.dialects.jekyll import Addresses
from mdcache.dialects.site import Site


def sites(text: str, name: str = "_config.yml", names: tuple[str, ...] = ()) -> list[Site]:
    return list(jekyll.sites(Marked("/s", name, frozenset(names), {name: text})))


def test_a_line_that_names_a_theme_makes_a_site() -> None:
    (site,) = sites("theme: jekyll-theme-minimal")
    assert (site.docs, site.marker, site.mounts) == ("/s", "/s/_config.yml", (Mount("", "/s"),))
    assert (site.dialect.ids, site.dialect.numbers) == ("kramdown-gfm", "count")


@pytest.mark.parametrize(
    ("text", "docs", "prefix", "ids"),
    [
        ("source: docs\nbaseurl: /base/", "/s/docs", "base", "kramdown-gfm"),
        ("kramdown: {input: kramdown}", "/s", "", "kramdown"),
        ("markdown: CommonMarkGhPages", "/s", "", "github"),
        ("- [", "/s", "", "kramdown-gfm"),
        ("kramdown: 1\ncollections: [a]\ndefaults: x\nbaseurl: [1]", "/s", "", "kramdown-gfm"),
    ],
)
def test_settings_decide_where_and_how_it_is_read(text: str, docs: str, prefix: str, ids: str) -> None:
    (site,) = sites(text)
    assert (site.docs, site.prefix, site.dialect.ids) == (docs, prefix, ids)


def test_other_programs_have_files_of_this_name() -> None:
    assert sites("new_post_name: :title.md") == []
    assert sites("title: A book", names=("_toc.yml",)) == []


@pytest.mark.parametrize(
    ("path", "fields", "addresses"),
    [
        ("docs/a.md", {}, []),
        ("docs/a.md", {"permalink": "/guide/a/"}, ["/guide/a", "a"]),
        ("docs/a.md", {"permalink": "/guide/a.html"}, ["/guide/a", "a"]),
        ("docs/a.md", {"redirect_from": ("/old", "/older.html")}, ["/old", "/older"]),
        ("docs/a.md", {"redirect_from": "/help/index.html"}, ["/help"]),
        ("_docs/sub/a.md", {}, ["/docs/sub/a", "a"]),
        ("_learn/a.md", {"slug": "b"}, ["/learn/b", "b"]),
        ("_posts/2024-05-01-a.md", {}, ["/2024/05/01/a", "a", "/_posts/2024-05-01-a"]),
        ("x/_posts/2024-5-1-a.md", {"categories": "Y z"}, ["/x/y/z/2024/05/01/a", "a", "/_posts/2024-5-1-a"]),
        ("_posts/2024-05-01-a.md", {"date": "2024-06-02"}, ["/2024/06/02/a", "a", "/_posts/2024-05-01-a"]),
        ("_drafts/a.md", {}, ["/_posts/a"]),
    ],
)
def test_a_page_is_found_by_its_permalink(path: str, fields: dict[str, str], addresses: list[str]) -> None:
    assert list(Addresses((("learn", "/learn/:title/"),))(path, fields)) == addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("permalink: pretty", "/2024/05/01/a"),
        ("permalink: ordinal", "/2024/122/a"),
        ("permalink: /:year/:i_month/:title.html", "/2024/5/a"),
        ("permalink: none", "/a"),
        ("defaults: [{scope: {type: posts}, values: {permalink: /news/:title/}}]", "/news/a"),
        ("permalink: none\ncollections: {posts: {permalink: '/:short_year/:slug'}}", "/24/a"),
    ],
)
def test_settings_say_what_a_permalink_is_made_of(text: str, address: str) -> None:
    assert next(iter(sites(text)[0].dialect.addresses("_posts/2024-05-01-a.md", {}))) == address


def test_collections_may_lie_in_a_folder_of_their_own() -> None:
    addresses = sites("collections_dir: all")[0].dialect.addresses
    assert next(iter(addresses("all/_docs/a.md", {}))) == "/docs/a"

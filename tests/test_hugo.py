"""What Hugo's own files say of a site, and under which addresses its pages are found."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import Marked, Mount, hugo
from mdcache.dialects.hugo import Addresses
from mdcache.dialects.site import Site


def all_sites(texts: dict[str, str], names: tuple[str, ...] = ("content",)) -> list[Site]:
    return list(hugo.sites(Marked("/s", next(iter(texts)), frozenset(names), texts)))


def sites(texts: dict[str, str], names: tuple[str, ...] = ("content",)) -> list[Site]:
    """Return the sites but the last, which holds what lies beside the pages."""
    return all_sites(texts, names)[:-1]


def test_what_lies_beside_the_pages_is_read_as_on_github_and_finds_addresses_of_the_site() -> None:
    beside = all_sites({"hugo.toml": 'baseURL = "https://x.org/docs/"'})[-1]
    assert (beside.dialect.name, beside.docs, beside.dialect.absolute) == ("github", "/s", "unknown")
    assert next(iter(beside.rooted("docs/a"))) == "s/content/a"


def test_pages_lie_below_content_and_files_below_static_and_assets() -> None:
    (site,) = sites({"hugo.toml": 'baseURL = "https://x.org/docs/"'})
    assert (site.docs, site.prefix, site.marker) == ("/s/content", "docs", "/s/hugo.toml")
    assert site.mounts == (Mount("", "/s/content"), Mount("", "/s/static"), Mount("", "/s/assets"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hugo.yaml", "contentDir: pages\nuglyURLs: true\nmarkup: {goldmark: {parser: {autoHeadingIDType: blackfriday}}}"),  # noqa: E501
        ("config.json", '{"contentdir": "pages", "uglyurls": true, "markup": {"goldmark": {"parser": {"autoIDType": "blackfriday"}}}}'),  # noqa: E501
        ("config/_default/hugo.toml", 'contentDir = "pages"\nuglyURLs = true\nmarkup.goldmark.parser.autoIDType = "blackfriday"'),  # noqa: E501
    ],
)  # fmt: skip
def test_settings_say_the_same_in_each_format(name: str, text: str) -> None:
    (site,) = sites({name: text})
    assert (site.docs, site.dialect.html_pages, site.dialect.ids) == ("/s/pages", True, "blackfriday")


def test_settings_may_be_split_into_files() -> None:
    texts = {
        "config/_default/config.toml": "",
        "config/_default/languages.toml": '[en]\ncontentDir = "content/en"\n[fr]\ncontentDir = "content/fr"',
        "config/_default/markup.yaml": "goldmark: {parser: {autoIDType: github-ascii}}",
    }
    english, french = sites(texts)
    assert (english.docs, french.docs) == ("/s/content/en", "/s/content/fr")
    assert list(french.rooted("en/a")) == [
        "s/content/fr/en/a",
        "s/content/en/en/a",
        "s/content/en/a",
        "s/static/en/a",
        "s/assets/en/a",
    ]
    assert english.dialect.ids == "hugo-ascii"


def test_pages_may_be_mounted() -> None:
    text = """
        [[module.mounts]]
        source = "content/en"
        target = "content"
        [[module.mounts]]
        source = "../api"
        target = "content/api"
        [[module.mounts]]
        source = "files"
        target = "static"
    """
    english, api = sites({"hugo.toml": text})
    assert (english.docs, api.docs) == ("/s/content/en", "/api")
    assert Mount("api", "/api") in english.mounts and Mount("", "/s/files") in english.mounts


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("config.toml", 'base_url = "https://x.org"\ntheme = "x"', ("content",)),
        ("config.toml", 'baseURL = "https://x.org"', ()),
        ("config.json", '{"port": 1}', ("content",)),
        ("config.yaml", "- [", ("content",)),
    ],
)
def test_other_programs_have_files_of_these_names(name: str, text: str, names: tuple[str, ...]) -> None:
    assert sites({name: text}, names) == []


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "a.b.c.d=1\n" * 20_000, 'languages = "x"\npermalinks = [1]\nmodule = 1\nmarkup = "y"', "\x00"],
)
def test_settings_that_make_no_sense_say_nothing(text: str) -> None:
    started = time.process_time()
    assert [site.docs for name in ("hugo.toml", "hugo.yaml", "hugo.json") for site in sites({name: text})] == [
        "/s/content"
    ] * 3
    assert time.process_time() - started < 2


def test_pages_of_other_modules_leave_absolute_links_alone() -> None:
    text = '[[module.imports]]\npath = "x"\n[[module.imports.mounts]]\nsource = "docs"\ntarget = "content/x"'
    assert sites({"hugo.toml": text})[0].dialect.absolute == "unknown"


@pytest.mark.parametrize(
    ("path", "fields", "addresses"),
    [
        ("a/b.md", {}, []),
        ("a/b.md", {"slug": "c"}, ["/a/c"]),
        ("a/b/index.md", {"slug": "c"}, ["/a/c"]),
        ("a/b/_index.md", {"url": "/x/"}, ["/x/"]),
        ("a/b.md", {"aliases": ("/old/", "older")}, ["/old/", "/a/older"]),
        ("a/My Page.md", {}, ["/a/my-page"]),
        ("a/b.fr.md", {}, ["/a/b"]),
        ("a/b.v2.md", {}, []),
        ("a/_index.fr.md", {}, ["/a"]),
        ("blog/2024-01-02-x.md", {"date": "2024-05-06", "slug": ""}, ["/2024/05/x"]),
        ("blog/x/index.md", {"date": "2024-05-06", "slug": "y"}, ["/blog/y", "/2024/05/y"]),
        ("blog/x.md", {}, []),
        ("news/a.md", {"title": "It's New!"}, ["/n/its-new"]),
    ],
)
def test_a_page_is_found_by_what_its_front_matter_says(path: str, fields: dict[str, str], addresses: list[str]) -> None:
    of = Addresses((("blog", "/:year/:month/:slugorfilename/"), ("news", "/n/:title/")), ("en", "fr"))
    assert list(of(path, fields)) == addresses


@pytest.mark.parametrize(
    ("target", "is_made"),
    [
        ("/tags/go/", True),
        ("/fr/topics/x", True),
        ("/index.xml", True),
        ("page/2/", True),
        ("/docs/tags.md", False),
        ("/docs/", False),
        ("../a.md", False),
    ],
)
def test_what_hugo_makes_of_no_file_is_not_judged(target: str, is_made: bool) -> None:
    texts = {"hugo.toml": '[taxonomies]\ntag = "tags"\ntopic = "topics"'}
    unjudged = sites(texts)[0].dialect.unjudged
    assert unjudged and bool(unjudged.search(target)) is is_made


def test_what_a_hook_asks_for_by_name_is_no_address() -> None:
    hook = '{{ if eq $u.String "g" }}{{ else if eq .Destination "term" }}'
    names = sites({"hugo.toml": "", "layouts/_markup/render-link.html": hook})[0].dialect.names
    assert names and [target for target in ("g", "term", "goo", "a/g") if names.fullmatch(target)] == ["g", "term"]
    assert sites({"hugo.toml": ""})[0].dialect.names is None


@pytest.mark.parametrize(
    ("texts", "any_case"),
    [
        ({"hugo.toml": ""}, False),
        ({"hugo.toml": "", "layouts/_default/_markup/render-link.html": "{{ with .PageInner.GetPage $path }}"}, True),
    ],
)
def test_a_hook_that_asks_for_pages_finds_them_whatever_the_case(texts: dict[str, str], any_case: bool) -> None:
    assert sites(texts)[0].dialect.any_case is any_case

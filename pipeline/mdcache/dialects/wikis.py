"""The wikis of GitHub and GitLab: folders of pages that are called by their names, with a `Home.md` or `home.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect, Fields
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site


def hyphenated(path: str, fields: Fields) -> Iterator[str]:  # noqa: ARG001
    """Yield the name of a page with hyphens for its spaces, as its address has it."""
    name = path.rpartition("/")[2].rpartition(".")[0]
    if " " in name:
        yield name.replace(" ", "-")


GITHUB_WIKI = GITHUB._replace(
    name="github-wiki",
    title="GitHub wiki",
    any_case=True,
    by_name=True,
    absolute="unknown",
    addresses=hyphenated,
    wikilinks="label-first",
    wikilinks_begin=("folder", "anywhere"),
    hyphens_for_spaces=True,
    nearest="first",
    aliases=False,
    unwritten=True,
    # What lies above the wiki is served by the repository: `../issues`. Pages may be taken into others.
    unjudged=re.compile(r"^(?:\.\./|include:)"),
    percent_comments=False,
)
GITLAB_WIKI = Dialect(
    name="gitlab-wiki",
    title="GitLab wiki",
    from_docs_too=True,
    ids="gitlab",
    other_ids=("github",),
    image_text_in_ids=True,
    wikilinks="label-first",
    wikilinks_begin=("root", "folder"),
    exact_names=True,
    aliases=False,
    unwritten=True,
    unjudged=re.compile(r"^(?:wiki_page:|/?uploads/)"),
    made_places=GITHUB.made_places,
    percent_comments=False,
)


def _github(marked: Marked) -> Iterator[Site]:
    if _is_wiki(marked) or not marked.names.isdisjoint(("_Sidebar.md", "_Footer.md")):
        yield Site(GITHUB_WIKI, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


def _gitlab(marked: Marked) -> Iterator[Site]:
    if _is_wiki(marked):
        yield Site(GITLAB_WIKI, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


def _is_wiki(marked: Marked) -> bool:
    """Return whether a folder is called as a clone of a wiki is."""
    return marked.home.endswith(".wiki")


GITHUB_KIND = Kind(GITHUB_WIKI, markers=("Home.md",), texts=("_Sidebar.md", "_Footer.md"), sites=_github)
GITLAB_KIND = Kind(GITLAB_WIKI, markers=("home.md",), texts=(), sites=_gitlab)

"""GitLab's own pages: what a reader of a repository there sees."""

from __future__ import annotations

from collections.abc import Iterator

from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site

GITLAB = GITHUB._replace(
    name="gitlab",
    title="GitLab",
    from_docs_too=True,
    ids="gitlab",
    other_ids=("github",),
    image_text_in_ids=True,
)


def _sites(marked: Marked) -> Iterator[Site]:
    if ".github" not in marked.names:  # it lies there, too, and that is where it is read
        yield Site(GITLAB, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(GITLAB, markers=(".gitlab-ci.yml", ".gitlab/"), texts=(".github",), sites=_sites, is_editor=True)

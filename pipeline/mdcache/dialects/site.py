"""A site or vault in the tree: where it lies, and what its own files say of how it is read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from mdcache.dialects.dialect import Dialect

LANGUAGE = "*"
"""The prefix of a mount that stands for any language: `/de/x` and `/pt-br/x`."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z]{2,4})?")


class Mount(NamedTuple):
    """A folder whose files the site serves: `/prefix/x` is `folder/x`. Both are without slashes at their ends."""

    prefix: str
    folder: str


class Site(NamedTuple):
    """A site, with its dialect as its own settings have it. Paths are relative to the base; '' is the base.

    docs: the folder of its documents. marker: the file by which it was found; '' when settings named the dialect.
    mounts: where `/x` begins, in this order; the first is that of the pages. prefix: what an address may begin with
    before that, as the path of the base URL; none has slashes at its ends. untranslated: an expression that finds the
    folder of a language in a path below docs, and the one of the language that is shown where a page is not translated.
    """

    dialect: Dialect
    docs: str
    marker: str = ""
    mounts: tuple[Mount, ...] = ()
    prefix: str = ""
    untranslated: tuple[str, str] = ("", "")

    def rooted(self, path: str) -> Iterator[str]:
        """Yield where `/path` may lie: below each mount, with the base URL's path cut off and as it is."""
        for written in self._without_prefix(path):
            for prefix, folder in self.mounts:
                if (rest := _below(written, prefix)) is not None:
                    yield f"{folder}/{rest}".strip("/")

    def original(self, path: str) -> str | None:
        """Return the path of what is shown in place of path where that is not translated; None when it is itself."""
        pattern, folder = self.untranslated
        if not pattern or not path.startswith(self.docs):
            return None
        below = path[len(self.docs) :].lstrip("/")
        shown = re.sub(pattern, folder, below, count=1)
        if shown == below:
            return None
        return f"{self.docs}/{shown}" if self.docs else shown

    def addresses_of(self, path: str) -> Iterator[str]:
        """Yield the addresses of the page at path, which has no extension: where it is served from, and what it is
        called below that. Relative links begin in its folder: that of an index is the address itself."""
        for prefix, folder in self.mounts:
            below = _below(path, folder)
            if below is not None and prefix != LANGUAGE:
                yield f"{prefix}/{below}".strip("/")
                index = f"/{self.dialect.index_names[0]}" if self._is_index(below) else ""
                for one in self.dialect.addresses(below, {}):
                    yield f"{prefix}/{one.strip('/')}{index}".strip("/")

    def _is_index(self, path: str) -> bool:
        above, _, name = path.lower().rpartition("/")
        own = self.dialect.own_name_is_index and name == above.rpartition("/")[2]
        return own or name in self.dialect.index_names

    def _without_prefix(self, path: str) -> Iterator[str]:
        rest = _below(path, self.prefix) if self.prefix else None
        if rest is not None:
            yield rest
        yield path

    def is_part(self, path: str) -> bool:
        """Return whether other pages take in the document at path."""
        return bool(self.dialect.parts and self.dialect.parts.search(path[len(self.docs) :].lstrip("/")))

    def facts(self) -> tuple[object, ...]:
        """Return plain values that differ when what it says differs."""
        return (self.docs, self.mounts, self.prefix, self.untranslated, tuple(map(_plain, self.dialect)))


def _plain(value: object) -> object:
    if isinstance(value, re.Pattern):
        return repr(value.pattern)
    if isinstance(value, frozenset):
        return tuple(sorted(value))
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if value is None or isinstance(value, str | bool):
        return value
    return getattr(value, "__qualname__", repr(value))


def _below(path: str, prefix: str) -> str | None:
    """Return what follows a prefix of whole components; None when the path does not begin with it."""
    if not prefix:
        return path
    if prefix == LANGUAGE:
        language, slash, rest = path.partition("/")
        return rest if slash and _LANGUAGE.fullmatch(language) else None
    if path == prefix:
        return ""
    return path[len(prefix) + 1 :] if path.startswith(prefix + "/") else None


class Marked(NamedTuple):
    """A folder with a marker: where it is, the names in it, and what the files hold that a kind of site asked for.

    home is absolute, as are the paths of the sites that are made of it, until they are based. texts: by their paths
    relative to the folder; a file that is not there, too long or not UTF-8 is none. marker: the one that was found.
    """

    home: str
    marker: str
    names: frozenset[str]
    texts: Mapping[str, str]

    def at(self, path: str) -> str:
        """Return a path relative to the folder as an absolute one."""
        return posixpath.normpath(posixpath.join(self.home, path.replace("\\", "/")))


class Kind(NamedTuple):
    """A kind of site: its dialect, and how its sites are found.

    markers: names by one of which a folder shows that a site is there: paths relative to it, of folders with a slash
    at the end. texts: files that sites() may look into, `a/*` all in a. sites: returns the sites that a marked folder
    holds, with absolute paths; nothing when the marker belongs to something else. is_editor: documents are written
    or kept with it, and may be those of a site that another program builds of them.
    """

    dialect: Dialect
    markers: tuple[str, ...]
    texts: tuple[str, ...]
    sites: Callable[[Marked], Iterable[Site]]
    is_editor: bool = False


def based(site: Site, base: str) -> Site | None:
    """Return a site with paths relative to a base, an absolute folder; None when it holds nothing of it."""
    docs = _relative(site.docs, base)
    if docs is None:
        return None
    mounts = tuple(filter(None, (_based_mount(mount, base) for mount in site.mounts)))
    return site._replace(docs=docs, mounts=mounts, marker=posixpath.relpath(site.marker, base))


def _relative(folder: str, base: str) -> str | None:
    """Return a folder as a path relative to the base; '' when it holds the base; None when it lies elsewhere."""
    if folder == base or base.startswith(folder.rstrip("/") + "/"):
        return ""
    return folder[len(base.rstrip("/")) + 1 :] if folder.startswith(base.rstrip("/") + "/") else None


def _based_mount(mount: Mount, base: str) -> Mount | None:
    folder = _relative(mount.folder, base)
    if folder is None:
        return None
    above = posixpath.relpath(base, mount.folder) if not folder and mount.folder != base else ""
    return Mount(f"{mount.prefix}/{above}".strip("/"), folder)


class Sites(tuple[Site, ...]):
    """The sites of a tree. A tree may have as many as documents, and each link asks: what was found is remembered."""

    def __reduce__(self) -> tuple[type[Sites], tuple[tuple[Site, ...]]]:
        return Sites, (tuple(self),)

    @cached_property
    def _by_folder(self) -> dict[str, list[Site]]:
        found: dict[str, list[Site]] = {}
        for site in self:
            found.setdefault(site.docs, []).append(site)
        return found

    @cached_property
    def _known(self) -> dict[tuple[str, str], Site | None]:
        return {}

    def holding(self, path: str, name: str = "") -> Site | None:
        """Return the site whose docs folder holds the document at path; of several the one that lies deepest.

        name: that of the dialect which it must have; '' for any.
        """
        if not self:
            return None
        folder = path.rpartition("/")[0]
        key = folder, name
        if key not in self._known:
            self._known[key] = self._looked_up(folder, name)
        return self._known[key]

    def _looked_up(self, folder: str, name: str) -> Site | None:
        while True:
            for site in self._by_folder.get(folder, ()):
                if name in ("", site.dialect.name):
                    return site
            if not folder:
                return None
            folder = folder.rpartition("/")[0]

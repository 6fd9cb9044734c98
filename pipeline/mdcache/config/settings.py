"""Read what is to be cached, where, and how: command line over environment over settings file over default."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from mdcache import trusted
from mdcache.config import values
from mdcache.config.file import File, in_source, on_disk, settings_file, telling_nothing_of_files_elsewhere
from mdcache.config.policy import Policy
from mdcache.config.remembering import insist_on_own_state
from mdcache.config.values import Links, Watch
from mdcache.dialects import GITHUB, Dialect, Mount, Site, Sites
from mdcache.errors import UsageError
from mdcache.files.scan import Tree
from mdcache.files.sources import DISK, Reader, Source
from mdcache.model import AUTO, PathRule, Rules
from mdcache.names import name_of, text_of
from mdcache.paths import has_extension, lies_in
from mdcache.store import place
from mdcache.store.ddl import Schema, Script, fingerprint, schema
from mdcache.trusted import Doubt, Doubted

DEFAULT_DATABASE = ".mdcache/cache.db"

# More folders than this are not repeated to the user who has named them.
_FEW = 5


class Asked(NamedTuple):
    """What the command line and the environment say; None and () where they say nothing."""

    folder: str
    """The working folder: relative paths of the command line start here."""
    config: str | None = None
    database: str | None = None
    docs: tuple[str, ...] = ()


def _dialect(name: str) -> Dialect:
    if name == GITHUB.name:
        return GITHUB
    from mdcache.dialects.known import dialects

    return dialects()[name]


class Look:
    """The sites of trees, each looked for when it is first asked about. Who looks again makes another."""

    def __init__(self) -> None:
        self._found: dict[Tree, tuple[Site, ...]] = {}

    def at(self, tree: Tree) -> tuple[Site, ...]:
        """Return the sites of a tree."""
        if tree not in self._found:
            from mdcache.files import markers  # here, not at the top: to search, no site has to be known

            self._found[tree] = markers.sites(tree)
        return self._found[tree]


class Settings(NamedTuple):
    """All paths are absolute; those of folders and the database have their symbolic links resolved.

    roots: empty when nothing says which: ask the cache. named: the paths by which the roots were named, with the links
    that lead to them, sorted; empty where they are as good as the roots. asked: what the command line said.
    """

    file: str | None
    base: str
    roots: tuple[str, ...]
    database: str
    schema: Schema
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extensions: tuple[str, ...] = Rules().extensions
    size_limit: int = Rules().size_limit
    paths: tuple[PathRule, ...] = ()
    wikilinks: bool = Rules().wikilinks
    placeholders: tuple[str, ...] = Rules().placeholders
    watch: Watch = Watch()
    source: Source = DISK
    policy: Policy = Policy()
    named: tuple[str, ...] = ()
    asked: Asked | None = None
    dialect: str = AUTO
    links: Links = Links()
    look: Look | None = None

    def tree(self) -> Tree:
        more = tuple((site.docs, site.dialect.extensions) for site in self.sites() if site.dialect.extensions)
        return self._plain_tree()._replace(more=more)

    def _plain_tree(self) -> Tree:
        return Tree(self.base, self.roots, self.extensions, self.include, self.exclude, self.source)

    def sites(self) -> Sites:
        """Return the sites in the tree, with what the settings say of them. They are looked for once."""
        found = (self.look or Look()).at(self._plain_tree()) if self.roots else ()
        return Sites(map(self._as_said, found))

    def _as_said(self, site: Site) -> Site:
        roots = self.links.roots
        mounts = site.mounts if roots is None else tuple(Mount("", root) for root in roots)
        return site._replace(dialect=site.dialect.with_facets(self.links.facets), mounts=mounts)

    def _unsited(self) -> tuple[Site, ...]:
        first = GITHUB.name if self.dialect == AUTO else self.dialect
        names = dict.fromkeys((first, *(rule.dialect for rule in self.paths if rule.dialect)))
        mounts = tuple(Mount("", root) for root in self.relative_roots())
        return tuple(self._as_said(Site(_dialect(name), "", mounts=mounts)) for name in names)

    def reader(self) -> Reader:
        """Return the reader of the documents that a scan of the tree finds."""
        return self.source.reader(self.base)

    def rules(self) -> Rules:
        sites = self.sites()
        more = (extension for site in sites for extension in site.dialect.extensions)
        return Rules(
            extensions=tuple(dict.fromkeys((*self.extensions, *more))),
            roots=self.relative_roots(),
            size_limit=self.size_limit,
            paths=self.paths,
            wikilinks=self.wikilinks,
            placeholders=self.placeholders,
            dialect=self.dialect,
            sites=sites,
            unsited=self._unsited(),
            ignored=self.links.ignored,
            addresses=self.links.addresses,
        )

    def relative_roots(self) -> tuple[str, ...]:
        """Return the roots as paths of documents have them: '' for the base itself."""
        relative = (text_of(os.path.relpath(root, self.base)) for root in self.roots)
        return tuple(sorted("" if root == "." else root for root in relative))

    def fingerprint(self) -> str:
        rows = [
            self.relative_roots(),
            self.include,
            self.exclude,
            self.extensions,
            self.size_limit,
            self.paths,
            self.wikilinks,
            self.placeholders,
            self.dialect,
            self.links,
            tuple(site.facts() for site in (*self.sites(), *self._unsited())),
        ]
        return fingerprint(self.schema, rows)

    def with_roots(self, base: str, roots: tuple[str, ...], named: tuple[str, ...] = ()) -> Settings:
        return self._replace(base=base, roots=roots, named=named)

    def rebuild_command(self) -> str:
        """Return the command that builds a cache of the documents that the command line named."""
        asked = self.asked or Asked(".")
        docs = asked.docs if len(asked.docs) <= _FEW else ("DOCS",)
        options = {
            "-C": asked.folder if asked.folder != "." else None,
            "--config": asked.config,
            "--db": asked.database,
        }
        words = [word for option, value in options.items() if value for word in (option, value)]
        return shlex.join(("mdcache", "rebuild", *words, *docs))


def load(
    asked: Asked, environment: Mapping[str, str], source: Source = DISK, doubted: Doubted = trusted.insist
) -> Settings:
    """Return the settings, found, read and checked. Raises UsageError for anything that is wrong with them.

    Args:
        asked: what the command line says.
        environment: what else says it.
        source: where the documents come from. What it holds of the settings file and of schema files counts.
        doubted: called for what does not count by itself; by default it raises for what the user has not allowed.
    """
    folder = _working_folder(asked.folder)
    insist_on_own_state(folder)
    file = _checked(settings_file(folder, asked.config or environment.get("MDCACHE_CONFIG"), source, doubted))
    said = file.values
    named = _named(asked, folder, file)
    roots = tuple(sorted({source.resolved(name) for name in named}))
    defaults = Rules()
    extensions = tuple(values.extension(file, one) for one in said.get("extensions", defaults.extensions))
    return Settings(
        file=file.name,
        base=_base(file, roots, folder),
        roots=roots,
        database=_database(asked.database or environment.get("MDCACHE_DB"), folder, file, roots, extensions),
        schema=schema(tuple(_script(file, name) for name in said.get("schema", ()))),
        include=values.patterns(file, "include"),
        exclude=values.patterns(file, "exclude"),
        extensions=extensions,
        size_limit=said.get("size_limit", defaults.size_limit),
        paths=tuple(values.path_rule(file, rule) for rule in said.get("paths", ())),
        wikilinks=said.get("wikilinks", defaults.wikilinks),
        placeholders=tuple(said.get("placeholders", defaults.placeholders)),
        watch=values.watch(file, said.get("watch", {})),
        source=source,
        dialect=said.get("dialect", AUTO),
        links=values.links(file, said.get("links", {})),
        look=Look(),
        policy=values.policy(file, said.get("check", {})),
        named=named if named != roots else (),
        asked=asked,
    )


def _working_folder(name: str) -> str:
    try:
        folder = os.path.realpath(name)
    except OSError as error:  # it counts from a working folder that was removed
        raise UsageError(f"the working folder cannot be found ({error.strerror}): start again in another") from error
    if not os.path.isdir(folder):
        raise UsageError(f"no such folder: {name}")
    return folder


def _checked(file: File) -> File:
    with telling_nothing_of_files_elsewhere(file):
        values.check(file)
    return file.bound_to_links()


def _named(asked: Asked, folder: str, file: File) -> tuple[str, ...]:
    """Return the absolute paths of the roots as they were named, sorted.

    A link that leads to the working folder is none of their names: the cache lies behind it, too.
    """
    if asked.docs:
        found = {_as_named(os.path.join(folder, doc)) for doc in asked.docs}
    elif file.name:
        docs = file.values.get("docs", ["."])
        for doc in docs:
            file.inside("docs", doc)
        found = {_as_named(os.path.join(file.home, name_of(doc))) for doc in docs}
    else:
        found = set()
    return tuple(sorted(found))


def _as_named(path: str) -> str:
    """Return an absolute path with its links, but those before a '..': that leads to the folder above their targets."""
    head, dots, tail = f"{path}/".rpartition("/../")
    return os.path.normpath(os.path.join(os.path.realpath(head + dots), tail) if dots else path)


def _base(file: File, roots: tuple[str, ...], folder: str) -> str:
    """Return the settings file's folder; without settings, or when a root lies outside it, the roots' common folder."""
    if file.name and all(lies_in(root, file.home) for root in roots):
        return file.home
    return os.path.commonpath(roots) if roots else folder


def _database(named: str | None, folder: str, file: File, roots: tuple[str, ...], extensions: tuple[str, ...]) -> str:
    """Return the path of the cache; one that is found is doubted where somebody else has put it, or its folder.

    Raises:
        UsageError: a scan would take a file of its own for a document.
        WorkError: such a file is there, and not ours.
    """
    if named:
        found = os.path.realpath(os.path.join(folder, named))
    else:
        found = file.inside("database", file.values.get("database", DEFAULT_DATABASE))
        for one in place.found_with(found):
            if whose := trusted.stranger(one):
                file.doubted(
                    Doubt(one, f"it belongs to {whose}", None, "or name another cache with --db", is_cache=True)
                )
    for own in sorted(place.own_files(found)):
        if has_extension(own, extensions) and any(lies_in(own, root) for root in roots):
            place.judge(found)  # what is somebody else's is called so
            raise UsageError(f"{own} would be read as a document: name another cache with --db")
    return found


def _script(file: File, name: str) -> Script:
    path = file.inside("schema", name)
    if os.path.exists(path) and not os.path.isfile(path):
        raise file.refused(f"the schema file {name} is no file")
    found = in_source(path, file.source)
    if not found and file.source.came_later(path):
        raise file.refused(f"the schema file {name} is none of theirs yet")
    found = found or on_disk(path)
    if found.stranger and not file.is_named:
        file.doubted(Doubt(path, f"it belongs to {found.stranger}", found.sha256))
    if b"\0" in found.raw:
        raise file.refused(f"the schema file {name} has a NUL")
    try:
        return Script(name, found.raw.decode())
    except UnicodeDecodeError as error:
        raise file.refused(f"the schema file {name} is not UTF-8") from error

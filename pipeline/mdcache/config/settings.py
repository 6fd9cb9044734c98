"""Read what is to be cached, where, and how: command line over environment over settings file over default.

A settings file that was found by walking up, not named, may come with a cloned repository, or lie in a folder where
others write, too: it counts only if it is ours, and speaks only for its own folder, unless the user has allowed more.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any, NamedTuple

from mdcache import trusted
from mdcache.codes import CODES
from mdcache.config import toml
from mdcache.config.policy import OFF, Policy, Rule, Verdict
from mdcache.errors import UsageError
from mdcache.files.scan import Tree
from mdcache.files.sources import DISK, Reader, Source
from mdcache.model import ERROR, LARGEST, WARNING, PathRule, Rules
from mdcache.names import name_of, text_of
from mdcache.paths import has_extension, lies_in, up
from mdcache.patterns import COST_LIMIT, Patterns
from mdcache.store import place
from mdcache.store.ddl import Schema, Script, fingerprint, schema
from mdcache.trusted import Doubt, Doubted

FILE_NAME = "mdcache.toml"
_PROJECT = "pyproject.toml"
DEFAULT_DATABASE = ".mdcache/cache.db"

_LISTS = ("docs", "include", "exclude", "extensions", "schema", "placeholders", "immutable")
_KEYS = (*_LISTS, "database", "size_limit", "wikilinks", "paths", "watch", "check")
# Bytes of a schema file, and of a settings file. A clone's may be as large as a disk.
_LONGEST = 1_000_000
# How many there may be of what is looked at for each document, link or problem, and for a rule of [check.rules].
_MOST = {
    **dict.fromkeys(("docs", "include", "exclude", "immutable"), 1000),
    **dict.fromkeys(("paths", "check.paths"), 200),
    **dict.fromkeys(("extensions", "schema", "placeholders", "check.rules"), 100),
}
# Characters of a path, pattern or name in the settings: no system has longer paths.
_LONGEST_TEXT = 4096
# Characters of a message that repeats what the settings say.
_LONGEST_MESSAGE = 1000
# More folders than this are not repeated to the user who has named them.
_FEW = 5
_PATH_KEYS = ("pattern", "type", "domain", "layer")


class Asked(NamedTuple):
    """What the command line and the environment say; None and () where they say nothing."""

    folder: str
    """The working folder: relative paths of the command line start here."""
    config: str | None = None
    database: str | None = None
    docs: tuple[str, ...] = ()


class Watch(NamedTuple):
    """How a watcher behaves: it changes no row.

    debounce_ms: how long files must have been quiet (at most ten times as long after the first change, or two seconds);
    reconcile_s: after how long everything is compared, whatever was announced; poll_s: how often without an observer.
    """

    debounce_ms: float = 200
    reconcile_s: float = 300
    poll_s: float = 2


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

    def tree(self) -> Tree:
        return Tree(self.base, self.roots, self.extensions, self.include, self.exclude, self.source)

    def reader(self) -> Reader:
        """Return the reader of the documents that a scan of the tree finds."""
        return self.source.reader(self.base)

    def rules(self) -> Rules:
        return Rules(
            self.extensions, self.relative_roots(), self.size_limit, self.paths, self.wikilinks, self.placeholders
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
    try:
        folder = os.path.realpath(asked.folder)
    except OSError as error:  # it counts from a working folder that was removed
        raise UsageError(f"the working folder cannot be found ({error.strerror}): start again in another") from error
    if not os.path.isdir(folder):
        raise UsageError(f"no such folder: {asked.folder}")
    file = _settings_file(folder, asked.config or environment.get("MDCACHE_CONFIG"), source, doubted)
    values = file.values
    named = _named(asked, folder, file)
    roots = tuple(sorted({os.path.realpath(name) for name in named}))
    defaults = Rules()
    extensions = tuple(_extension(file, one) for one in values.get("extensions", defaults.extensions))
    return Settings(
        file=file.name,
        base=_base(file, roots, folder),
        roots=roots,
        database=_database(asked.database or environment.get("MDCACHE_DB"), folder, file, roots, extensions),
        schema=schema(tuple(_script(file, name) for name in values.get("schema", ()))),
        include=_patterns(file, "include"),
        exclude=_patterns(file, "exclude"),
        extensions=extensions,
        size_limit=values.get("size_limit", defaults.size_limit),
        paths=tuple(_path_rule(file, rule) for rule in values.get("paths", ())),
        wikilinks=values.get("wikilinks", defaults.wikilinks),
        placeholders=tuple(values.get("placeholders", defaults.placeholders)),
        watch=_watch(file, values.get("watch", {})),
        source=source,
        policy=_policy(file, values.get("check", {})),
        named=named if named != roots else (),
        asked=asked,
    )


class _File(NamedTuple):
    """A settings file whose values have the right types; without any, name is None and values is empty.

    home is the folder where it stands, links resolved; is_named: not found, so it may speak for other folders; sha256:
    of its bytes in the source, and of where links lead outside; doubted: called for what it may not decide by itself.
    """

    name: str | None
    home: str
    is_named: bool
    values: dict[str, Any]
    source: Source
    sha256: str
    doubted: Doubted

    def inside(self, key: str, path: str) -> str:
        """Return the absolute form of a path in the settings; it is doubted when the file may not name it by itself."""
        full, plain = self.target(path)
        if not self.is_named and not lies_in(full, self.home):
            why = f"'{key}' leads outside its folder ({path}{'' if full == plain else f', a link to {full}'})"
            if not self.name:
                raise self.refused(f"{why}: name it with --db")
            self.doubted(Doubt(self.name, why, self.sha256, _BY_NAME))
        return full

    def target(self, path: str) -> tuple[str, str]:
        """Return the absolute form of a path in the settings, with its links resolved and without."""
        full = os.path.join(self.home, name_of(path))
        return os.path.realpath(full), os.path.normpath(full)

    def bound_to_links(self) -> _File:
        """Return it with a hash of its bytes and of where links lead outside its folder: they may change without it."""
        database = self.values.get("database")
        paths = (*self.values.get("docs", ()), *self.values.get("schema", ()), *((database,) if database else ()))
        outside = {full for full, plain in map(self.target, paths) if full != plain and not lies_in(full, self.home)}
        if self.is_named or not outside:
            return self
        return self._replace(sha256=trusted.digest(b"\0".join(map(os.fsencode, (self.sha256, *sorted(outside))))))

    def refused(self, message: str) -> UsageError:
        return UsageError(f"{self.name or self.home}: {_shortened(message)}")


def _shortened(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[: _LONGEST_MESSAGE // 2]}…{message[-_LONGEST_MESSAGE // 2 :]}"


_BY_NAME = "or name the file with --config to trust it"


def _settings_file(folder: str, named: str | None, source: Source, doubted: Doubted) -> _File:
    found = _on_disk(os.path.join(folder, named)) if named else _find(folder, doubted)
    if not found:
        return _File(None, folder, False, {}, source, "", doubted)
    if found.stranger and not named:
        doubted(_of_stranger(found.name, found.stranger, found.sha256))
    home = os.path.realpath(os.path.dirname(found.name))
    in_source = _in_source(os.path.join(home, os.path.basename(found.name)), source) or found
    with _telling_nothing_of_files_elsewhere(found.name, home, bool(named)):
        values = _values(in_source, found)
        file = _File(found.name, home, bool(named), values, source, in_source.sha256, doubted)
        for key, value in values.items():
            _check(file, key, value)
    return file.bound_to_links()


def _of_stranger(name: str, stranger: str, sha256: str | None) -> Doubt:
    return Doubt(name, f"it belongs to {stranger}", sha256, _BY_NAME)


@contextmanager
def _telling_nothing_of_files_elsewhere(name: str, home: str, is_named: bool) -> Iterator[None]:
    """A clone may bring a link in place of settings, to any file of the user's: what that holds is shown to nobody."""
    try:
        yield
    except UsageError as error:
        target = os.path.realpath(name)
        if is_named or lies_in(target, home):
            raise
        raise UsageError(f"{name} leads to {target}, which holds no settings: --config {target} says why") from error


def _find(folder: str, doubted: Doubted) -> trusted.File | None:
    """Return the nearest settings file, walking up; None without one."""
    for one in up(folder):
        own, project = os.path.join(one, FILE_NAME), os.path.join(one, _PROJECT)
        if os.path.isfile(own):
            try:
                return _on_disk(own)
            except UsageError:
                if whose := trusted.stranger(own):
                    doubted(_of_stranger(own, whose, None))
                raise
        if os.path.isfile(project) and (found := _project(project)):
            return found
    return None


def _project(name: str) -> trusted.File | None:
    """Return a pyproject.toml if it has a table of ours; None when it has not, or somebody else's cannot be read.

    Without the word there is no table of ours, and somebody else's broken file is none of our business.
    """
    try:
        found = _on_disk(name)
    except UsageError:
        if trusted.stranger(name):
            return None
        raise
    if b"mdcache" not in found.raw:
        return None
    try:
        return found if "mdcache" in _tools(found) else None
    except UsageError:
        if found.stranger:
            return found  # that it belongs to somebody else is told first
        raise


def _in_source(name: str, source: Source) -> trusted.File | None:
    """Return what the source holds under this name in place of the disk; None where that counts. Raises UsageError."""
    raw = None if source is DISK else next(source.texts((name,), _LONGEST + 1))
    return None if raw is None else _bounded(trusted.File(name, raw, trusted.stranger(name)))


def _on_disk(name: str) -> trusted.File:
    """Return what a name leads to on disk. Raises UsageError."""
    try:
        return _bounded(trusted.read(name, _LONGEST + 1))
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error


def _bounded(file: trusted.File) -> trusted.File:
    return _no_longer(file, _LONGEST)


def _no_longer(file: trusted.File, at_most: int) -> trusted.File:
    if len(file.raw) > at_most:
        raise UsageError(f"{file.name} is longer than {at_most // 1_000_000} MB")
    return file


def _values(file: trusted.File, on_disk: trusted.File) -> dict[str, Any]:
    if os.path.basename(file.name) != _PROJECT:
        return _toml(file)
    # Of what the source has of it the table may be no part yet.
    found = _tools(file).get("mdcache", _tools(on_disk).get("mdcache"))
    if not isinstance(found, dict):
        raise UsageError(f"{file.name} has no table [tool.mdcache]")
    return found


def _tools(file: trusted.File) -> dict[str, Any]:
    tools = _toml(file).get("tool")
    return tools if isinstance(tools, dict) else {}


def _toml(file: trusted.File) -> dict[str, Any]:
    try:
        return toml.loads(_no_longer(file, _LONGEST).raw)
    except ValueError as error:  # no TOML, no UTF-8, or a number of a million digits
        raise UsageError(f"{file.name} is not valid TOML: {_shortened(str(error))}") from error


def _check(file: _File, key: str, value: Any) -> None:
    if key not in _KEYS:
        raise file.refused(f"no setting is called '{key}'{_meant(key, _KEYS)}")
    if key in _LISTS and not (isinstance(value, list) and all(map(_is_short, value))):
        raise file.refused(f"'{key}' must be a list of strings, of {_LONGEST_TEXT:,} characters at most")
    if isinstance(value, list):
        _make_sure_they_are_few(file, key, value)
    if key in ("docs", "extensions") and not value:
        raise file.refused(f"'{key}' is empty")
    if key == "database" and not (_is_short(value) and value):
        raise file.refused("'database' must be a path")
    if key == "size_limit" and not (type(value) is int and 0 < value <= LARGEST):
        raise file.refused(f"'size_limit' must be a number of bytes, at most {LARGEST}")
    if key == "wikilinks" and not isinstance(value, bool):
        raise file.refused("'wikilinks' must be true or false")
    if key == "paths" and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        raise file.refused("'paths' must be a list of tables: [[paths]]")
    if key == "paths":
        _make_sure_they_are_cheap(file, key, (item["pattern"] for item in value if _is_short(item.get("pattern"))))
    if key in ("watch", "check") and not isinstance(value, dict):
        raise file.refused(f"'{key}' must be a table: [{key}]")


def _make_sure_they_are_few(file: _File, key: str, values: Sized) -> None:
    if len(values) > _MOST.get(key, len(values)):
        raise file.refused(f"'{key}' has {len(values):,} entries, and may have {_MOST[key]:,}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_short(value: Any) -> bool:
    return _is_text(value) and len(value) <= _LONGEST_TEXT


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word[:_LONGEST_TEXT], known, 1)
    return f": did you mean '{close[0]}'?" if close else f": there are {', '.join(known)}"


def _named(asked: Asked, folder: str, file: _File) -> tuple[str, ...]:
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


def _base(file: _File, roots: tuple[str, ...], folder: str) -> str:
    """Return the settings file's folder; without settings, or when a root lies outside it, the roots' common folder."""
    if file.name and all(lies_in(root, file.home) for root in roots):
        return file.home
    return os.path.commonpath(roots) if roots else folder


def _database(named: str | None, folder: str, file: _File, roots: tuple[str, ...], extensions: tuple[str, ...]) -> str:
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


def _script(file: _File, name: str) -> Script:
    path = file.inside("schema", name)
    if os.path.exists(path) and not os.path.isfile(path):
        raise file.refused(f"the schema file {name} is no file")
    found = _in_source(path, file.source) or _on_disk(path)
    if found.stranger and not file.is_named:
        file.doubted(Doubt(path, f"it belongs to {found.stranger}", found.sha256))
    if b"\0" in found.raw:
        raise file.refused(f"the schema file {name} has a NUL")
    try:
        return Script(name, found.raw.decode())
    except UnicodeDecodeError as error:
        raise file.refused(f"the schema file {name} is not UTF-8") from error


def _patterns(file: _File, key: str) -> tuple[str, ...]:
    found = tuple(_pattern(file, key, line) for line in file.values.get(key, ()))
    _make_sure_they_are_cheap(file, key, found)
    return found


def _make_sure_they_are_cheap(file: _File, key: str, patterns: Iterable[str]) -> None:
    if sum(Patterns((pattern,)).cost for pattern in patterns) > COST_LIMIT:
        raise file.refused(f"'{key}': more than {COST_LIMIT:,} patterns with wildcards (a long one counts for more)")


def _pattern(file: _File, key: str, line: str) -> str:
    """Return the pattern. Raises UsageError when it matches nothing: unlike in a .gitignore, that is a mistake."""
    if not Patterns((line,)):
        raise file.refused(f"'{key}': no path can match the pattern '{line}'")
    return line


def _extension(file: _File, extension: str) -> str:
    if extension.rfind(".") != 0 or "/" in extension or len(extension) < 2:
        raise file.refused(f"'{extension}' is no extension: write it like '.md'")
    return extension.lower()


_CHECK_KEYS = ("codes", "paths", "rules")
_SEVERITIES = (ERROR, WARNING, OFF)


def _policy(file: _File, check: dict[str, Any]) -> Policy:
    for key in check:
        if key not in _CHECK_KEYS:
            raise file.refused(f"[check] has no '{key}'{_meant(key, _CHECK_KEYS)}")
    rules = tuple(Rule(name, sql) for name, sql in _table(file, "check.rules", check.get("rules", {})).items())
    _make_sure_they_are_few(file, "check.rules", rules)
    for name, sql in rules:
        if name in CODES or not re.fullmatch(r"[\w-]{1,100}", name) or not _is_text(sql):
            raise file.refused(
                f"rule '{name}' must be a string of SQL, under a name of letters that is no built-in code"
            )
    codes = (*CODES, *(rule.name for rule in rules))
    verdicts = _verdicts(file, "check.codes", check.get("codes", {}), None, codes)
    paths = check.get("paths", [])
    if not (
        isinstance(paths, list) and all(isinstance(item, dict) and _is_short(item.get("pattern")) for item in paths)
    ):
        raise file.refused("'paths' in [check] must be a list of tables, [[check.paths]], each with a 'pattern'")
    _make_sure_they_are_few(file, "check.paths", paths)
    for item in paths:
        pattern = _pattern(file, "check.paths", item["pattern"])
        said = {code: severity for code, severity in item.items() if code != "pattern"}
        verdicts = (*verdicts, *_verdicts(file, "check.paths", said, pattern, codes))
    _make_sure_they_are_cheap(file, "check.paths", [item["pattern"] for item in paths])
    return Policy(verdicts, rules, _patterns(file, "immutable"))


def _table(file: _File, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise file.refused(f"[{name}] must be a table")
    return value


def _verdicts(file: _File, name: str, said: Any, pattern: str | None, codes: tuple[str, ...]) -> tuple[Verdict, ...]:
    for code, severity in _table(file, name, said).items():
        if code not in codes:
            raise file.refused(f"[{name}] has no '{code}'{_meant(code, codes)}")
        if severity not in _SEVERITIES:
            raise file.refused(f"'{code}' in [{name}] must be one of {', '.join(_SEVERITIES)}")
    return tuple(Verdict(code, severity, pattern) for code, severity in said.items())


def _path_rule(file: _File, rule: dict[str, Any]) -> PathRule:
    for key, value in rule.items():
        if key not in _PATH_KEYS:
            raise file.refused(f"[[paths]] has no '{key}'{_meant(key, _PATH_KEYS)}")
        if not _is_short(value):
            raise file.refused(f"'{key}' in [[paths]] must be a string, of {_LONGEST_TEXT:,} characters at most")
    if "pattern" not in rule:
        raise file.refused("[[paths]] without a 'pattern'")
    pattern = _pattern(file, "paths", rule["pattern"])
    return PathRule(pattern, rule.get("type"), rule.get("domain"), rule.get("layer"))


def _watch(file: _File, values: dict[str, Any]) -> Watch:
    for key, value in values.items():
        if key not in Watch._fields:
            raise file.refused(f"[watch] has no '{key}'{_meant(key, Watch._fields)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST:
            raise file.refused(f"'{key}' in [watch] must be a number above 0")
    return Watch(**values)


TEMPLATE = """\
# mdcache: folders of markdown as a SQLite database. Every setting is optional; these are the defaults.

# Folders with documents, relative to this file.
docs = ["."]

# Which files count, in gitignore's syntax, relative to this file. .gitignore files are honoured anyway.
# include = ["guides/**", "*.md"]
# exclude = ["drafts/", "CHANGELOG.md"]
# extensions = [".md", ".markdown"]

# Of a larger document only the front matter is read (bytes).
# size_limit = 10000000

# Whether double brackets in a text make a link.
# wikilinks = true

# Links to what a template fills in are not judged; * stands for any text, and case does not matter.
# placeholders = ["*{{*}}*", "*{%*%}*", "*${*}*", "*<*>*", "toc", "_toc_"]

# The cache. Delete it whenever you like: mdcache rebuild makes it again.
# database = ".mdcache/cache.db"

# Committed documents that must stay as they are: mdcache check tells when one was changed, renamed or removed.
# immutable = ["decisions/**"]

# Your own tables, views and triggers, applied after the built-in ones.
# schema = ["views.sql"]

# What documents are by where they lie, when their front matter does not say.
# [[paths]]
# pattern = "decisions/**"
# type = "decision"

# mdcache watch: how long files must have been quiet, after how long all are compared whatever was announced, and how
# often where no changes are announced.
# [watch]
# debounce_ms = 200
# reconcile_s = 300
# poll_s = 2

# mdcache check: how grave a problem is (error, warning, off), everywhere and by path; and rules of your own, queries
# whose rows (path, line, message) are problems.
# [check.codes]
# ambiguous-link = "off"
# [[check.paths]]
# pattern = "drafts/**"
# broken-link = "warning"
# [check.rules]
# no-open-task = "SELECT path, line, 'a task is open' AS message FROM tasks JOIN nodes ON key = node WHERE NOT done"
"""

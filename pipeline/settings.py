"""What is to be cached, where, and how: command line over environment over settings file over default.

A settings file that was found by walking up, not named, may come with a cloned repository: it speaks only for its
own folder.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.ddl import Schema, Script, fingerprint, schema
from pipeline.errors import UsageError
from pipeline.model import PathRule, Rules
from pipeline.scan import Tree

FILE_NAME = "mdcache.toml"
DEFAULT_DATABASE = ".mdcache/cache.db"

_LISTS = ("docs", "include", "exclude", "extensions", "schema")
_KEYS = (*_LISTS, "database", "size_limit", "paths")
_PATH_KEYS = ("pattern", "type", "domain", "layer")


class Asked(NamedTuple):
    """What the command line and the environment say; None and () where they say nothing."""

    folder: str
    """The working folder: relative paths of the command line start here."""
    config: str | None = None
    database: str | None = None
    docs: tuple[str, ...] = ()


class Settings(NamedTuple):
    """All paths are absolute, with symbolic links resolved. roots is empty when nothing says which: ask the cache."""

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

    def tree(self) -> Tree:
        return Tree(self.base, self.roots, self.extensions, self.include, self.exclude)

    def rules(self) -> Rules:
        return Rules(self.extensions, self.relative_roots(), self.size_limit, self.paths)

    def relative_roots(self) -> tuple[str, ...]:
        """The roots as paths of documents have them: '' for the base itself."""
        relative = (os.path.relpath(root, self.base) for root in self.roots)
        return tuple(sorted("" if root == "." else root for root in relative))

    def fingerprint(self) -> str:
        rows = [
            self.relative_roots(),
            self.include,
            self.exclude,
            self.extensions,
            self.size_limit,
            self.paths,
        ]
        return fingerprint(self.schema, rows)

    def with_roots(self, base: str, roots: tuple[str, ...]) -> Settings:
        return self._replace(base=base, roots=roots)


def load(asked: Asked, environment: Mapping[str, str]) -> Settings:
    """Find, read and check the settings. Raises UsageError for whatever is wrong with them."""
    folder = os.path.realpath(asked.folder)
    if not os.path.isdir(folder):
        raise UsageError(f"no such folder: {asked.folder}")
    named = asked.config or environment.get("MDCACHE_CONFIG") or None
    file = os.path.join(folder, named) if named else _find(folder)
    values = _read(file, bool(named)) if file else {}
    home = os.path.dirname(os.path.realpath(file)) if file else folder
    only = None if named or not file else home
    database = asked.database or environment.get("MDCACHE_DB") or None
    roots = tuple(_folder(os.path.join(folder, doc)) for doc in asked.docs)
    if not roots and file:
        roots = tuple(_inside(home, doc, only, file, "docs") for doc in values.get("docs", ["."]))
    return Settings(
        file=file,
        base=_base(home if file else None, roots, folder),
        roots=tuple(sorted(set(roots))),
        database=os.path.realpath(os.path.join(folder, database))
        if database
        else _inside(home, values.get("database", DEFAULT_DATABASE), only, file, "database"),
        schema=schema(tuple(_script(home, name, only, file) for name in values.get("schema", []))),
        include=tuple(values.get("include", ())),
        exclude=tuple(values.get("exclude", ())),
        extensions=tuple(_extension(e, file) for e in values.get("extensions", Rules().extensions)),
        size_limit=values.get("size_limit", Rules().size_limit),
        paths=tuple(_path_rule(rule, file) for rule in values.get("paths", [])),
    )


def _find(folder: str) -> str | None:
    """The nearest settings file, walking up."""
    while True:
        own = os.path.join(folder, FILE_NAME)
        if os.path.isfile(own):
            return own
        project = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(project) and "mdcache" in _toml(project).get("tool", {}):
            return project
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _toml(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from error


def _read(file: str, named: bool) -> dict[str, Any]:
    values = _toml(file)
    if os.path.basename(file) == "pyproject.toml":
        values = values.get("tool", {}).get("mdcache", {})
        if named and not values:
            raise UsageError(f"{file} has no [tool.mdcache]")
    for key, value in values.items():
        _check(file, key, value)
    return values


def _check(file: str, key: str, value: Any) -> None:
    if key not in _KEYS:
        raise UsageError(f"{file}: no setting is called '{key}'{_meant(key, _KEYS)}")
    if key in _LISTS and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise UsageError(f"{file}: '{key}' must be a list of strings")
    if key == "database" and not isinstance(value, str):
        raise UsageError(f"{file}: 'database' must be a string")
    if key == "size_limit" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UsageError(f"{file}: 'size_limit' must be a number of bytes")
    if key == "docs" and not value:
        raise UsageError(f"{file}: 'docs' names no folder")
    if key == "paths" and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        raise UsageError(f"{file}: 'paths' must be a list of tables: [[paths]]")


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f": did you mean '{close[0]}'?" if close else f": there are {', '.join(known)}"


def _path_rule(rule: dict[str, Any], file: str | None) -> PathRule:
    for key, value in rule.items():
        if key not in _PATH_KEYS:
            raise UsageError(f"{file}: [[paths]] has no '{key}'{_meant(key, _PATH_KEYS)}")
        if not isinstance(value, str):
            raise UsageError(f"{file}: '{key}' in [[paths]] must be a string")
    if "pattern" not in rule:
        raise UsageError(f"{file}: [[paths]] without a 'pattern'")
    return PathRule(rule["pattern"], rule.get("type"), rule.get("domain"), rule.get("layer"))


def _extension(extension: str, file: str | None) -> str:
    if not extension.startswith(".") or "/" in extension or len(extension) < 2:
        raise UsageError(f"{file}: '{extension}' is no extension: write '.{extension.strip('.')}'")
    return extension.lower()


def _inside(home: str, path: str, only: str | None, file: str | None, key: str) -> str:
    """The absolute form of a path in the settings, refused when the file may not speak for it."""
    full = os.path.realpath(os.path.join(home, path))
    if only is not None and full != only and not full.startswith(only.rstrip("/") + "/"):
        raise UsageError(
            f"{file}: '{key}' leads outside its folder ({path}): name the file with --config if you trust it"
        )
    return full


def _script(home: str, name: str, only: str | None, file: str | None) -> Script:
    full = _inside(home, name, only, file, "schema")
    try:
        with open(full, encoding="utf-8") as stream:
            return Script(name, stream.read())
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{file}: cannot read the schema file {name}: {said}") from error


def _folder(path: str) -> str:
    return os.path.realpath(path)


def _base(home: str | None, roots: tuple[str, ...], folder: str) -> str:
    """The settings file's folder; without settings, or when a root lies outside it, the roots' common folder."""
    if home and all(root == home or root.startswith(home.rstrip("/") + "/") for root in roots):
        return home
    return os.path.commonpath(roots) if roots else folder


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

# The cache. Delete it whenever you like: mdcache rebuild makes it anew.
# database = ".mdcache/cache.db"

# Your own tables, views and triggers, applied after the built-in ones.
# schema = ["views.sql"]

# What documents are by where they lie, when their front matter does not say.
# [[paths]]
# pattern = "decisions/**"
# type = "decision"
"""

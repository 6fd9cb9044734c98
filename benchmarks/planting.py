"""Faults planted in markdown: links that lead somewhere, altered so that they lead nowhere, with the line of each.

Links are read in a simple way of its own, not as mdcache reads them, so that what mdcache might overlook is altered,
too. A link that is altered leads to a file, by the names of files alone, in some reading that a site may have; what is
made of it names nothing that is there, in any reading. Code, comments, front matter, headings and definitions
(`[x]: y.md`) are left alone.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

KINDS = ("page", "anchor", "picture", "case", "folder")
"""Kinds of faults: no such page, no such place in it, no such picture, a letter in the wrong case, no such folder."""
MARKDOWN = (".md", ".mdx", ".markdown")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif")
_GONE = "-gone"
_INDEXES = ("index", "_index", "readme")


class Link(NamedTuple):
    """Where a target stands: the document, the line (from 1), and where it starts in that line."""

    path: str
    line: int
    start: int
    target: str
    picture: bool
    wiki: bool


class Fault(NamedTuple):
    """A target that was altered."""

    kind: str
    link: Link
    altered: str


_LABEL = r"\[(?:[^\[\]]|!?\[[^\[\]]*\](?:\([^()]*\))?)*\]"
_MARKDOWN_LINK = re.compile(rf"(?P<picture>!)?{_LABEL}\((?P<target>[^\s()<>{{}}]+)(?=[ )])")
_HTML_PICTURE = re.compile(r"<(?P<picture>img)\s[^<>]*?\bsrc=\"(?P<target>[^\s\"{}]+)\"", re.IGNORECASE)
_WIKILINK = re.compile(r"(?P<picture>!)?\[\[(?P<target>[^\[\]|\n]+)(?=\||\]\])")
_HUGO = re.compile(r"\{\{[<%]-?\s*(?:rel)?ref\s+[\"'](?P<target>[^\"'\s{}]+)[\"']\s*-?[>%]\}\}")
_LIQUID = re.compile(r"\{%-?\s*link\s+(?P<target>[^\s{}]+)\s*-?%\}")
_SYNTAXES: Mapping[str, Sequence[re.Pattern[str]]] = {
    "hugo": (_MARKDOWN_LINK, _HTML_PICTURE, _HUGO),
    "jekyll": (_MARKDOWN_LINK, _HTML_PICTURE, _LIQUID),
    "obsidian": (_MARKDOWN_LINK, _WIKILINK),
    "foam": (_MARKDOWN_LINK, _WIKILINK),
    "zk": (_MARKDOWN_LINK, _WIKILINK),
}
_OTHERWISE = (_MARKDOWN_LINK, _HTML_PICTURE)
_CASELESS = ("obsidian", "foam")
"""Where no letter's case makes a difference."""
_CASELESS_PAGES = ("hugo",)
"""Where it makes one for pictures alone."""


class Files:
    """The files of a repository by their names: whether a target may mean one, and whether a name is free."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._tails: dict[str, set[str]] = {}
        self._words: set[str] = set()
        for path in self.paths:
            for form in _forms(path):
                parts = form.split("/")
                for start in range(len(parts)):
                    self._tails.setdefault("/".join(parts[start:]), set()).add(path)
            self._words.update(part.lower() for part in re.split(r"[/.]", path))

    def of(self, link: Link) -> set[str]:
        """Return the files that a link's target may mean, in any reading of it."""
        written = unquote(link.target.partition("#")[0].partition("?")[0])
        if not written:
            return {link.path}
        if link.wiki:
            return self._tails.get(written.strip("/"), set())
        if written.startswith("/"):
            return self._absolute(written.strip("/"))
        folder = posixpath.dirname(link.path)
        page = posixpath.splitext(link.path)[0]
        for start in (folder, page):
            if found := self._at(posixpath.normpath(f"{start}/{written}").strip("/")):
                return found
        return set()

    def _at(self, path: str) -> set[str]:
        forms = (path, path.removesuffix(".html"))
        return {one for form in forms for one in self._tails.get(form, ()) if form in _forms(one)}

    def _absolute(self, path: str) -> set[str]:
        """Return the files whose path ends so, but for a base path in front, of which two components must be left."""
        parts = path.removesuffix(".html").split("/")
        for start in range(max(1, len(parts) - 1)):
            if found := self._tails.get("/".join(parts[start:])):
                return found
        return set()

    def has_word(self, word: str) -> bool:
        """Return whether some folder or file has this name, whatever the case."""
        return word.lower() in self._words


def _forms(path: str) -> Iterator[str]:
    """Yield how links may call a file: with and without extension, by its folder when it is an index."""
    yield path
    stem, extension = posixpath.splitext(path)
    if extension.lower() in MARKDOWN:
        yield stem
        if posixpath.basename(stem).lower() in _INDEXES and "/" in stem:
            yield posixpath.dirname(stem)


# Where links are


def links(path: str, text: str, dialect: str) -> Iterator[Link]:
    """Yield the links of a document that stand in its prose, one in each line at most."""
    lines = text.split("\n")
    masked = _masked(text).split("\n")
    for number, line in enumerate(masked, 1):
        if re.match(r"\s*(?:#|\[[^\[\]]+\]:)", line) or _is_underlined(masked, number):
            continue
        found = [
            (match, pattern is _WIKILINK)
            for pattern in _SYNTAXES.get(dialect, _OTHERWISE)
            for match in pattern.finditer(line)
        ]
        for match, wiki in found[:1]:
            target, picture = match["target"], bool(match.groupdict().get("picture"))
            if lines[number - 1][match.start("target") : match.end("target")] == target:
                yield Link(path, number, match.start("target"), target, picture, wiki)


def _is_underlined(lines: Sequence[str], number: int) -> bool:
    return number < len(lines) and bool(re.fullmatch(r"\s*(?:=+|-+)\s*", lines[number]))


_HIDDEN = re.compile(
    r"\A---\n.*?\n---\n|<!--.*?-->|\{/\*.*?\*/\}|%%.*?%%|\$\$.*?\$\$"
    r"|<(script|style|pre|template|code)\b.*?</\1>"
    r"|\{%-?\s*(raw|comment)\b.*?%\}.*?\{%-?\s*end\2"
    r"|\{\{[<%]/\*.*?\*/[>%]\}\}"
    r"|(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)*?(?<!`)(?P=ticks)(?!`)|\$[^$\n]+\$",
    re.DOTALL | re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")


def _masked(text: str) -> str:
    """Return a text in which code, comments and front matter are spaces."""
    return _HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), "\n".join(_without_blocks(text.split("\n"))))


def _without_blocks(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, blank where they are code: fenced, or indented but not below an item of a list or a `!!!`."""
    fence, below = "", False
    for line in lines:
        found = _FENCE.match(line)
        if fence:
            if found and found["fence"].startswith(fence) and not found["info"].strip():
                fence = ""
            yield ""
        elif found:
            fence = found["fence"]
            yield ""
        elif re.match(r"(?: {4}|\t)", line):
            yield line if below else ""
        else:
            if line.strip():
                below = bool(re.match(r" {0,3}(?:[-*+]|\d+[.)]|!!!|\?\?\?|===|///) ?", line)) or (
                    below and line[0] == " "
                )
            yield line


# What is made of them


def faults(
    root: str, paths: Iterable[str], pages: Iterable[str], dialect: str, flawed: set[tuple[str, int]], count: int
) -> list[Fault]:
    """Return the faults to plant in pages, so many in all, and equally many of each kind as far as there are links.

    paths are all files below root; flawed are the lines (path, line) on which something is wrong already.
    """
    files = Files(paths)
    free: dict[str, list[Fault]] = {kind: [] for kind in KINDS}
    for link in _resolving(root, files, pages, dialect):
        if (link.path, link.line) not in flawed:
            for fault in _alterations(link, files, dialect):
                free[fault.kind].append(fault)
    return _chosen({kind: sorted(found, key=_by_chance) for kind, found in free.items()}, count)


def _by_chance(fault: Fault) -> str:
    """Return a key by which faults come in an order that looks like chance, and is the same each time."""
    return hashlib.sha1(repr((fault.kind, *fault.link)).encode(), usedforsecurity=False).hexdigest()


def _chosen(free: Mapping[str, list[Fault]], count: int) -> list[Fault]:
    """Return so many faults, one in a line at most: the kinds take turns, and those that have none left drop out."""
    taken: dict[tuple[str, int], Fault] = {}
    waiting = [iter(found) for found in free.values()]
    while waiting and len(taken) < count:
        turn = waiting.pop(0)
        fault = next((one for one in turn if one.link[:2] not in taken), None)
        if fault:
            taken[fault.link[:2]] = fault
            waiting.append(turn)
    return sorted(taken.values(), key=lambda fault: fault.link[:2])


def _resolving(root: str, files: Files, pages: Iterable[str], dialect: str) -> Iterator[Link]:
    """Yield the links of pages that lead to a file."""
    for path in sorted(pages):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace", newline="") as file:
            text = file.read()
        for link in links(path, text, dialect) if "\r" not in text else ():
            if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//|@", link.target) and files.of(link):
                yield link


def is_page(root: str, path: str, docs: str) -> bool:
    """Return whether a file is a document below docs, and neither hidden nor set aside as the sites' builders do it."""
    if not path.lower().endswith(MARKDOWN) or os.path.islink(os.path.join(root, path)):
        return False
    if docs and not path.startswith(docs + "/"):
        return False
    parts = path[len(docs) :].split("/")
    aside = (part.startswith(("_", ".")) and part not in ("_index.md", "_posts", "_docs") for part in parts)
    return not any(aside) and "node_modules" not in parts


def _alterations(link: Link, files: Files, dialect: str) -> Iterator[Fault]:
    """Yield what may be made of a link, so that it leads nowhere."""
    written, mark, fragment = link.target.partition("#")
    path, query, rest = written.partition("?")
    is_picture = path.lower().endswith(_PICTURES)
    if (
        fragment
        and not is_picture
        and fragment != "top"
        and any(one.lower().endswith(MARKDOWN) for one in files.of(link))
    ):
        yield Fault("anchor", link, f"{written}#{fragment}{_GONE}")
    rest = f"{query}{rest}{mark}{fragment}"
    name = path.rstrip("/").rpartition("/")[2]
    if not name.strip("."):
        return
    head, tail = path.rstrip("/")[: -len(name)], path[len(path.rstrip("/")) :]
    stem, dot, extension = name.partition(".")
    wrong = {"picture" if is_picture else "page": f"{head}{stem}{_GONE}{dot}{extension}{tail}"}
    if (altered := _other_case(name)) and _case_counts(link, is_picture, dialect):
        wrong["case"] = f"{head}{altered}{tail}"
    wrong["folder"] = f"{_wrong_folder(head)}{name}{tail}"
    for kind, target in wrong.items():
        made = link._replace(target=target + rest)
        if not files.of(made) and not files.has_word(f"{stem}{_GONE}"):
            yield Fault(kind, link, made.target)


def _case_counts(link: Link, is_picture: bool, dialect: str) -> bool:
    return not link.wiki and dialect not in _CASELESS and (is_picture or dialect not in _CASELESS_PAGES)


def _other_case(name: str) -> str | None:
    """Return a name with its first letter in the other case; None without one."""
    found = re.match(r"([^A-Za-z]*)([A-Za-z])", name)
    return f"{found[1]}{found[2].swapcase()}{name[found.end() :]}" if found else None


def _wrong_folder(head: str) -> str:
    """Return the folder of a target with another name; without one, a folder that is not there."""
    parts = head.split("/")
    named = [index for index, part in enumerate(parts) if part.strip(".")]
    if not named:
        return f"{head}gone{_GONE}/"
    parts[named[-1]] += _GONE
    return "/".join(parts)


def plant(root: str, planted: Iterable[Fault]) -> None:
    """Alter the documents below root."""
    by_path: dict[str, list[Fault]] = {}
    for fault in planted:
        by_path.setdefault(fault.link.path, []).append(fault)
    for path, found in by_path.items():
        full = os.path.join(root, path)
        with open(full, encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = file.read().split("\n")
        for _, link, altered in found:
            line = lines[link.line - 1]
            lines[link.line - 1] = line[: link.start] + altered + line[link.start + len(link.target) :]
        with open(full, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write("\n".join(lines))

"""What a program in JavaScript or TypeScript says in literals: `key: "text"`, wherever it stands. Nothing is run.

Settings of sites are often programs. What they compute nobody here knows; but most of them are one object with texts in
it, and of these the dialects ask for a few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]*+ | /\*(?:[^*]++|\*(?!/))*+(?:\*/)? )
  | (?P<text> "(?:[^"\\\n]++|\\.)*+"? | '(?:[^'\\\n]++|\\.)*+'? | `(?:[^`\\]++|\\.)*+`? )
  | (?P<word> [A-Za-z_$][\w$]*+ | [0-9][\w.]*+ )
  | (?P<mark> => | [^\s] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

# A longer program is read up to here, and what lies deeper is not looked at.
_MOST_TOKENS = 150_000
_DEEPEST = 40

_OPEN, _CLOSE = "{[(", "}])"
# Before a brace that begins an object; any other begins statements.
_BEFORE_OBJECT = frozenset(("(", "[", ",", ":", "=", "?", "|", "&", "return", "default", "..."))


class Said(NamedTuple):
    """A key with what it is given. within: the keys, names and lists that the object lies in, from the outside.

    `["plugin", { path: "x" }]` is an object within plugin, `const en = { path: "x" }` one within en.
    place: which object of the program it is. texts: the
    literals in the value, in order; flag: whether the value is true, or false; None when it is neither.
    top: whether the object is the outermost: not in a list, nor a value of another.
    """

    within: tuple[str, ...]
    place: int
    key: str
    texts: tuple[str, ...]
    flag: bool | None
    top: bool


class _Level:
    """An open bracket. Its keys lie within these; texts are those of the value that is being read, bare is a name that
    may be all of it, as in `{ path }`."""

    __slots__ = ("bare", "flag", "is_object", "key", "label", "mark", "place", "texts", "top", "within")

    def __init__(self, mark: str, within: tuple[str, ...], place: int, is_object: bool, top: bool) -> None:
        self.mark, self.within, self.place, self.is_object, self.top = mark, within, place, is_object, top
        self.key: str | None = None
        self.bare: str | None = None
        self.label: str | None = None
        self.texts: list[str] = []
        self.flag: bool | None = None

    def inside(self) -> tuple[str, ...]:
        """Return what an object that begins here lies within."""
        name = self.key if self.is_object else self.label
        return (*self.within, name) if name is not None else self.within

    def said(self) -> Iterator[Said]:
        """Yield what the value that ends here says, and forget it; a list keeps its texts: the first is its name."""
        if not self.is_object:
            self.label = self.label or (self.texts[0] if self.texts and self.mark == "[" else None)
            return
        key = self.key if self.key is not None else self.bare
        if key is not None:
            yield Said(self.within, self.place, key, tuple(self.texts), self.flag, self.top)
        self.key, self.bare, self.flag, self.texts = None, None, None, []


def read(program: str) -> list[Said]:
    """Return what a program says, in the order in which the values end. It never raises; a torn one says less."""
    return list(_said(program))


def _tokens(program: str) -> Iterator[tuple[str, str]]:
    for count, match in enumerate(_TOKEN.finditer(program)):
        if count > _MOST_TOKENS:
            return
        kind = match.lastgroup or ""
        if kind != "comment":
            yield kind, match[0]


def _said(program: str) -> Iterator[Said]:
    levels = [_Level("", (), 0, False, True)]
    before, before_kind, named, places, skipped = "", "", "", 0, 0
    for kind, token in _tokens(program):
        level = levels[-1]
        if kind == "mark" and token in _OPEN:
            if len(levels) > _DEEPEST or skipped:
                skipped += 1
            else:
                places += 1
                levels.append(_opened(level, token, before, places, named))
        elif kind == "mark" and token in _CLOSE:
            if skipped:
                skipped -= 1
            elif len(levels) > 1:
                yield from level.said()
                levels.pop()
                if level.mark == "(" or (level.mark == "[" and levels[-1].mark != "["):
                    levels[-1].texts += level.texts
        elif not skipped:
            yield from _taken(level, kind, token, before_kind, before)
        if token == "=" or before != "=":
            named = before if token == "=" and before_kind == "word" else ""
        before, before_kind = token, kind


def _opened(level: _Level, token: str, before: str, place: int, named: str) -> _Level:
    is_object = token == "{" and before in _BEFORE_OBJECT
    top = level.top and token != "[" and not level.is_object
    within = (*level.inside(), named) if named and before == "=" else level.inside()
    return _Level(token, within, place, is_object, top)


def _taken(level: _Level, kind: str, token: str, before_kind: str, before: str) -> Iterator[Said]:
    """Take a token that opens and closes nothing."""
    if kind == "mark" and token == ",":
        yield from level.said()
    elif kind == "mark" and token == ":" and level.is_object and level.key is None:
        if before_kind in ("text", "word"):
            level.key = _text(before) if before_kind == "text" else before
            level.texts = []
    elif kind == "text":
        level.texts.append(_text(token))
    elif kind == "word" and token in ("true", "false"):
        level.flag = token == "true"
    elif kind == "word" and level.is_object and level.key is None:
        level.bare = token


def _text(token: str) -> str:
    return _ESCAPE.sub(r"\1", token[1:-1]) if token[0] in "\"'`" else token


def last(said: Iterable[Said], key: str) -> str | None:
    """Return the last text that the outermost object gives a key; None when it gives none.

    Of `isPreview ? "/" : "/docs/"` the last is what is published, as a rule.
    """
    found = [one.texts[-1] for one in said if one.top and one.key == key and one.texts]
    return found[0] if found else None

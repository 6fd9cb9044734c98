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

# What is longer is no folder and no address, and what is put together of such would grow without end.
_LONGEST_CONSTANT = 200
_NAME_IN_TEXT = re.compile(r"\$\{([A-Za-z_$][\w$]*)\}")
_DECLARING = frozenset(("const", "let", "var"))
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
    reader = _Reader()
    return [said for kind, token in _tokens(program) for said in reader.take(kind, token)]


def _tokens(program: str) -> Iterator[tuple[str, str]]:
    for count, match in enumerate(_TOKEN.finditer(program)):
        if count > _MOST_TOKENS:
            return
        kind = match.lastgroup or ""
        if kind != "comment":
            yield kind, match[0]


class _Reader:
    """Takes the tokens one by one. Its state is what is open, the token before, and the names that are texts."""

    def __init__(self) -> None:
        self._levels = [_Level("", (), 0, False, True)]
        self._places = 0
        self._skipped = 0
        """How many brackets are open that lie too deep."""
        self._before = self._kind_before = ""
        self._declared = ""
        """The name behind `const`, until its value begins."""
        self._constants: dict[str, str] = {}

    def take(self, kind: str, token: str) -> Iterator[Said]:
        """Yield what is said when this token comes next."""
        if kind == "mark" and token in _OPEN:
            self._open(token)
        elif kind == "mark" and token in _CLOSE:
            yield from self._close()
        elif not self._skipped:
            yield from self._taken(self._levels[-1], kind, token)
        if kind == "word" and self._before in _DECLARING:
            self._declared = token
        elif self._before == "=":
            self._declared = ""
        self._before, self._kind_before = token, kind

    def _open(self, token: str) -> None:
        if len(self._levels) > _DEEPEST or self._skipped:
            self._skipped += 1
            return
        level = self._levels[-1]
        self._places += 1
        is_object = token == "{" and self._before in _BEFORE_OBJECT
        top = level.top and token != "[" and not level.is_object
        named = (self._declared,) if self._declared and self._before == "=" else ()
        self._levels.append(_Level(token, (*level.inside(), *named), self._places, is_object, top))

    def _close(self) -> Iterator[Said]:
        if self._skipped:
            self._skipped -= 1
        elif len(self._levels) > 1:
            level = self._levels.pop()
            yield from level.said()
            if level.mark == "(" or (level.mark == "[" and self._levels[-1].mark != "["):
                self._levels[-1].texts += level.texts

    def _taken(self, level: _Level, kind: str, token: str) -> Iterator[Said]:
        """Take a token that opens and closes nothing."""
        if token == "," and kind == "mark":
            yield from level.said()
        elif token == ":" and kind == "mark":
            if level.is_object and level.key is None and self._kind_before in ("text", "word"):
                level.key = _text(self._before) if self._kind_before == "text" else self._before
                level.texts = []
        elif kind == "text":
            level.texts.append(self._filled(_text(token)))
            if self._declared and self._before == "=" and len(level.texts[-1]) <= _LONGEST_CONSTANT:
                self._constants.setdefault(self._declared, level.texts[-1])
        elif token in ("true", "false"):
            level.flag = token == "true"
        elif kind == "word" and level.is_object and level.key is None:
            level.bare = token
        elif token in self._constants and self._before != ".":
            level.texts.append(self._constants[token])

    def _filled(self, text: str) -> str:
        """Return a text with the texts of the names in it: `${BASE}/docs`."""
        if "${" not in text or len(text) > _LONGEST_CONSTANT:
            return text
        return _NAME_IN_TEXT.sub(lambda name: self._constants.get(name[1], name[0]), text)


def _text(token: str) -> str:
    return _ESCAPE.sub(r"\1", token[1:].removesuffix(token[0])) if token[0] in "\"'`" else token


def last(said: Iterable[Said], key: str) -> str | None:
    """Return the last text that the outermost object gives a key; None when it gives none.

    Of `isPreview ? "/" : "/docs/"` the last is what is published, as a rule.
    """
    found = [one.texts[-1] for one in said if one.top and one.key == key and one.texts]
    return found[0] if found else None

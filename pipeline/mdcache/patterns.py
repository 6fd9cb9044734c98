"""Patterns in gitignore's syntax, as git reads them, oddities included: what git ignores, we ignore.

Each line says whether it takes an entry itself, not one above or below it; a walk down a tree judges each folder on the
way. Most lines are a text, or one with a star before or after it, and are looked up, however many there are; all
others become regular expressions. git matches bytes, so `?` takes half an `ä`: what is not ASCII is matched in the form
in which each byte is one character.
"""

from __future__ import annotations

import re
import string
from functools import cache, cached_property, lru_cache
from typing import NamedTuple


class _Pattern(NamedTuple):
    """One line. An entry is a path relative to the patterns' folder or, by name, its last component.

    text: what is to be looked up, whole, at the end or at the begin of an entry, as how says. regex: for how OTHERWISE;
    a folder has a '/' at its end. cost: of the regex, in those of a simple one.
    """

    how: str
    text: str
    regex: str
    cost: int
    by_name: bool
    folders_only: bool
    takes: bool
    """False for a line that begins with '!'."""


_WHOLE, _END, _BEGIN, _OTHERWISE = "whole", "end", "begin", "otherwise"


class _Either(NamedTuple):
    """Patterns of one kind as one expression; places are those of its groups among all lines, counted from 1."""

    regex: re.Pattern[str]
    places: tuple[int, ...]

    def last(self, entry: str, start: int) -> int:
        """Return the place of the last line that matches the entry from start on; 0 for none."""
        found = self.regex.match(entry, start)
        return self.places[found.lastindex - 1] if found and found.lastindex else 0


class _Texts:
    """Lines whose text is looked up, of one kind: the last place of each text, by its length."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._places: dict[int, dict[str, tuple[int, int]]] = {}

    def add(self, place: int, pattern: _Pattern) -> None:
        places = self._places.setdefault(len(pattern.text), {})
        always, _ = places.get(pattern.text, (0, 0))
        places[pattern.text] = (always if pattern.folders_only else place, place)

    def last(self, entry: str, is_folder: bool) -> int:
        """Return the place of the last line that takes the entry; 0 for none."""
        length, found = len(entry), 0
        if self._how == _WHOLE:
            return self._places.get(length, {}).get(entry, (0, 0))[is_folder]
        for size, places in self._places.items():
            if size <= length:
                text = entry[:size] if self._how == _BEGIN else entry[length - size :]
                if text in places:
                    found = max(found, places[text][is_folder])
        return found


class Patterns:
    """The lines of one .gitignore file, or of a setting; paths are relative to its folder."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._use(_patterns(lines))

    def _use(self, patterns: tuple[_Pattern, ...]) -> None:
        self._patterns = patterns
        self._by_name = [texts for how in (_WHOLE, _END, _BEGIN) if (texts := _texts(patterns, True, how))]
        self._by_path = _texts(patterns, False, _WHOLE)

    @cached_property
    def cost(self) -> int:
        """How much work it is to judge an entry: lines that are not looked up; long ones and each `**` count for more.

        Lines of a stranger are refused where it is above COST_LIMIT, before anything is judged.
        """
        return sum(pattern.cost for pattern in self._patterns)

    @cached_property
    def _names(self) -> tuple[_Either, ...]:
        return _either(self._patterns, True)

    @cached_property
    def _paths(self) -> tuple[_Either, ...]:
        return _either(self._patterns, False)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def verdict(self, path: str, is_folder: bool = False) -> bool | None:
        """Return True if the last pattern that matches a path takes it, False if that one is a '!', None without one.

        Only the path itself is judged, not the folders it lies in.
        """
        entry = path if path.isascii() else _bytewise(path)
        start = entry.rfind("/") + 1
        last = self._by_path.last(entry, is_folder) if self._by_path else 0
        for texts in self._by_name:
            last = max(last, texts.last(entry[start:], is_folder))
        if is_folder:
            entry += "/"
        last = max(last, _last(self._names, entry, start), _last(self._paths, entry, 0))
        return self._patterns[last - 1].takes if last else None

    def matches(self, path: str) -> bool:
        """Return whether a file is taken, itself or with a folder it lies in; the innermost pattern counts."""
        taken: bool | None = None
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            verdict = self.verdict("/".join(parts[:depth]), depth < len(parts))
            taken = taken if verdict is None else verdict
        return bool(taken)

    def without_those_taking(self, folder: str) -> Patterns:
        """Return the patterns without those that take this folder, which is wanted whatever they say."""
        return _of(tuple(one for one in self._patterns if not (one.takes and _of((one,)).verdict(folder, True))))


COST_LIMIT = 1000
"""More than was ever written to be useful: each entry is held against each line."""


def _of(patterns: tuple[_Pattern, ...]) -> Patterns:
    made = Patterns(())
    made._use(patterns)
    return made


@cache
def matching(pattern: str) -> Patterns:
    """Return the patterns of one line of a setting."""
    return Patterns((pattern,))


def lines_of(raw: bytes) -> tuple[str, ...]:
    """Return the lines of a .gitignore file."""
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return tuple(line.removesuffix("\r") for line in text.split("\n"))


def _bytewise(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _texts(patterns: tuple[_Pattern, ...], by_name: bool, how: str) -> _Texts | None:
    chosen = [(place, one) for place, one in enumerate(patterns, 1) if one.how == how and one.by_name == by_name]
    texts = _Texts(how)
    for place, one in chosen:
        texts.add(place, one)
    return texts if chosen else None


# Each step back in an expression copies the groups before it: a thousand lines in one cost a thousand times as much.
_TOGETHER = 32


@lru_cache(maxsize=1024)
def _either(patterns: tuple[_Pattern, ...], by_name: bool) -> tuple[_Either, ...]:
    """Return the patterns of one kind as expressions of some each; the last line wins, so it is tried first."""
    chosen = [
        (place, one.regex) for place, one in enumerate(patterns, 1) if one.how == _OTHERWISE and one.by_name == by_name
    ]
    chosen.reverse()
    some = (chosen[at : at + _TOGETHER] for at in range(0, len(chosen), _TOGETHER))
    return tuple(
        _Either(re.compile("|".join(f"({regex})" for _, regex in part), re.DOTALL), tuple(place for place, _ in part))
        for part in some
    )


def _last(either: tuple[_Either, ...], entry: str, start: int) -> int:
    return next((place for some in either if (place := some.last(entry, start))), 0)


@lru_cache(maxsize=1024)
def _patterns(lines: tuple[str, ...]) -> tuple[_Pattern, ...]:
    parsed = (_pattern(line) for line in lines)
    return tuple(pattern for pattern in parsed if pattern)


# Spaces at the end go, unless a backslash stands before them. To git a line ends at a NUL.
_MEANT = re.compile(r"(?:\\[^\0]|[^\\ \0]| +(?=[^ \0]))*(?:\\(?=\0|\Z))?", re.DOTALL)


def _pattern(line: str) -> _Pattern | None:
    """Return the pattern of a line; None for a comment, an empty line, and for what git never matches."""
    found = _MEANT.match(_bytewise(line))
    if line.startswith("#") or not found:
        return None
    takes = not found[0].startswith("!")
    glob = found[0].removeprefix("!")
    inner = glob.removesuffix("/")
    folders_only = inner != glob
    if inner.startswith("**/") and inner.count("/") == 1:
        inner = inner[3:]  # a name in any folder: nothing else than the name
    by_name = "/" not in inner
    how, text = _to_look_up(inner.removeprefix("/"), by_name)
    if how != _OTHERWISE:
        return _Pattern(how, text, "", 0, by_name, folders_only, takes)
    regex = _regex(inner.removeprefix("/"), by_name)
    if regex is None:
        return None
    # The slash that marks a folder is not the pattern's to match: `a/*` takes what is in a/, not a/.
    end = r"(?<!/)/\Z" if folders_only else r"(?<!/)/?\Z"
    cost = 1 + len(inner) // 20 + 10 * (not by_name) * inner.count("**")
    return _Pattern(_OTHERWISE, "", regex + end, cost, by_name, folders_only, takes)


_TEXT = re.compile(r"(?P<before>\*?)(?P<text>(?:[^*?\[\\]|\\.)+)(?P<after>\*?)", re.DOTALL)


def _to_look_up(glob: str, by_name: bool) -> tuple[str, str]:
    """Return how to look a glob up, and its text; _OTHERWISE when that is not enough."""
    found = _TEXT.fullmatch(glob)
    before, after = (found["before"], found["after"]) if found else ("", "")
    if not found or (before and after) or ((before or after) and not by_name):
        return _OTHERWISE, ""
    return _END if before else _BEGIN if after else _WHOLE, re.sub(r"\\(.)", r"\1", found["text"], flags=re.DOTALL)


class _Block(NamedTuple):
    """What lies between two `**`, of which the first is gap; between the pieces are stars that stay within a name.

    A piece has a fixed length, so taking the first place where it fits is never wrong: nothing is tried twice, and a
    hostile line takes no longer than others.
    """

    gap: str
    pieces: list[str]

    def regex(self) -> str:
        first, *others = self.pieces
        if not others:
            return self.gap + first
        middle = "".join(f"(?>[^/]*?{piece})" for piece in others[:-1])
        return f"{self.gap}{first}{middle}[^/]*{others[-1]}"


_LITERAL = re.compile(r"[^*?\[\\]*")
_STARS = re.compile(r"\*+")


def _regex(glob: str, by_name: bool) -> str | None:
    """Return the regular expression of a glob; None when nothing can match it."""
    if not glob:
        return None
    blocks, at = [_Block("", [""])], 0
    while at < len(glob):
        stars = _STARS.match(glob, at)
        if stars:
            at = stars.end()
            gap = None if by_name else _gap(glob, stars.start(), at)
            if gap is None:
                blocks[-1].pieces.append("")
            else:
                blocks.append(_Block(gap, [""]))
                at += gap == _FOLDERS
        else:
            found = _single(glob, at)
            if found is None:
                return None
            blocks[-1].pieces[-1] += found[0]
            at = found[1]
    return "".join(f"(?>{block.regex()})" for block in blocks[:-1]) + blocks[-1].regex()


# What ends in a slash, or nothing: far faster than to repeat a group for each folder.
_FOLDERS = "(?:|.*?/)"


def _gap(glob: str, start: int, end: int) -> str | None:
    """Return the expression of stars that cross folders (`**` between slashes); None for others.

    git compares what comes before the first special character separately, so that `a**/b` begins with a `**`.
    """
    literal = _LITERAL.match(glob)
    at_start = literal is not None and literal.end() == start
    if end - start < 2 or not (at_start or glob[start - 1] == "/"):
        return None
    if glob.startswith("/", end):
        return _FOLDERS
    if end == len(glob):
        return ".*"
    return ".*?" if glob.startswith(r"\/", end) else None


_ANY = "[^/]"


def _single(glob: str, at: int) -> tuple[str, int] | None:
    """Return the expression of one character, and where the next begins; None when it matches nothing."""
    if glob[at] == "?":
        return _ANY, at + 1
    if glob[at] == "[":
        return _class(glob, at + 1)
    at += glob[at] == "\\"
    return (re.escape(glob[at]), at + 1) if at < len(glob) else None


_RANGE = re.compile(r"-(?!\])\\?(.)", re.DOTALL)
_ITEM = re.compile(r"\[:(?P<named>[^\]]*):\]|\\(?P<escaped>.)|(?P<plain>[^\\])", re.DOTALL)
_NAMED = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, (*range(32), 127))),
    "digit": string.digits,
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "lower": string.ascii_lowercase,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
    "punct": string.punctuation,
    "space": " \t\n\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


def _class(glob: str, at: int) -> tuple[str, int] | None:
    """Return the expression of a `[class]` whose content begins at at, and where it ends; None when it is malformed."""
    negated = glob.startswith(("!", "^"), at)
    begin = at = at + negated
    taken: set[str] = set()
    low = ""  # what a '-' would make a range from
    while at == begin or not glob.startswith("]", at):
        range_ = _RANGE.match(glob, at) if low else None
        item = range_ or _ITEM.match(glob, at)
        if not item:
            return None
        if range_:
            taken.update(map(chr, range(ord(low), ord(range_[1]) + 1)))
            low = ""
        elif item["named"] is not None:
            if item["named"] not in _NAMED:
                return None
            taken.update(_NAMED[item["named"]])
            low = ""
        else:
            low = item["escaped"] or item["plain"]
            taken.add(low)
        at = item.end()
    return _one_of(taken, negated), at + 1


def _one_of(characters: set[str], negated: bool) -> str:
    """Return the expression of a class's content; a slash is never matched by a class."""
    if negated:
        return f"[^{re.escape(''.join(sorted(characters | {'/'})))}]"
    found = re.escape("".join(sorted(characters - {"/"})))
    return f"[{found}]" if found else "(?!)"

"""Patterns of up to 1 MB, wherever patterns stand, over many names and long ones."""

from __future__ import annotations

from functools import partial

from torture.kinds import CHECKS, ODD, Kind, put
from torture.stranger import Place

_PATTERNS = {
    "stars": "*a" * 60_000 + "b",
    "double stars": "**/a/" * 30_000 + "b",
    "double stars alone": "**/" * 60_000,
    "one class": "[" + "a-z" * 60_000 + "]",
    "many classes": "[!a]" * 45_000,
    "open classes": "[a" * 90_000,
    "classes of names": "[[:alpha:]]" * 16_000,
    "questions": "?" * 190_000,
    "questions and stars": "?*" * 90_000,
    "backslashes": "\\a" * 90_000,
    "plain letters": "a" * 190_000,
    "many lines": "".join(f"a{number}b\n" for number in range(25_000)),
    "many lines of stars": "".join(f"*a{number}*b*\n" for number in range(17_000)),
    "many lines of double stars": "".join(f"**/a{number}/**/b\n" for number in range(10_000)),
    "many lines that take back": "*\n" + "".join(f"!a{number}*\n" for number in range(20_000)),
    "the same line": "*a*b*c*d*e*\n" * 15_000,
    "ranges that go backward": "[z-a]\n[\\]-a]\n[!]\n[]\n[^]\n[a-]\n" * 5_000,
    "braces": "{a,b}" * 38_000,
    "control characters": "\x1b[2J\n\x07*\n::stop-commands::x\n" * 100,
    "broken bytes": "\udcff*\udcfe\n" * 30_000,
    "NULs": "a\0b*\n" * 40_000,
    "spaces": "a" + " " * 190_000,
    "trailing spaces and backslashes": "a" + "\\ " * 90_000,
}
_PER_LINE = ("stars", "double stars", "one class", "many classes", "questions and stars", "plain letters")


def _long_names(place: Place) -> None:
    place.documents()
    for number in range(300):
        place.write(f"{'a' * 240}{number}.md", "[[a]]\n")
    place.write("/".join("a" * 200)[:380] + "/x.md", "# deep\n")


def _ignored(text: str, name: str, place: Place) -> None:
    _long_names(place)
    place.write(name, text[:199_000])


def _in_repository(text: str, name: str, place: Place) -> None:
    _long_names(place)
    place.git("init", "--quiet")
    place.write(name, text[:199_000])


def _set(line: str, place: Place) -> None:
    _long_names(place)
    place.write("mdcache.toml", line)


def _in_settings(pattern: str) -> dict[str, str]:
    """Return lines of settings that have a pattern, by the key that it stands in."""
    text = '"' + pattern.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {
        "exclude": f"exclude = [{text}]",
        "include": f"include = [{text}]",
        "immutable": f"immutable = [{text}]",
        "paths": f"[[paths]]\npattern = {text}\ntype = 't'",
        "check.paths": f"[[check.paths]]\npattern = {text}\nbroken-link = 'off'",
    }


def _in_every_folder(place: Place) -> None:
    for number in range(300):
        place.write(f"d{number}/.gitignore", _PATTERNS["many lines of stars"][:3_000])
        place.write(f"d{number}/a.md", "[[b]]\n")


def _in_deep_folders(place: Place) -> None:
    for depth in range(1, 60):
        place.write("/".join("d" * depth) + "/.gitignore", _PATTERNS["many lines of stars"][:3_000])
    place.write("/".join("d" * 59) + "/a.md", "[[b]]\n")


def _many_excludes(place: Place) -> None:
    _long_names(place)
    place.write("mdcache.toml", "exclude = [" + ", ".join(f'"*a{number}*b*"' for number in range(55_000)) + "]\n")


def _odd_ignore(name: str, what: str, place: Place) -> None:
    place.documents()
    place.git("init", "--quiet")
    put(place, name, what)


_COMMANDS = (*CHECKS, "sync", "rebuild", "sync --check", "watch --stop")

KINDS = (
    *(Kind(f".gitignore: {name}", partial(_ignored, text, ".gitignore"), _COMMANDS) for name, text in _PATTERNS.items()),
    *(
        Kind(f".git/info/exclude: {name}", partial(_in_repository, _PATTERNS[name], ".git/info/exclude"), _COMMANDS)
        for name in ("stars", "double stars", "many lines of stars", "one class", "broken bytes")
    ),
    *(
        Kind(f"{key}: {name}", partial(_set, line), _COMMANDS)
        for name in _PER_LINE
        for key, line in _in_settings(_PATTERNS[name] * (900_000 // len(_PATTERNS[name]))).items()
    ),
    *(Kind(f"{name} is a {what}", partial(_odd_ignore, name, what), _COMMANDS) for name in (".gitignore", ".git/info/exclude") for what in ODD),
    Kind("a .gitignore in each of 300 folders", _in_every_folder, _COMMANDS),
    Kind("a .gitignore in each of 60 deep folders", _in_deep_folders, _COMMANDS),
    Kind("55,000 patterns to exclude", _many_excludes, _COMMANDS),
)  # fmt: skip

"""Documents of up to 1 MB that are hard to read: for check above all, which judges what they say."""

from __future__ import annotations

import itertools
import random

from torture.kinds import FINDS, ODD, WHOLE, Kind, documented, odd
from torture.stranger import Place

_SIZE = 1_000_000
_PIECES = {
    "links in one line": "[a](b) ",
    "links to gone documents": "[a](gone/x.md)\n",
    "wikilinks in one line": "[[gone]] ",
    "wikilinks with aliases": "[[gone#x|y]] ",
    "embeds": "![[x.png]]\n",
    "images": "![](x.png) ",
    "HTML links in one line": "<a href='x.md'>",
    "HTML images": "<img src=x.png>\n",
    "fragments": "[a](#nope)\n",
    "allow comments in one line": "[a](b.x) <!-- mdcache-allow: broken-link --> ",
    "allow comments that do not end": "<!-- mdcache-allow: broken-link ",
    "allow comments of many codes": "<!-- mdcache-allow: " + "broken-link, " * 40 + " -->\n",
    "open brackets": "[",
    "open double brackets": "[[",
    "closed brackets": "]",
    "images that do not end": "![a](",
    "links that nest": "[a](<b",
    "open tags": "<a ",
    "open comments": "<!--",
    "attribute lists": "{#a .b ",
    "emphasis": "*a _b ",
    "stars": "*",
    "backticks and spaces": "` ",
    "quotes": "> ",
    "quoted lines": "> > > > a\n",
    "lists": "- ",
    "nested lists": "- a\n  - b\n    - c\n",
    "numbered lists": "1. a\n10. b\n",
    "entities": "&#1;",
    "long entities": "&" + "a" * 30 + ";",
    "backslashes": "\\[",
    "equals signs": "a\n=\n",
    "table cells": "|a",
    "table rows": "|a|b|\n|-|-|\n",
    "references": "[a]: b\n",
    "uses of references": "[a][a] ",
    "footnotes": "[^a]: b [^a]\n",
    "same headings": "# a\n",
    "headings that take each other's slug": "# a\n# a-1\n",
    "headings with ids": "# a {#a}\n",
    "anchors": "<a id=a></a>\n",
    "block ids": "a ^b\n\n",
    "tasks": "- [ ] a [[b]]\n",
    "tags": "#a/b/c ",
    "tags that nest": "a/",
    "dollars": "$$a ",
    "percent comments": "%%a",
    "fences": "```\n",
    "tildes": "~~~a\n~~~~\n",
    "addresses": "http://a.b/c ",
    "bare addresses": "www.a.b ",
    "mail": "a@b.c ",
    "relations": "(a:: [[b]]) ",
    "inline fields": "a:: b\n",
    "conflict marks": "<<<<<<< a\n=======\n>>>>>>> b\n",
    "spaces": " ",
    "lines of spaces": "    \n",
    "tabs": "\t",
    "NULs": "\0",
    "carriage returns": "\r",
    "accents": "\u0301",
    "ligatures": "\ufdfa",
    "marks of direction": "\u202e\u2066",
    "emoji": "\U0001f468\u200d",
    "long s": "ſİẞ",
    "upward paths": "../",
    "percent signs": "%25",
    "templates": "{{ ",
    "front matter that comes late": "---\na: b\n---\n",
    "dashes": "-",
}


def _repeated(piece: str) -> str:
    return piece * (_SIZE // len(piece.encode()) + 1)


def _kind(name: str, piece: str) -> Kind:
    return Kind(f"1 MB of {name}", documented({"x.md": _repeated(piece)}), WHOLE)


def _in_target(piece: str) -> str:
    return f"[a](<{_repeated(piece)}>)\n"


def _near_names(place: Place) -> None:
    """Names that are all nearly what is asked for: each is a suggestion."""
    for number in range(3_000):
        place.write(f"names/{'x' * 60}{number}.md", "# a\n")
    place.write("a.md", "".join(f"![[{'x' * 61}{number}]]\n" for number in range(15_000)))


def _near_anchors(place: Place) -> None:
    place.write("b.md", "".join(f"# heading number {number}\n" for number in range(20_000)))
    place.write("a.md", "".join(f"[a](b.md#heading-numbr-{number})\n" for number in range(20_000)))


def _wikilinks_in_front_matter(place: Place) -> None:
    for number in range(16):
        place.write(f"{number}.md", "---\nup: [" + ", ".join(['"[[gone]]"'] * 5_400) + "]\n---\n")


def _same_claims(place: Place) -> None:
    for number in range(1_000):
        place.write(f"{number}.md", "---\nid: same\naliases: [same, Same, SAME]\n---\n# same\n[[same]] [[SAME]]\n")


def _case_collisions(place: Place) -> None:
    for letters in itertools.product("aA", repeat=9):
        place.write(f"{''.join(letters)}.md", "[[" + "a" * 9 + "]]\n")


def _everyone_links_to_everyone(place: Place) -> None:
    for number in range(300):
        place.write(f"{number}/README.md", "".join(f"[[README]] [a](../{other}/)\n" for other in range(100)))


def _soup(place: Place) -> None:
    chance = random.Random(7)
    place.write("x.md", "".join(chance.choices(list("[]()<>!*_`#|-+\\\n &;:{}$%^~='\"/a \t"), k=_SIZE)))


_FRONT = {
    "deep brackets": "a: " + "[" * 60_000,
    "deep braces": "a: " + "{a: " * 15_000,
    "deep dashes": "a:\n  " + "- " * 30_000,
    "deep indentation": "".join("  " * depth + "k:\n" for depth in range(240)),
    "alias bombs": "a: &a [x, x]\n"
    + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)),
    "many keys": "".join(f"k{number}: v\n" for number in range(5_000)),
    "the same key": "k: v\n" * 10_000,
    "merge keys": "a: {b: c}\n" + "<<: {b: c}\n" * 5_000,
    "long numbers": "a: " + "1" * 60_000,
    "long fractions": "a: 1." + "1" * 60_000 + "e999999",
    "many tags": "tags: [" + ", ".join(f"t{number}/a" for number in range(8_000)) + "]",
    "many aliases": "aliases: [" + ", ".join(f"a{number}" for number in range(8_000)) + "]",
    "long titles": "title: " + "t" * 60_000,
    "control characters": 'title: "\\e]0;owned\\a\\e[2J"\nid: "x\\ey"\ntags: ["\\e[31m"]',
    "commands of CI systems": 'title: "::stop-commands::x"\nid: "\\n::stop-commands::y"\naliases: ["##vso[task.complete]"]',
    "Python's tags": "a: !!python/object/apply:os.system [touch canary]\nb: !!binary ====\nc: !x y",
    "open strings": 'a: "' + "x" * 60_000,
    "anchors": "".join(f"k{number}: &a{number} x\n" for number in range(5_000)),
    "block scalars": "a: |\n" + "  x\n" * 15_000,
    "questions": "? " * 30_000,
    "odd dates": "date: 99999-99-99\ncreated: -1\nupdated: 2024-02-30T99:99:99Z",
    "secrets as includes": "a: !include ../outside/secret.md\nb: ../outside/secret.md",
}


def _front(name: str, text: str) -> Kind:
    return Kind(
        f"front matter of {name}",
        documented({"x.md": f"---\n{text}\n---\n# X\n[[x]]\n"}),
        (*WHOLE, "search x", "status"),
    )


_SAID = {
    "control characters in links": "[a](\x1b[31mred.md) [[\x1b]0;x\x07]] ![](\x9b2J.png) [b](#\x1b[2J)\n",
    "commands of CI systems in links": "[a](::stop-commands::x) [[::error::y]] [b](<##vso[task.complete]>) [c](#::x)\n",
    "escaped line ends in links": "[a](x%0A::stop-commands::y.md) [b](&#10;::stop-commands::z) [c](x%0D%0A::error::e)\n",
    "marks of direction in links": "[a](\u202egpj.md) [[\u2066x\u2069]] [b](\u2028::stop-commands::x)\n",
    "links to a secret": "[a](../outside/secret.md) [[../outside/secret]] ![[../outside/secret.md]] [b](file:///etc/passwd)\n",
    "encoded links to a secret": "[a](%2e%2e/outside/secret.md) [b](..%2foutside%2fsecret.md#quokka) [c](..\\outside\\secret.md)\n",
    "NULs in links": "[a](x\0y.md) [b](x%00y.md) [[x\0]] ![](%00) [c](#%00)\n",
    "broken bytes in links": "[a](%ff%fe.md) [[\udcff]] [b](%c0%ae%c0%ae/x.md)\n",
    "very long links": f"[a]({'x' * 5_000}.md) [[{'y' * 300}]] [b]({'z/' * 3_000}) [c](#{'w' * 90_000})\n",
    "devices in links": "[a](/dev/zero) [b](../../../../../../dev/zero) ![](/dev/stdin) [c](/proc/self/environ)\n",
    "headings that end lines": "# a&#10;::stop-commands::b\n\n[x](#&#10;::error::)\n\n## \x1b[2J\n",
}

KINDS = (
    *(_kind(name, piece) for name, piece in _PIECES.items()),
    *(
        Kind(f"a link's target of 1 MB of {name}", documented({"x.md": _in_target(_PIECES[name])}), WHOLE)
        for name in ("upward paths", "percent signs", "accents", "stars", "templates", "ligatures")
    ),
    *(_front(name, text) for name, text in _FRONT.items()),
    *(
        Kind(name, documented({"x.md": text}), (*WHOLE, "query 'SELECT * FROM links'", "links x"))
        for name, text in _SAID.items()
    ),
    Kind("suggestions among 3,000 names", _near_names, WHOLE),
    Kind("suggestions among 20,000 headings", _near_anchors, WHOLE),
    Kind("wikilinks in 16 front matters", _wikilinks_in_front_matter, WHOLE),
    Kind("1,000 documents of one name", _same_claims, WHOLE),
    Kind("512 names that differ in case", _case_collisions, WHOLE),
    Kind("300 documents that all link to each other", _everyone_links_to_everyone, WHOLE),
    Kind("1 MB of any signs", _soup, WHOLE),
    Kind("backticks of rising length", documented({"x.md": "".join("`" * n + " " for n in range(1_400))}), WHOLE),
    Kind("a heading of 1 MB", documented({"x.md": "# " + "a b " * 250_000}), WHOLE),
    Kind("1 MB in UTF-16", documented({"x.md": _repeated("[[a]] ").encode("utf-16")[:_SIZE]}), WHOLE),
    Kind("1 MB of broken bytes", documented({"x.md": b"\xff\xc0\x80[a](b)" * 100_000}), WHOLE),
    *(
        Kind(f"a document that is a {what}", odd("x.md", what), (*WHOLE, "read x"), statuses=FINDS | {0})
        for what in ODD
    ),
    *(Kind(f"what a link leads to is a {what}", odd("gone.md", what), WHOLE) for what in ("fifo", "zero", "loop")),
)

"""Made-up documents like the notes and texts that people write for themselves and each other.

Their sizes are spread like those of real documentation (log-normal), their words like those of a language (Zipf),
and like a writer each keeps to its own few. They have front matter, headings, links of all kinds (a few broken),
tags, tasks, tables and code; 3 % are written in a script without spaces. Three in ten link to nothing; half of the
links lead to few documents (a power law), and one document in fifty has a name that many have. A folder holds at most
fifty.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable
from random import Random

from benchmarks.words import own_words, passage, word

# The spread of sizes, as measured on two folders of real documentation.
_SIGMA = 0.9
_LARGEST = 2_000_000
_LANGUAGES = ("text", "python", "rust", "sh", "json", "")
_KINDS = ("note", "decision", "guide", "reference")
# So many documents have 1,000 folders of their own; what comes after has others.
_FILLED = 50_000
_SHARED_NAMES = ("README", "overview", "index", "changes")


_SCRIPTS = {
    "Han": [chr(code) for code in range(0x4E00, 0x4E00 + 2000)],
    "Kana": [chr(code) for code in range(0x3041, 0x3094)],
    "Thai": [chr(code) for code in range(0x0E01, 0x0E2E)],
}


def path_of(number: int) -> str:
    """Where the document with this number lies; one in ten has a date in its name."""
    above = f"{word(400 + number // _FILLED)}/" if number >= _FILLED else ""
    folder = f"{above}{word(200 + number % 40)}/{word(300 + number // 40 % 25)}"
    if number % _FILLED // 1000 == number % 50:  # one in a folder
        return f"{folder}/{_SHARED_NAMES[number % 1000 // 50 % len(_SHARED_NAMES)]}.md"
    date = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}-" if number % 10 == 0 else ""
    return f"{folder}/{date}{_name(number)}.md"


def _name(number: int) -> str:
    return f"{word(1000 + number % 500)}-{word(2000 + number % 700)}-{number}"


def title_of(number: int) -> str:
    return _name(number).replace("-", " ").capitalize()


def document(number: int, documents: int, median_bytes: int, seed: int) -> str:
    """Return the text of one document. It depends on these four alone."""
    random = Random(f"{seed}/{documents}/{number}")
    size = min(random.lognormvariate(math.log(median_bytes), _SIGMA), _LARGEST)
    writer = _Writer(number, documents, random, size)
    parts = [writer.front_matter(), f"# {title_of(number)}\n"]
    length = 0
    while length < size:
        block = random.choices(_BLOCKS, _BLOCK_WEIGHTS)[0](writer)
        parts.append(block + "\n")
        length += len(block.encode())
    return "\n".join(part for part in parts if part)


class _Writer:
    """Makes the blocks of one document."""

    def __init__(self, number: int, documents: int, random: Random, size: float) -> None:
        self.random = random
        self._number, self._documents = number, documents
        self._script = random.choices(("", *_SCRIPTS), (970, 15, 10, 5))[0]
        self._most_links = random.choices((0, 1, 2), (30, 45, 25))[0]
        self._own_words = own_words(random, size)

    def words(self, count: int) -> list[str]:
        if self._script:
            letters = _SCRIPTS[self._script]
            return ["".join(self.random.choices(letters, k=6)) for _ in range(count // 3 + 1)]
        return passage(self.random, self._own_words, count)

    def phrase(self, least: int, most: int) -> str:
        return " ".join(self.words(self.random.randint(least, most)))

    def front_matter(self) -> str:
        random = self.random
        if random.random() < 0.4:
            return ""
        tags = ", ".join(word(100 + int(random.paretovariate(0.7)) % 300) for _ in range(random.randint(1, 4)))
        lines = [
            "---",
            f"type: {random.choice(_KINDS)}",
            f"tags: [{tags}]",
            f"date: 2024-05-{random.randint(1, 28):02}",
        ]
        if random.random() < 0.1:
            lines.append(f"related: '[[{_name(self._other())}]]'")
        return "\n".join([*lines, "---", ""])

    def heading(self) -> str:
        return f"{'#' * self.random.choice((2, 2, 3, 3, 4))} {self.phrase(1, 5).capitalize()}"

    def paragraph(self) -> str:
        words = self.words(self.random.randint(20, 90))
        for _ in range(self.random.randint(0, self._most_links)):
            words.insert(self.random.randrange(len(words)), self.link())
        if self.random.random() < 0.05:
            words.append("#" + word(100 + self.random.randrange(50)))
        return " ".join(words).capitalize() + "."

    def bullets(self) -> str:
        return "\n".join(f"- {self.phrase(2, 12)}" for _ in range(self.random.randint(2, 7)))

    def tasks(self) -> str:
        return "\n".join(f"- [{self.random.choice(' x')}] {self.phrase(2, 8)}" for _ in range(3))

    def quote(self) -> str:
        return "> " + self.phrase(10, 40)

    def table(self) -> str:
        rows = "\n".join(f"| {self.phrase(1, 3)} | {self.phrase(1, 6)} |" for _ in range(self.random.randint(2, 6)))
        return f"| {self.phrase(1, 1)} | {self.phrase(1, 1)} |\n|---|---|\n{rows}"

    def code(self) -> str:
        lines = "\n".join(f"    {self.phrase(1, 6)};" for _ in range(self.random.randint(1, 10)))
        return f"```{self.random.choice(_LANGUAGES)}\n{lines}\n```"

    def link(self) -> str:
        """Every other link is relative; one in twenty leads nowhere."""
        label, other = self.phrase(1, 3), self._other()
        kind = self.random.choices(("relative", "fragment", "wikilink", "external", "broken"), (45, 5, 20, 25, 5))[0]
        here = posixpath.dirname(path_of(self._number))
        if kind == "wikilink":
            return f"[[{posixpath.basename(path_of(other)).removesuffix('.md')}|{label}]]"
        if kind == "external":
            return f"[{label}](https://example.org/{word(other % 5000)}/{other})"
        if kind == "broken":
            return f"[{label}](missing/{word(other % 5000)}.md)"
        fragment = "#" + _name(other) if kind == "fragment" else ""
        return f"[{label}]({posixpath.relpath(path_of(other), here)}{fragment})"

    def _other(self) -> int:
        """Half of the time any document, else one of the few that many link to."""
        share = self.random.random()
        return int(self._documents * (share if self.random.random() < 0.5 else share**4))


_BLOCKS: tuple[Callable[[_Writer], str], ...] = (
    _Writer.heading,
    _Writer.paragraph,
    _Writer.bullets,
    _Writer.quote,
    _Writer.code,
    _Writer.table,
    _Writer.tasks,
)
_BLOCK_WEIGHTS = (22, 46, 10, 4, 11, 4, 3)

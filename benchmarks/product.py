"""Made-up documents like those of a product: reference pages, each of the same build, that point at each other.

The median document has 10 KB, twenty sections and ten keys of YAML, tables, code blocks and some twenty links, most of
them to other documents or their sections; one in thirty leads nowhere. Headings return from document to document
("Syntax", "Output"), as do the keys of the front matter. This is the build of the documentation of a shell, which has
3,000 pages of 10.7 KB and 22 sections.
"""

from __future__ import annotations

import math
import posixpath
from random import Random

from benchmarks.words import own_words, passage, word

_SIGMA = 0.5
_PER_SECTION = 0.05
"""A section has about this part of the median document."""
_IN_A_FOLDER = 40
_FIRST = ("Summary", "Syntax", "Before you begin")
_LAST = ("Input", "Output", "Error codes", "Notes", "See also")
_LANGUAGES = ("sh", "sh", "json", "yaml", "python", "")
_CATEGORIES = ("reference", "how-to", "concept")


def path_of(number: int) -> str:
    """Return where the document with this number lies: a part of the product, an area of it, a page."""
    folder = number // _IN_A_FOLDER
    return f"{word(400 + folder % 12)}/{word(200 + folder)}/{_command(number)}.md"


def _command(number: int) -> str:
    return f"{word(80 + number % 60)}-{word(2000 + number % 700)}-{number}"


def sections_of(number: int, documents: int, seed: int) -> list[tuple[int, str]]:
    """Return the headings below the title, with their levels: most documents have some twenty, a few twice as many."""
    random = Random(f"{seed}/{documents}/{number}/sections")
    options = min(40, round(random.lognormvariate(math.log(7), _SIGMA)))
    examples = random.randint(2, 5)
    named = random.sample(range(300, 900), options)
    return [
        *((2, title) for title in _FIRST),
        (2, "Options"),
        *((3, f"--{word(rank)}") for rank in named),
        (2, "Examples"),
        *((3, f"Example {one}: {word(900 + random.randrange(400))}") for one in range(1, examples + 1)),
        *((2, title) for title in _LAST),
    ]


def document(number: int, documents: int, median_bytes: int, seed: int) -> str:
    """Return the text of one document. It depends on these four alone."""
    writer = _Writer(number, documents, median_bytes, seed)
    parts = [writer.front_matter(), f"# {_command(number)}", writer.paragraph()]
    for level, title in sections_of(number, documents, seed):
        parts += [f"{'#' * level} {title}", *writer.section(title)]
    return "\n\n".join(parts) + "\n"


class _Writer:
    """Makes the parts of one document."""

    def __init__(self, number: int, documents: int, median_bytes: int, seed: int) -> None:
        self._random = Random(f"{seed}/{documents}/{number}/text")
        self._number, self._documents, self._seed = number, documents, seed
        self._own = own_words(self._random, median_bytes)
        self._scale = median_bytes * _PER_SECTION / 500  # the figures below make sections of 500 bytes

    def _words(self, least: int, most: int) -> list[str]:
        return passage(self._random, self._own, max(1, round(self._random.randint(least, most) * self._scale)))

    def _phrase(self, least: int, most: int) -> str:
        return " ".join(passage(self._random, self._own, self._random.randint(least, most)))

    def front_matter(self) -> str:
        random, name = self._random, _command(self._number)
        keywords = ", ".join(word(100 + random.randrange(200)) for _ in range(random.randint(2, 5)))
        return "\n".join(
            (
                "---",
                f"title: {name}",
                f"description: {self._phrase(8, 16).capitalize()}.",
                f"author: {word(500 + random.randrange(30))}",
                f"date: 2024-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
                f"product: {word(400 + self._number % 12)}",
                f"version: '{random.randint(5, 7)}.{random.randint(0, 5)}'",
                f"category: {random.choice(_CATEGORIES)}",
                f"keywords: [{keywords}]",
                f"source: https://example.org/{path_of(self._number).removesuffix('.md')}?view={random.randint(5, 7)}",
                "schema: 2.0.0",
                "---",
            )
        )

    def section(self, title: str) -> list[str]:
        """Return the blocks below a heading, by what it announces."""
        if title == "Syntax":
            return [self._code("sh")]
        if title.startswith("--"):
            return [self.paragraph(), self._table()]
        if title.startswith("Example "):
            return [self.paragraph(), self._code(self._random.choice(_LANGUAGES))]
        if title == "See also":
            return ["\n".join(f"- {self._link()}" for _ in range(self._random.randint(3, 7)))]
        if title == "Error codes":
            return [self._table()]
        return [self.paragraph(), self._random.choice((self.paragraph, self._bullets))()]

    def paragraph(self) -> str:
        """Return a few sentences, with code between the words and now and then a link."""
        random, words = self._random, self._words(25, 60)
        if random.random() < 0.6:
            words.insert(random.randrange(len(words)), f"`{self._option()}`")
        if random.random() < 0.5:
            words.insert(random.randrange(len(words)), self._link())
        if random.random() < 0.2:
            words.insert(random.randrange(len(words)), f"**{self._phrase(1, 3)}**")
        lines = [" ".join(words[first : first + 14]) for first in range(0, len(words), 14)]
        return "\n".join(lines).capitalize() + "."

    def _bullets(self) -> str:
        return "\n".join(f"- {self._phrase(4, 12)}" for _ in range(self._random.randint(2, 5)))

    def _table(self) -> str:
        rows = (f"| `{self._option()}` | {self._phrase(1, 2)} | {self._phrase(3, 8)} |" for _ in range(4))
        return "\n".join(
            (f"| {self._phrase(1, 1)} | {self._phrase(1, 1)} | {self._phrase(1, 1)} |", "|---|---|---|", *rows)
        )

    def _code(self, language: str) -> str:
        lines = (
            f"{_command(self._other())} {self._option()} {self._phrase(1, 4)}"
            for _ in range(self._random.randint(2, 8))
        )
        return "\n".join((f"```{language}", *lines, "```"))

    def _option(self) -> str:
        return f"--{word(300 + self._random.randrange(600))}"

    def _link(self) -> str:
        """Return a link: most are relative to another document, half of those with a good anchor; few lead nowhere."""
        random, other = self._random, self._other()
        kind = random.choices(("document", "section", "here", "external", "broken"), (38, 34, 10, 15, 3))[0]
        label = f"`{_command(other)}`" if random.random() < 0.3 else self._phrase(1, 4)
        if kind == "external":
            return f"[{label}](https://example.org/{word(other % 5000)}/{other})"
        if kind == "here":
            return f"[{label}](#{self._anchor(self._number)})"
        target = posixpath.relpath(path_of(other), posixpath.dirname(path_of(self._number)))
        if kind == "broken":
            return f"[{label}]({random.choice((target.replace('.md', '-old.md'), f'{target}#{word(other % 5000)}-x'))})"
        return f"[{label}]({target}{f'#{self._anchor(other)}' if kind == 'section' else ''})"

    def _anchor(self, number: int) -> str:
        """Return the id of one of a document's sections, as GitHub makes it."""
        title = self._random.choice(sections_of(number, self._documents, self._seed))[1]
        return title.lower().replace(" ", "-").replace(":", "")

    def _other(self) -> int:
        """Return the number of a document: a near one, any, or one of the few that many link to."""
        share, kind = self._random.random(), self._random.random()
        if kind < 0.4:
            return min(self._documents - 1, self._number // _IN_A_FOLDER * _IN_A_FOLDER + int(_IN_A_FOLDER * share))
        return int(self._documents * (share if kind < 0.7 else share**4))

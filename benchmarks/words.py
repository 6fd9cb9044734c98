"""The made-up words of generated documents: common ones short, each writer with a few of their own."""

from __future__ import annotations

from itertools import accumulate
from random import Random

_SYLLABLES = [first + vowel + last for last in "nrlmt" for vowel in "aeiou" for first in "tsdbcfgklmnprv"]
_VOCABULARY = 20_000


def word(rank: int) -> str:
    """Return the word at a rank of frequency, from 0. All differ, and common ones are short, as in a language."""
    syllables = ""
    rank += len(_SYLLABLES) - 69  # seventy words have one syllable, a third of what is written
    while rank:
        rank, digit = divmod(rank - 1, len(_SYLLABLES))
        syllables = _SYLLABLES[digit] + syllables
    return syllables


_WORDS = [word(rank) for rank in range(_VOCABULARY)]
_WEIGHTS = list(accumulate(1 / (rank + 2.7) for rank in range(_VOCABULARY)))


def own_words(random: Random, size: float) -> list[str]:
    """Return the words that a document of this many bytes is written with, common ones several times.

    How many different words a text of a length has follows a power law; without it an index costs three times what it
    costs for real texts.
    """
    return random.choices(_WORDS, cum_weights=_WEIGHTS, k=int(15 * (size / 6) ** 0.55) + 1)


def passage(random: Random, own: list[str], count: int) -> list[str]:
    """Return so many words of a document's own; within a passage they repeat."""
    few = random.choices(own, k=count * 3 // 5 + 1)
    return random.choices(few, k=count)

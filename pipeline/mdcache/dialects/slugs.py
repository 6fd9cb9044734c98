"""Ids of headings: kernels, which make a slug of a heading's text, and ways to number duplicates."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

# GitHub keeps word characters (letters, marks, decimal and letter numbers, connecting punctuation, letters in circles
# and squares), hyphens and spaces, and turns each space into a hyphen; everything else, emoji too, goes.
_KEPT = frozenset(("Nd", "Nl", "Pc"))
_ENCLOSED = re.compile("[\u24b6-\u24e9\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189]")
_ASCII = {
    code: "-" if chr(code) == " " else (chr(code).lower() if chr(code).isalnum() or chr(code) in "-_" else None)
    for code in range(128)
}


def github(text: str) -> str:
    """Return GitHub's slug of a heading's plain text."""
    if text.isascii():
        return text.translate(_ASCII)
    return "".join("-" if c == " " else c for c in text.lower() if c in " -" or _is_word(c))


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in _KEPT or (category == "So" and bool(_ENCLOSED.match(char)))


_NO_WORD = re.compile(r"[^\w\s-]")
_NO_WORD_OR_SPACE = re.compile(r"[^\w\- ]")
_DASHES_AND_SPACES = re.compile(r"[-\s]+")
_HTML_TAG = re.compile(r"<[^>]*+>")
_ASCII_CAPITALS = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def python_markdown(text: str) -> str:
    """Return the slug of Python-Markdown's toc: what is not ASCII is lost, accents before that."""
    return python_markdown_unicode(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode())


def python_markdown_unicode(text: str) -> str:
    """Return the slug of markdown.extensions.toc.slugify_unicode."""
    return _DASHES_AND_SPACES.sub("-", _NO_WORD.sub("", text).strip().lower())


def pymdownx(text: str) -> str:
    """Return the slug of pymdownx.slugs without a setting: letters keep their case, tags are cut out."""
    return _pymdownx(text, str)


def pymdownx_lower(text: str) -> str:
    """Return the slug of pymdownx.slugs with case="lower"."""
    return _pymdownx(text, str.lower)


def pymdownx_lower_ascii(text: str) -> str:
    """Return the slug of pymdownx.slugs with case="lower-ascii"."""
    return _pymdownx(text, lambda slug: slug.translate(_ASCII_CAPITALS))


def pymdownx_fold(text: str) -> str:
    """Return the slug of pymdownx.slugs with case="fold"."""
    return _pymdownx(text, str.casefold)


def _pymdownx(text: str, cased: Callable[[str], str]) -> str:
    composed = unicodedata.normalize("NFC", text)
    tagged = composed.rfind(">") + 1  # behind the last > none ends, and to look for one from each < is quadratic
    untagged = _HTML_TAG.sub("", composed[:tagged]) + composed[tagged:]
    return _NO_WORD_OR_SPACE.sub("", cased(untagged.strip())).replace(" ", "-")


def mdbook(text: str) -> str:
    """Return the slug of mdBook since 0.5."""
    return mdbook_4(text.lower())


def mdbook_4(text: str) -> str:
    """Return the slug of mdBook before 0.5: only ASCII becomes lower case."""
    lower = text.strip().translate(_ASCII_CAPITALS)
    return "".join("-" if c.isspace() else c for c in lower if c in "_-" or c.isspace() or _is_alphanumeric(c))


# Marks are letters in Unicode when they stand for a vowel; mostly those that combine in no special way do. These are
# the exceptions that are in use: points of Hebrew and Arabic, vowels of Thai and Lao are; selectors of variants, and
# signs that silence or stress a letter in Thai, Lao and Khmer, are not.
_VOWELS = re.compile(
    "[\u05b0-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u0657\u0659-\u065f\u0670\u06d6-\u06dc"
    "\u06e1-\u06e4\u06e7\u06e8\u06ed\u0e38\u0e39\u0eb8\u0eb9]"
)
_NO_VOWELS = re.compile(
    "[\u034f\u0e47\u0e4c\u0e4e\u0eba\u0ecc\u17b4\u17b5\u17c9-\u17d3\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


def _is_alphanumeric(char: str) -> bool:
    """Return whether a character is a letter or number in Rust: vowel signs are, viramas and tone marks are not."""
    if char.isalnum():
        return True
    category = unicodedata.category(char)
    if category in ("Mn", "Mc"):
        return bool(_VOWELS.match(char)) or not (unicodedata.combining(char) or _NO_VOWELS.match(char))
    return category == "So" and bool(_ENCLOSED.match(char))


def hugo(text: str) -> str:
    """Return Hugo's slug: letters, decimal digits and _ in lower case, hyphens and spaces as hyphens, nothing else."""
    kept = ("-" if c in " -" else c.lower()[0] for c in text.strip() if c in " -_" or _is_letter_or_digit(c))
    return "".join(kept) or "heading"


def hugo_ascii(text: str) -> str:
    """Return Hugo's slug of the type github-ascii: accents go, and then what is not ASCII."""
    bare = unicodedata.normalize("NFD", text[:_LONGEST])
    return hugo("".join(c for c in bare if c.isascii()))


def blackfriday(text: str) -> str:
    """Return Hugo's slug of the type blackfriday: each run of other characters is one hyphen, and none at the ends."""
    runs = re.sub(r"[\W_]+", "-", text).strip("-")
    return "".join(c.lower()[0] for c in runs) or "heading"


def kramdown_gfm(text: str) -> str:
    """Return the slug of kramdown's parser for GitHub's markdown, which Jekyll uses."""
    return "".join("-" if c in " \t" else c.lower() for c in text if c in "- \t" or _is_ruby_word(c))


def kramdown(text: str) -> str:
    """Return the slug of plain kramdown, of ASCII alone; what comes before the first letter goes."""
    kept = re.sub(r"[^A-Za-z0-9 -]", "", re.sub(r"\A[^A-Za-z]+", "", text))
    return kept.replace(" ", "-").lower() or "section"


def myst(text: str) -> str:
    """Return the slug of MyST: Python's word characters and hyphens, a hyphen for each space."""
    return re.sub(r"[^\w\u4e00-\u9fff\- ]", "", text.strip().lower().replace(" ", "-"))


def docutils(text: str) -> str:
    """Return the id that docutils gives a heading: ASCII letters and digits, a hyphen for each run of others."""
    bare = unicodedata.normalize("NFKD", text[:_LONGEST].lower()).encode("ascii", "ignore").decode()
    return re.sub(r"^[-0-9]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", " ".join(bare.split())))


# To normalise a long row of accents takes time that grows with its square.
_LONGEST = 1024


def _is_letter_or_digit(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] == "L" or category == "Nd"


def _is_ruby_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in ("Nd", "Pc")


def counting(wanted: str, seen: dict[str, int]) -> str:
    """Return a slug with how often it came before: a second `setup` is `setup-1`, whether that is taken or not."""
    count = seen[wanted] = seen.get(wanted, -1) + 1
    return f"{wanted}-{count}" if count else wanted


_MARKS_ABOVE = re.compile("[\u0300-\u036f\x00-\x1f]")
_SIGNS = re.compile(r"""[\s~`!@#$%^&*()\-_+=\[\]{}|\\;:"'\u201c\u201d\u2018\u2019<>,.?/]+""")


def vitepress(text: str) -> str:
    """Return the slug of VitePress: accents are lost, each run of signs becomes one hyphen, a digit gets a _ before."""
    slug = _SIGNS.sub("-", _MARKS_ABOVE.sub("", unicodedata.normalize("NFKD", text[:_LONGEST]))).strip("-").lower()
    return f"_{slug}" if slug[:1] in string.digits and slug else slug


def gitlab(text: str) -> str:
    """Return GitLab's slug of a heading's plain text: GitHub's, with all that counts: `H₂O`, `½`."""
    if text.isascii():
        return text.translate(_ASCII)
    return "".join(
        "-" if c == " " else c for c in text.lower() if c in " -" or _is_word(c) or unicodedata.category(c) == "No"
    )


def skipping_taken(wanted: str, seen: dict[str, int]) -> str:
    """Return a slug told apart from those seen: a second `setup` becomes `setup-1`, unless that is taken."""
    anchor = wanted
    while anchor in seen:
        seen[wanted] += 1
        anchor = f"{wanted}-{seen[wanted]}"
    seen[anchor] = 0
    return anchor


_NUMBERED = re.compile(r"(.*)_([0-9]{1,18})", re.DOTALL)


def underscored(wanted: str, seen: dict[str, int]) -> str:
    """Return a slug told apart as Python-Markdown does it: `setup_1`, then `setup_2`; one without a letter is `_1`.

    seen holds for each id that is taken a number up to which all are, so that a thousand `setup` take no million steps.
    """
    numbered = _NUMBERED.fullmatch(wanted)
    stem, number = (numbered[1], int(numbered[2])) if numbered else (wanted, 0)
    anchor, passed = wanted, []
    while anchor in seen or not anchor:
        passed.append(anchor)
        number = max(number + 1, seen.get(anchor, 0))
        anchor = f"{stem}_{number}"
    seen.update(dict.fromkeys(passed, number))
    seen[anchor] = 0
    return anchor


KERNELS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "github": github,
        "gitlab": gitlab,
        "vitepress": vitepress,
        "python-markdown": python_markdown,
        "python-markdown-unicode": python_markdown_unicode,
        "pymdownx": pymdownx,
        "pymdownx-lower": pymdownx_lower,
        "pymdownx-lower-ascii": pymdownx_lower_ascii,
        "pymdownx-fold": pymdownx_fold,
        "mdbook": mdbook,
        "mdbook-0.4": mdbook_4,
        "hugo": hugo,
        "hugo-ascii": hugo_ascii,
        "blackfriday": blackfriday,
        "kramdown-gfm": kramdown_gfm,
        "kramdown": kramdown,
        "myst": myst,
        "docutils": docutils,
    }
)
"""What makes a slug of a heading's plain text, by the names that settings use."""
NUMBERINGS: Mapping[str, Callable[[str, dict[str, int]], str]] = MappingProxyType(
    {"skip-taken": skipping_taken, "underscore": underscored, "count": counting}
)
"""What tells a slug apart from those before it, seen: how often each was asked for again. By the names of settings."""

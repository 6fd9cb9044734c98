"""Set the characters of scripts without spaces apart.

To SQLite's unicode61 tokenizer a Chinese sentence is one word. The index keeps no text, so what is indexed may
be segmented: each such character becomes a token, in documents and in queries alike, and a phrase finds any substring.
"""

from __future__ import annotations

import re
import unicodedata

SEPARATOR = "\x1f"
"""Set between characters. No word character to the tokenizer, and easily taken out of a snippet again."""

# Thai, Lao; Myanmar; Hangul jamo; Khmer; CJK radicals to ideographs, kana, bopomofo; Hangul and Han beyond;
# Myanmar extended; jamo extended; compatibility ideographs; halfwidth kana and hangul; the planes of rare Han.
_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u19e0-\u19ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u303c"
    "\u3040-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
# Not longer, since to normalise a long row of marks takes time that grows with its square.
_RUN = re.compile(f"([{_SCRIPTS}]{{1,1024}})")
# What all other texts consist of, but for a few: four times as fast as to look for a run in vain.
_OTHERS = re.compile("[\0-\u0dff\u2000-\u2dff]*")


def segment(text: str) -> str:
    """Return the text with such characters set apart; other text comes back unchanged, at almost no cost."""
    if text.isascii() or _OTHERS.fullmatch(text):
        return text
    pieces = _RUN.split(text)
    if len(pieces) == 1:
        return text
    pieces[1::2] = [SEPARATOR.join(unicodedata.normalize("NFC", run)) for run in pieces[1::2]]
    return SEPARATOR.join(filter(None, pieces))


def joined(text: str) -> str:
    """Return the text of a snippet without the separators."""
    return text.replace(SEPARATOR, "")

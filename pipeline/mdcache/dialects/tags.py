"""How `#tag` looks in a text: patterns, which find it fast."""

from __future__ import annotations

import re

# What may stand before the `#`, to be looked at more closely: white space, what markup may leave there, and
# punctuation of scripts that put no space after it.
_BEFORE = r"\s*_~=>|,;\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"
# No part of a name: white space, control characters, ASCII punctuation but - _ and /, and the punctuation of other
# scripts. What joins letters (the zero width joiners, ·, ・) and what emoji are put together of does belong to it.
_NEVER = (
    r"\s\x00-\x1f'!\"#$%&()*+,.:;<=>?@^`{|}~\[\]\\"
    r"\u00a1\u00ab\u00bb\u00bf\u060c\u061b\u061f\u06d4\u0964\u0965\u2000-\u200b\u200e-\u206f\u2e00-\u2e7f"
    r"\u3001\u3002\u3008-\u3011\u3014-\u301f\uff01-\uff0c\uff0e\uff1a-\uff20\uff3b-\uff3e\uff40\uff5b-\uff65"
)

BY_WORD = re.compile(rf"#(?<![^{_BEFORE}]#)([^{_NEVER}]+)")
"""A tag is a word of its own: `C#`, `a.md#b`, `(#fff)`, `"#fff"` and `[#A]` have none. Group 1 is its name."""

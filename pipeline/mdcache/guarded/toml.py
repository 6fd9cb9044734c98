"""TOML as strangers may write it: refused before what is in it costs more than it is long."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# tomllib keeps a key of n parts n times, each a part longer: 60 kB of `a.a.a` take 3.5 GB. Nobody needs as many.
_PARTS = 20
# Strings and comments are passed over as a whole; what remains are the parts of keys and what is between them.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+"
    r"|[ \t]++"
    r"|[^\s\"'#.=,{}\[\]]++"
    r"|.",
    re.DOTALL,
)
_ENDS_KEY = frozenset("\n=,{}[]")


def loads(raw: bytes) -> dict[str, Any]:
    """Return what a file of TOML says. Raises ValueError with what is wrong with it."""
    text = raw.decode()
    line = _line_of_long_key(text)
    if line:
        raise ValueError(f"a key of more than {_PARTS} parts (at line {line})")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("its values are nested too deeply") from error


def _line_of_long_key(text: str) -> int:
    """Return the number of the first line with a key of too many parts; 0 when there is none."""
    if all(line.count(".") < _PARTS for line in text.split("\n")):
        return 0  # as nearly always: a key stands in one line
    dots = 0
    for token in _TOKEN.finditer(text):
        dots = 0 if token[0] in _ENDS_KEY else dots + (token[0] == ".")
        if dots >= _PARTS:
            return text.count("\n", 0, token.start()) + 1
    return 0

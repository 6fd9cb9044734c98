"""Where fenced code lies."""

from __future__ import annotations

import re

import pytest

from mdcache.dialects.fences import fenced, outside


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"a\n```js\nx\n```\nb", [b"```js\nx\n```"]),
        (b"````\n```\nx\n```\n````\n", [b"````\n```\nx\n```\n````"]),
        (b"~~~\n```\n~~~ no end\n~~~~\nb", [b"~~~\n```\n~~~ no end\n~~~~"]),
        (b"- ```\n  x\n  ```\n> ~~~\n> x", [b"- ```\n  x\n  ```", b"> ~~~\n> x"]),
        (b"``` no `fence`\n", []),
        (b"`` x\n", []),
    ],
)
def test_fences_are_found_line_by_line(text: bytes, code: list[bytes]) -> None:
    assert [text[start:end] for start, end in fenced(text)] == code


@pytest.mark.parametrize(
    ("text", "at"), [(b"x\n", 0), (b"```\nx\n```\n", None), (b"```\nx\n```\nx", 10), (b"", None), (b"```\n```\nx", 8)]
)
def test_what_stands_in_a_fence_is_not_found(text: bytes, at: int | None) -> None:
    assert outside(re.compile(b"x"), text) == at

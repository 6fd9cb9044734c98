"""Every code has a page that says what is wrong and what to do."""

from __future__ import annotations

import re

import pytest

from mdcache import codes
from mdcache.codes import CODES, Code
from mdcache.errors import UsageError


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_a_page_says_what_is_wrong_and_what_to_do(code: Code) -> None:
    heading, wrong, *rest = code.page.strip().split("\n\n")
    assert heading == f"## `{code.name}` ({code.severity})"
    assert code.severity in ("error", "warning", "note")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.name)
    assert code.summary == " ".join(wrong.split())
    assert rest, "what to do"
    assert all(len(line) <= 120 for line in code.page.splitlines())
    assert codes.page(code.name) == code.page


def test_a_code_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no problem has the code 'broken': there are front-matter, "):
        codes.page("broken")

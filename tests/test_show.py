from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.cli import show

Capture = pytest.CaptureFixture[str]


@given(value=st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())))
def test_json_says_exactly_what_it_was_given_in_one_harmless_line(value: dict[str, object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        show.as_json(value)
    text = out.getvalue()
    assert json.loads(text) == value
    assert text.endswith("\n")
    assert show.clean(text) == text
    assert len(text.splitlines()) == 1


def test_json_keeps_scripts_readable_and_names_that_are_no_text(capsys: Capture) -> None:
    show.as_json({"title": "校准 é 😀", "path": "caf\udce9", "c1": "\x9b31m", "bidi": "\u202e"})
    out = capsys.readouterr().out
    assert out == '{"title": "校准 é 😀", "path": "caf\\udce9", "c1": "\\u009b31m", "bidi": "\\u202e"}\n'


def test_where_only_ascii_can_be_written_json_is_still_json(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", written)
    show.as_json({"title": "é 😀"})
    show.out("é")
    assert json.loads(written.buffer.getvalue().splitlines()[0]) == {"title": "é 😀"}
    assert written.buffer.getvalue().splitlines()[1] == b"\\xe9"


@pytest.mark.parametrize("text", ["##vso[task.setvariable variable=x]y", "a ##[group]b", "##TeamCity[x]", "###[x]"])
def test_json_holds_no_command_of_a_ci_system_and_says_the_same(text: str, capsys: Capture) -> None:
    show.as_json({"title": text})
    out = capsys.readouterr().out
    assert not re.search(r"##(vso|teamcity)?\[", out, re.IGNORECASE)
    assert json.loads(out) == {"title": text}


def test_what_is_printed_is_harmless_even_when_nobody_has_cleaned_it(capsys: Capture) -> None:
    show.out("::error::a\x1b[31m\u202e\n\u2028 ##vso[x]\udce9")
    show.note("a\n::error::b\x9b ##[x]")
    read = capsys.readouterr()
    assert read.out == "\\::error::a\ufffd[31m\ufffd\n\n #\\#vso[x]\\udce9\n"
    assert read.err == "a ::error::b\ufffd #\\#[x]\n"


def test_a_message_without_measure_loses_its_middle_and_keeps_its_remedy(capsys: Capture) -> None:
    show.note(f"cannot read {'0' * 1_000_000}: run mdcache sync")
    err = capsys.readouterr().err
    assert len(err) == 3_002
    assert err.startswith("cannot read 000") and err.endswith("000: run mdcache sync\n") and "0…0" in err
    show.note(f"cannot read {'0' * 2_900}")
    assert "…" not in capsys.readouterr().err


def test_a_traceback_is_harmless(capsys: Capture) -> None:
    show.trace(ValueError("\x1b[2J\n::error::x\n##vso[y]"))
    assert capsys.readouterr().err == "ValueError: \ufffd[2J\n\\::error::x\n#\\#vso[y]\n"


def test_a_snippets_hits_are_set_apart_and_nothing_else_is() -> None:
    assert show.marked("a \1hit\2 \ue000b\ue001\n\x1b[1m", "\1", "\2") == "a «hit» \ue000b\ue001 \ufffd[1m"


@pytest.mark.parametrize(("value", "shown"), [(0, "0 documents"), (1, "1 document"), (12_345, "12,345 documents")])
def test_counts_agree_with_their_noun(value: int, shown: str) -> None:
    assert show.count(value, "document") == shown


def test_sizes_and_times_are_short() -> None:
    assert [show.size(999), show.size(12_345), show.size(12_345_678)] == ["1.0 kB", "12.3 kB", "12.3 MB"]
    assert [show.seconds(0.014), show.seconds(12.34)] == ["0.01 s", "12.3 s"]

"""TOML that strangers write: refused before it costs more than it is long."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.guarded import toml

MANY = ".".join("a" * 30_000)


@pytest.mark.parametrize(
    "text",
    [
        f"{MANY} = 1",
        f"x = 1\n[{MANY}]",
        f"[[{MANY}]]",
        f"x = {{ {MANY} = 1 }}",
        f"x = [{{ y = 1, {MANY} = 1 }}]",
        MANY.replace(".", " . ") + " = 1",
        ".".join(['"a.b"', "'c'"] * 1000) + " = 1",
        f'"\\"" = 1\n{MANY} = 1',
        f"'\"' = 1\n{MANY} = 1",
        f'x = """\n"\\""""\n{MANY} = 1',
        f"x = '''\n'\n'''\n{MANY} = 1",
        f"x = 1 # it's \"odd\n{MANY} = 1",
        f'x = """""" # " \n{MANY} = 1',
        f"x = ''''''\n{MANY} = 1",
    ],
)
def test_a_key_of_thousands_of_parts_is_refused_at_once_wherever_it_stands(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=r"a key of more than 20 parts \(at line \d+\)|Invalid|Unterminated|Expected"):
        toml.loads(text.encode())
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        f"x = '{MANY}'",
        f'x = "\\"{MANY}"',
        f"x = '''\n{MANY}\n'''",
        f'x = """\n" "" {MANY}\n"""',
        f"# {MANY}",
        f"x = [{', '.join(['1.5'] * 1000)}]",
        ".".join("a" * 20) + " = 1",
        f"[{'.'.join('a' * 20)}]\n{'.'.join('b' * 20)} = 1",
    ],
)
def test_dots_in_strings_comments_and_numbers_are_none_of_a_key(text: str) -> None:
    assert toml.loads(text.encode()) == tomllib.loads(text)


@given(
    st.lists(
        st.sampled_from(["a", ".", '"', "'", '"""', "'''", "\\", "#", "\n", " ", "=", "[", "{", "1", ","]), max_size=30
    )
)
def test_what_has_few_dots_is_read_as_the_standard_library_reads_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        expected: object = tomllib.loads(text)
    except ValueError:
        expected = ValueError
    try:
        found: object = toml.loads(text.encode())
    except ValueError:
        found = ValueError
    assert found == expected


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "{a=" * 100_000, "x = " + "9" * 100_000, b"\xff"])
def test_whatever_cannot_be_read_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        toml.loads(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "piece", ['"', "'", '"""', "'''", '"a', '""', "\\", '"\\', "a.", "a .", ".", "#", "[a.", "{", " ", "'''''", '"""""']
)
def test_no_text_takes_long(piece: str) -> None:
    text = f"{'a.' * 25}{piece * (300_000 // len(piece))}\n"
    began = time.process_time()
    with pytest.raises(ValueError):
        toml.loads(("x = 1\n" + text).encode())
    assert time.process_time() - began < 2

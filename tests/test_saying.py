"""What of the files counts by which a site is found."""

from __future__ import annotations

import pytest

from mdcache.dialects import saying


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("a.toml", "[a]\nb = 1", {"a": {"b": 1}}),
        ("a.yml", "a: {b: x}", {"a": {"b": "x"}}),
        ("a.json", '{"a": [1]}', {"a": [1]}),
        ("a.json", "[" * 100_000, {}),
        ("a.toml", "a = ", {}),
        ("a.yaml", "- a", {}),
        ("a.txt", "a: b", {}),
    ],
)
def test_a_file_says_what_its_extension_lets_it_say(name: str, text: str, value: object) -> None:
    assert saying.said(text, name) == value


def test_values_are_found_below_their_keys() -> None:
    value = {"a": {"b": ["x", 1, {"c": "y"}]}, "t": "z"}
    assert saying.texts(value, "a", "b") == ("x",)
    assert saying.texts(value, "t") == ("z",)
    assert list(saying.tables(value, "a", "b")) == [{"c": "y"}]
    assert saying.text(value, "a", "b") == saying.text(value, "t", "x") == ""
    assert saying.lower_keys({"A": [{"B": "C"}]}) == {"a": [{"b": "C"}]}


@pytest.mark.parametrize(
    ("address", "path"), [("https://x.org/docs/", "docs"), ("https://x.org", ""), ("/a/b/", "a/b"), ("/", "")]
)
def test_the_path_of_an_address_is_what_follows_the_host(address: str, path: str) -> None:
    assert saying.path_of(address) == path

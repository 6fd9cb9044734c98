"""The YAML of sites' settings: read without tags, at a price that its length bounds."""

from __future__ import annotations

import time

import pytest

from mdcache.guarded import yml
from mdcache.guarded.yml import Tagged

SAID = (
    ("", None),
    ("a: b\n", {"a": "b"}),
    ("a: 1.10\nb: 12:30\nc: yes\n", {"a": "1.10", "b": "12:30", "c": "yes"}),
    ("a: true\nb: 'true'\nc: ~\nd:\n", {"a": True, "b": "true", "c": None, "d": None}),
    ("- a\n- b: [c, {d: e}]\n", ["a", {"b": ["c", {"d": "e"}]}]),
    ("a: 1\na: 2\n", {"a": "2"}),
    ("? [a, b]\n: c\nd: e\n", {"d": "e"}),
    ("a: &x [b]\nc: *x\n", {"a": ["b"], "c": ["b"]}),
    ("a: &x [*x]\n", {"a": [None]}),
    ("a: !ENV [HOME, b]\n", {"a": Tagged("ENV", ["HOME", "b"])}),
    ("a: !!python/name:os.system\n", {"a": Tagged("python/name:os.system", "")}),
    ("a: !!python/object/apply:os.system\n  kwds: {case: lower}\n",
     {"a": Tagged("python/object/apply:os.system", {"kwds": {"case": "lower"}})}),
    ("a: b\n---\nc: d\n", {"a": "b"}),
    ("# only a comment\n", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "said"), SAID)
def test_a_text_says(text: str, said: object) -> None:
    assert yml.loads(text) == said


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)
WRONG = {
    "unclosed": "a: [b\n",
    "tabs": "a:\n\t- b\n",
    "deep": "[" * 65_000,
    "deep blocks": "".join(f"{' ' * i}a:\n" for i in range(400)),
    "dense": "- " * 65_000 + "a",
    "bomb": BOMB,
    "long": "a: b\n" * 100_000,
    "control": "a: \x00",
    "undefined tag handle": "a: !x!y z\n",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_or_too_much_is_refused_at_once(name: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"\w"):
        yml.loads(WRONG[name])
    assert time.process_time() - start < 1


def test_what_is_long_is_read_in_time() -> None:
    start = time.process_time()
    assert len(yml.loads("- [a, b]\n" * 28_000)) == 28_000
    assert time.process_time() - start < 2

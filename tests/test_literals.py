"""What programs in JavaScript say in literals."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import literals

CONFIG = r"""
// base: 'in a comment'
/* base: 'in another' */
const sidebar = [{ base: '/in-a-list/' }]
export default defineConfig(({ mode }) => ({
  "base": mode === 'dev' ? '/' : "/it's/",
  'src-dir': `pages`,
  docs: false,
  presets: [
    ['classic', /** @type {X} */ ({ docs: { path: path.resolve(__dirname, '../docs'), more: ['a', 'b'] }, blog: {} })],
    [require.resolve('other'), { path: 'x' }],
  ],
}) satisfies Config)
"""


def said(program: str) -> set[tuple[str, str, tuple[str, ...]]]:
    return {("/".join(one.within), one.key, one.texts) for one in literals.read(program)}


def test_texts_are_found_by_their_keys_wherever_they_stand() -> None:
    assert {
        ("", "base", ("dev", "/", "/it's/")),
        ("", "src-dir", ("pages",)),
        ("presets/classic/docs", "path", ("../docs",)),
        ("presets/classic/docs", "more", ("a", "b")),
        ("presets/other", "path", ("x",)),
    } <= said(CONFIG)


def test_only_the_outermost_object_has_the_settings_of_the_site() -> None:
    found = literals.read(CONFIG)
    assert literals.last(found, "base") == "/it's/"
    assert literals.last(found, "path") is None
    assert [one.flag for one in found if one.key == "docs" and one.top] == [False]


def test_names_of_texts_stand_for_them() -> None:
    program = "const BASE: string = '/a'; const docs = { path: `${BASE}/docs`, other: BASE, no: x.BASE, bare }"
    assert said(program) == {
        ("docs", "path", ("/a/docs",)),
        ("docs", "other", ("/a",)),
        ("docs", "no", ()),
        ("docs", "bare", ()),
    }


def test_texts_that_are_made_of_texts_do_not_grow_without_end() -> None:
    names = [f"const a{i} = `{'${a' + str(i - 1) + '}'}{'${a' + str(i - 1) + '}'}x`;" for i in range(1, 60)]
    found = literals.read("const a0 = 'xxxxxxxxxx';" + "".join(names) + "export default { base: a59 }")
    assert all(len(text) < 100_000 for one in found for text in one.texts)


def test_comments_say_nothing() -> None:
    assert literals.read("({ // a: 'x'\n/* b: 'y' */ c: 'http://z' // d: 'e'\n})")[0].texts == ("http://z",)


def test_a_ternary_or_a_type_is_no_key() -> None:
    keys = [one.key for one in literals.read("const f = (a: string): B => { return { k: a ? b : 'c' } }")]
    assert keys == ["k"]


@pytest.mark.parametrize("program", ["", "{", "}}}", "'", "({a: 'x", "({a: `x", "/*", "({a:})", "[,,]", "\x00"])
def test_a_torn_program_says_less_and_raises_nothing(program: str) -> None:
    assert literals.last(literals.read(program), "b") is None


@pytest.mark.parametrize(
    "program",
    ["{" * 1_000_000, "({a:" * 250_000, "['x',{a:'b'," * 80_000, "'\\" * 500_000, "/*" * 500_000, "a:" * 500_000],
)
def test_a_hostile_program_is_read_in_time(program: str) -> None:
    start = time.process_time()
    literals.read(program)
    assert time.process_time() - start < 2

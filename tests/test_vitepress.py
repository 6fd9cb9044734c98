"""Sites of VitePress: what their programs say, and their ids."""

from __future__ import annotations

import pytest

from mdcache.dialects import Marked, Mount
from mdcache.dialects.slugs import vitepress
from mdcache.dialects.vitepress import KIND


def marked(program: str) -> Marked:
    marker = ".vitepress/config.ts"
    return Marked("/r/docs", marker, frozenset((".vitepress",)), {marker: program})


def test_the_pages_lie_beside_the_folder_of_settings() -> None:
    (site,) = KIND.sites(marked("export default {}"))
    assert (site.docs, site.prefix) == ("/r/docs", "")
    assert site.mounts == (Mount("", "/r/docs"), Mount("", "/r/docs/public"))


def test_settings_say_where_the_pages_lie_and_how_they_are_served() -> None:
    program = (
        "defineConfig({ srcDir: './src', base: '/b/', rewrites: { 'en/:rest*': ':rest*', 'a/:b.md': 'c/:b.md' } })"
    )
    (site,) = KIND.sites(marked(program))
    assert (site.docs, site.prefix) == ("/r/docs/src", "b")
    assert site.mounts[:2] == (Mount("", "/r/docs/src"), Mount("", "/r/docs/src/en"))


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Hello, World! (v1.2)", "hello-world-v1-2"),
        ("snake_case __dunder__ name", "snake-case-dunder-name"),
        ("1. First step", "_1-first-step"),
        ("--flag option", "flag-option"),
        ("A & B", "a-b"),
        ("Café Ünï", "cafe-uni"),
        ("Emoji 🚀 rocket", "emoji-🚀-rocket"),
        ("What's new?", "what-s-new"),
        ("Don’t “quote” — dash…", "don-t-quote-—-dash"),
        ("!!!", ""),
        ("a   b\ttab", "a-btab"),
        ("50% off: $5.00", "_50-off-5-00"),
        ("हिन्दी पाठ", "हिन्दी-पाठ"),
        ("H₂O ½ ²", "h2o-1⁄2-2"),
        ("Привет Мир", "привет-мир"),
    ],
)
def test_ids_are_those_of_vitepress(heading: str, anchor: str) -> None:
    assert vitepress(heading) == anchor

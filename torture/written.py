"""Hostile documents, made of what documents are made of: front matter, blocks in blocks, links, odd bytes."""

from __future__ import annotations

import json

from hypothesis import strategies as st

Text = st.SearchStrategy[str]

WORDS = st.sampled_from(
    (
        *("word", "two words", "b", "deep/b", "b.md", "Sub", "漢字", "é", "e\u0301", "ﬃ", "İ", "ß", "ก็", "😀"),
        *("\u202e", "\ufeff", "\0", "\x07", "\x1b[31m", "\x1a", "\x7f", "\x85", "\u2028", "\u2029", "\x0b", "\x0c"),
        *("\t", "\u00a0", "\u200b", "../b.md", "/etc/passwd", "file:///etc/passwd", "%00", "%2e%2e%2fb"),
        *("javascript:x", "C:\\b", "//h/p", "#", "?q", "a" * 300, "../" * 40 + "b", "-", "--", "NULL"),
        *("'; DROP TABLE nodes; --", "NEAR(", '"', "*", "&#0;", "&nbsp;"),
    )
)
LOOSE: Text = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
INLINE: Text = st.recursive(
    st.one_of(
        LOOSE,
        st.builds("[[{}#{}|{}]]".format, WORDS, WORDS, WORDS),
        st.builds("![[{}]]".format, WORDS),
        st.builds("[[{}]]".format, WORDS),
        st.builds("[{}](<{}> '{}')".format, WORDS, WORDS, WORDS),
        st.builds("![{}]({})".format, WORDS, WORDS),
        st.builds("[{}][{}]".format, WORDS, WORDS),
        st.builds("<https://{}>".format, WORDS),
        st.builds("https://h/{}".format, WORDS),
        st.builds("`{}`".format, WORDS),
        st.builds("#{}".format, WORDS),
        st.builds("({}:: [[{}]])".format, WORDS, WORDS),
        st.builds("[tag: {}]".format, WORDS),
        st.builds(" ^{}".format, WORDS),
        st.builds("[^{}]".format, WORDS),
        st.builds('<a id="{}" href="{}">'.format, WORDS, WORDS),
        st.sampled_from(
            ("\\", "*", "**", "_", "~~", "[", "![", "[[", "]]", "](", "<", "`", "``", "$$", "{#x}", "<!--", "-->")
        ),
    ),
    lambda inner: st.one_of(
        st.builds(
            "{}{}{}".format, st.sampled_from(("*", "**", "~~", "_", "")), inner, st.sampled_from(("*", "**", "~~"))
        ),
        st.builds("[{}]({})".format, inner, WORDS),
        st.builds("[[{}|{}]]".format, WORDS, inner),
        st.builds("{} {}".format, inner, inner),
    ),
    max_leaves=6,
)


def _indented(prefix: str, text: str) -> str:
    return "".join(prefix + line for line in text.splitlines(keepends=True))


BLOCK: Text = st.recursive(
    st.one_of(
        INLINE.map("{}\n\n".format),
        st.builds("{} {}\n\n".format, st.sampled_from(("#", "##", "######", "#######")), INLINE),
        st.builds("{}\n{}\n".format, INLINE, st.sampled_from(("===", "---", "="))),
        st.builds("{0}{1}\n{2}\n{0}\n".format, st.sampled_from(("```", "~~~~", "`````")), WORDS, INLINE),
        st.builds("```{}\n{}\n".format, WORDS, INLINE),
        st.builds("| {0} | {1} |\n|---|:-:|\n| {1} | {0} |\n\n".format, INLINE, INLINE),
        st.builds("[{}]: <{}>\n".format, WORDS, WORDS),
        st.builds("[^{}]: {}\n".format, WORDS, INLINE),
        st.builds("- [{}] {}\n".format, st.sampled_from((" ", "x", "X", "-")), INLINE),
        st.builds("<div>\n{}\n</div>\n\n".format, INLINE),
        st.builds("<!-- {} -->\n".format, INLINE),
        st.builds("<!-- tags: [{}: {}] -->\n".format, WORDS, WORDS),
        st.builds("{}:: {}\n".format, WORDS, INLINE),
        st.builds("<<<<<<< {}\n{}\n=======\n{}\n>>>>>>> x\n".format, WORDS, INLINE, INLINE),
        st.sampled_from(("---\n", "***\n", "\n", "\f\n", "---\nid: late\n---\n")),
    ),
    lambda inner: st.one_of(
        st.builds(
            _indented, st.sampled_from(("> ", "- ", "1. ", "    ", "\t", "> - ", "> [!note] ", "* " * 20)), inner
        ),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=10,
)
_SCALARS = st.one_of(
    WORDS,
    st.sampled_from(
        ("no", "1.10", "007", "2024-02-30", ".nan", "1e999", "0x_f", "!!python/object:os.system x", "*a", "&a b")
    ),
    st.sampled_from(
        ("!!binary ====", "!!timestamp x", "? x", "- - - x", "{a: {a: {a: }}}", "[" * 60, "{" * 60, "'", "|\n  x", ">-")
    ),
    st.integers().map(str),
)
_KEYS = st.sampled_from(
    (
        *("id", "title", "tags", "aliases", "type", "date", "summary", "up", "<<", "a b", "? [x]", "\0", "漢", "1"),
        *("null", "[x]: y\nk"),
    )
)
YAML: Text = st.one_of(
    st.lists(st.builds("{}: {}\n".format, _KEYS, _SCALARS), max_size=6).map("".join),
    st.dictionaries(
        _KEYS, st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=8), max_size=5
    ).map(lambda value: json.dumps(value) + "\n"),
    st.integers(2, 30).map(
        lambda depth: "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, depth))
    ),
    st.integers(1, 400).map(lambda depth: "deep: " + "[" * depth + "]" * depth + "\n"),
    st.integers(1, 200).map(lambda depth: "".join("  " * i + f"k{i}:\n" for i in range(depth))),
)
FRONT: Text = st.one_of(
    st.just(""),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(("---\n", "--- \n", "---\n---\n", "+++\n", "\n---\n")),
        YAML,
        st.sampled_from(("---\n", "...\n", "", "--- x\n", "----\n")),
    ),
)
REPEATED: Text = st.builds(
    lambda piece, size: piece * (size // len(piece) + 1),
    st.one_of(INLINE, BLOCK, YAML).filter(bool),
    st.sampled_from((3_000, 30_000, 300_000, 1_000_000)),
)
MARKDOWN: Text = st.builds(
    lambda front, blocks, end: front + "".join(blocks).rstrip(end),
    FRONT,
    st.lists(BLOCK, max_size=8),
    st.sampled_from(("", "\n")),
)
_ENCODINGS = (
    *("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"),
    *("shift-jis", "utf-7"),
)
_ODD = (
    *(b"", b"", b"", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe6\xbc", b"\xf4\x90\x80\x80", b"\0" * 50),
    b"\xef\xbb\xbf",
)


def _encoded(text: str, encoding: str, end: str, odd: bytes, at: float) -> bytes:
    raw = text.replace("\n", end).encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    where = int(at * len(raw))
    return raw[:where] + odd + raw[where:]


def _bytes(texts: Text) -> st.SearchStrategy[bytes]:
    return st.builds(
        _encoded,
        texts,
        st.sampled_from(_ENCODINGS),
        st.sampled_from(("\n", "\n", "\n", "\r\n", "\r", "\n\r", "\u2028")),
        st.sampled_from(_ODD),
        st.floats(0, 1),
    )


DOCUMENTS = st.one_of(_bytes(MARKDOWN), _bytes(MARKDOWN), st.binary(max_size=300))
LARGE = _bytes(st.builds("{}{}{}".format, FRONT, REPEATED, MARKDOWN))

"""Liquid and kramdown's own signs, as far as they are links, code and comments that CommonMark could read."""

from __future__ import annotations

import re

from mdcache.dialects import blanks

# No address that a person writes is longer.
_LONGEST = 1_000
_SIGNS = (b"{{", b"{%", b"{:")
# Where an address may begin, and what of Liquid it begins with: `](`, `]: `, `href="`.
_ADDRESS = re.compile(
    rb"(?:\]\(<?|\]:[ \t]{1,9}<?|=[\"'])[ \t]{0,9}((?:\{\{[^{}%\r\n]*+\}\}|\{%[^{}%\r\n]*+%\})++)(?=(.?))", re.DOTALL
)
_PART = re.compile(rb"\{\{-?[ \t]*+(?P<said>[^{}%]*+)\}\}|\{%-?[ \t]*+(?P<done>[^{}%]*+)%\}")
# The address of the site, which is where `/` is: `{{ site.baseurl }}`, `{{ site.url | escape }}`.
_BASE = re.compile(rb"(?:site\.(?:baseurl|url|github\.url)|base_path)[ \t]*(?:\|[^\"']*)?-?")
# `{{ "/x" | relative_url }}`, `{{ '/x' | prepend: site.baseurl }}`
_TEXT = re.compile(
    rb"(?:\"([^\"]+)\"|'([^']+)')[ \t]*\|[ \t]*(?:relative_url|absolute_url|prepend:[ \t]*(?:site|page)\.\w+|url)\b.*"
)
_LINK = re.compile(rb"link[ \t]+[\"']?([^\s\"'][^\"']*?)[\"']?[ \t]*-?")
_POST = re.compile(rb"post_url[ \t]+[\"']?(?:[^\s\"']*/)?([^\s/\"']+)[\"']?[ \t]*-?")
POSTS = b"/_posts/"
"""Below this each post has an address of its own, wherever it lies."""

_RAW = re.compile(rb"\{%-?[ \t]*raw[ \t]*-?%\}"), re.compile(rb"\{%-?[ \t]*endraw[ \t]*-?%\}")
_CODE = (
    re.compile(rb"^ {0,3}\{%-?[ \t]*highlight\b[^{}%\r\n]*%\}[ \t]*$", re.MULTILINE),
    re.compile(rb"^ {0,3}\{%-?[ \t]*endhighlight[ \t]*-?%\}[ \t]*$", re.MULTILINE),
)
_COMMENTS = (
    (re.compile(rb"\{%-?[ \t]*comment[ \t]*-?%\}"), re.compile(rb"\{%-?[ \t]*endcomment[ \t]*-?%\}")),
    (re.compile(rb"\{::comment\}"), re.compile(rb"\{:/(?:comment)?\}")),
)


def read(data: bytes) -> bytes:
    """Return a text with links as plain destinations, code in fences, and without comments."""
    if not any(sign in data for sign in _SIGNS):
        return data
    for opening, closing in _COMMENTS:
        data = _without(data, opening, closing)
    return _with_fences(_with_addresses(data))


def _without(data: bytes, opening: re.Pattern[bytes], closing: re.Pattern[bytes]) -> bytes:
    pieces, at = [], 0
    for block in blanks.blocks(data, opening, closing):
        pieces += [data[at : block.start], blanks.blanked(data[block.start : block.end])]
        at = block.end
    return b"".join((*pieces, data[at:]))


def _with_fences(data: bytes) -> bytes:
    pieces, at = [], 0
    for block in blanks.blocks(data, *_CODE):
        pieces += [data[at : block.start], blanks.fence(data[block.start : block.inside])]
        pieces += [data[block.inside : block.after], blanks.fence(data[block.after : block.end])]
        at = block.end
    return b"".join((*pieces, data[at:]))


def _with_addresses(data: bytes) -> bytes:
    """Return a text with the addresses that Liquid makes, but where it is shown as it is written."""
    pieces, at = [], 0
    for block in blanks.blocks(data, *_RAW):
        pieces += [_ADDRESS.sub(_address, data[at : block.start]), data[block.start : block.end]]
        at = block.end
    return b"".join((*pieces, _ADDRESS.sub(_address, data[at:])))


def _address(match: re.Match[bytes]) -> bytes:
    written, behind = match[1], match[2]
    before = match[0][: match.start(1) - match.start()]
    parts = [*_PART.finditer(written)]
    follows = [written[part.end() : part.end() + 1] or behind for part in parts]
    return before + b"".join(_part(part, follow) for part, follow in zip(parts, follows, strict=True))


def _part(part: re.Match[bytes], follows: bytes) -> bytes:
    """Return what one piece of Liquid is in an address, as long as it is; itself where that is not known."""
    whole, said, done = part[0], (part["said"] or b"").strip(), (part["done"] or b"").strip()
    if len(whole) > _LONGEST:
        return whole
    if _BASE.fullmatch(said):
        return (b"" if follows in (b"/", b"{") else b"/").rjust(len(whole))
    text, link, post = _TEXT.fullmatch(said), _LINK.fullmatch(done), _POST.fullmatch(done)
    if text or link:
        path = b"/" + (text[1] or text[2] if text else link[1] if link else b"").lstrip(b"/")
        return blanks.destination(path, len(whole)) or whole
    return blanks.destination(POSTS + post[1], len(whole)) or whole if post else whole

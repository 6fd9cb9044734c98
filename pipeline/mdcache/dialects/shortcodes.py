"""Hugo's shortcodes, as far as they are links, pictures and code that CommonMark could read."""

from __future__ import annotations

import re

from mdcache.dialects import blanks

_SIGN = b"{{"
# `{{< ref "a.md" >}}`, `{{% relref path="a.md" %}}`, also `"a.md" "html"` or with a language behind it.
_REF = re.compile(
    rb"\{\{([<%])[ \t]*(?:rel)?ref[ \t]+(?:path[ \t]*=[ \t]*)?"
    rb"(?:\"([^\"\r\n]+)\"|`([^`\r\n]+)`|([^\s\"`=<>%]+))[^<>%{}\r\n]*[>%]\}\}"
)
_FIGURE = re.compile(rb"\{\{<[ \t]*(?:figure|img|image)[ \t\r\n][^<>{}]*>\}\}")
_SOURCE = re.compile(rb"(?<=[\s])src[ \t]*=[ \t]*(?:\"([^\"\s]+)\"|`([^`\s]+)`)")
# A line that opens or closes what a shortcode shows as code.
_CODE = re.compile(
    rb"^[ ]{0,3}\{\{([<%])[ \t]*+(/?)[ \t]*+(highlight|tab|codenew|code|code-toggle|mermaid|comment)\b"
    rb"([^{}\r\n]*)[>%]\}\}[ \t]*$",
    re.MULTILINE,
)


def read(data: bytes) -> bytes:
    """Return a text with references as plain destinations, figures as images, and code in fences."""
    if _SIGN not in data:
        return data
    return _with_fences(_FIGURE.sub(_figure, _REF.sub(_reference, data)))


def _reference(match: re.Match[bytes]) -> bytes:
    return blanks.destination(_in_any_case(match[2] or match[3] or match[4]), len(match[0])) or match[0]


def _in_any_case(path: bytes) -> bytes:
    """Return a reference in lower case, in which each page has an address; one that names a file stays as it is."""
    page, mark, fragment = path.partition(b"#")
    return path if page.lower().endswith(b".md") else page.lower() + mark + fragment


def _figure(match: re.Match[bytes]) -> bytes:
    return _SOURCE.sub(_image, match[0], count=1)


def _image(match: re.Match[bytes]) -> bytes:
    return (b"![](" + (match[1] or match[2]) + b")").ljust(len(match[0]))


def _with_fences(data: bytes) -> bytes:
    """Return a text in which shortcodes around code are the lines of fences; one without its end stays as it is."""
    opened: re.Match[bytes] | None = None
    pieces, at = [], 0
    for line in _CODE.finditer(data):
        if not line[2]:
            opened = None if line[4].rstrip().endswith(b"/") else line
        elif opened and opened[3] == line[3]:
            if line[3] != b"tab" or b"code" in opened[4]:
                pieces += [data[at : opened.start()], blanks.fence(opened[0])]
                pieces += [data[opened.end() : line.start()], blanks.fence(line[0])]
                at = line.end()
            opened = None
    return b"".join((*pieces, data[at:])) if pieces else data

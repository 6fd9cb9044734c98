"""Hugo's shortcodes as plain markdown of the same length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.dialects import rewriting, shortcodes


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('[a]({{< ref "b.md#c" >}})', "[a](b.md#c)"),
        ('[a]({{% relref "b" %}})', "[a](b)"),
        ("[a]({{<ref b.md>}})", "[a](b.md)"),
        ('[a]({{< ref path="b" lang="fr" >}})', "[a](b)"),
        ('[a]({{< ref "my b.md" >}})', "[a](my%20b.md)"),
        ('{{< ref >}} {{</* ref "b" */>}}', '{{< ref >}} {{</* ref "b" */>}}'),
        ('{{< figure src="a.png" title="b" >}}', '{{< figure ![](a.png)  title="b" >}}'),
        ('{{< figure\n  alt="b"\n  src="a.png"\n>}}', '{{< figure\n  alt="b"\n  ![](a.png) \n>}}'),
        ("{{< highlight go >}}\n# a\n{{< /highlight >}}", f"~~~~~~~~{' ' * 12}\n# a\n~~~~~~~~{' ' * 10}"),
        ("{{< highlight go >}}\n# a\n", "{{< highlight go >}}\n# a\n"),
        ("{{< tab >}}\n[a](b)\n{{< /tab >}}", "{{< tab >}}\n[a](b)\n{{< /tab >}}"),
    ],
)
def test_links_pictures_and_code_are_what_commonmark_reads(text: str, read: str) -> None:
    found = shortcodes.read(text.encode()).decode()
    assert (found.replace(" ", ""), len(found)) == (read.replace(" ", ""), len(text))


_PIECES = st.sampled_from(
    ["{{< ", "{{% ", " >}}", " %}}", 'ref "', "relref ", 'figure src="', '"', "\n", "é", "a b", "highlight go", "/highlight", "`", "{% ", " %}", "{{ ", " }}", "site.baseurl", "link ", "raw", "endraw", "comment", "endcomment", "highlight x", "endhighlight", "{::comment}", "{:/comment}", "](", ")", "/x", " | relative_url", "'"]  # noqa: E501
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(rewriting.REWRITES))
@given(text=st.lists(_PIECES, max_size=30).map("".join))
def test_a_rewrite_keeps_every_line_where_it_is(name: str, text: str) -> None:
    data = text.encode()
    after = rewriting.REWRITES[name](data)
    assert [len(line) for line in after.split(b"\n")] == [len(line) for line in data.split(b"\n")]
    after.decode()


@pytest.mark.parametrize("name", sorted(rewriting.REWRITES))
@pytest.mark.parametrize(
    "piece",
    ["{{< ref \"", "{{< highlight x >}}\n", "{% raw %}", "{% comment %}", "[a]({% link a ", "[a]({{ \"a ", "{{<", "{% ", "](", "{::comment}"],  # noqa: E501
)  # fmt: skip
def test_what_never_ends_costs_no_more_than_it_is_long(name: str, piece: str) -> None:
    started = time.process_time()
    rewriting.REWRITES[name](piece.encode() * (300_000 // len(piece)))
    rewriting.REWRITES[name]((piece + " " * 300_000 + "x %} }} >}}").encode())
    assert time.process_time() - started < 2

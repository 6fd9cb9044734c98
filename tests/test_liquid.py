"""Liquid as plain markdown of the same length."""

from __future__ import annotations

import pytest

from mdcache.dialects import liquid


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("[a]({{ site.baseurl }}/b)", "[a](/b)"),
        ("[a]({{ site.url }}{{ site.baseurl }}/b)", "[a](/b)"),
        ("[a]({{site.baseurl}})", "[a](/)"),
        ("[a]({{ site.baseurl }}{% link b.md %}#c)", "[a](/b.md#c)"),
        ('[a]({{ "b/" | relative_url }})', "[a](/b/)"),
        ("[a]({{ '/b' | prepend: site.baseurl }})", "[a](/b)"),
        ("[a]({% post_url 2024-01-02-b %})", "[a](/_posts/2024-01-02-b)"),
        ("[a]({% post_url sub/2024-01-02-b %})", "[a](/_posts/2024-01-02-b)"),
        ("[a]: {{ site.baseurl }}/b", "[a]:/b"),
        ('<a href="{{ site.baseurl }}/b">', '<ahref="/b">'),
        ("[a]({{ page.url }})", "[a]({{page.url}})"),
        ('[a]({{ "b" | upcase }})', '[a]({{"b"|upcase}})'),
        ("{% raw %}[a]({{ site.baseurl }}/b){% endraw %}", "{%raw%}[a]({{site.baseurl}}/b){%endraw%}"),
        ("{{ site.baseurl }}/b", "{{site.baseurl}}/b"),
        ("a {% comment %}b{% endcomment %} c", "ac"),
        ("a {::comment}b{:/comment} c", "ac"),
        ("{::comment}b", "{::comment}b"),
        ("{% highlight sh %}\n# a\n{% endhighlight %}", "~~~~~~~~\n#a\n~~~~~~~~"),
    ],
)
def test_addresses_code_and_comments_are_what_commonmark_reads(text: str, read: str) -> None:
    found = liquid.read(text.encode()).decode()
    assert (found.replace(" ", ""), len(found)) == (read, len(text))

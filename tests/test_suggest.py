"""What may have been meant by a link that leads nowhere."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from judging import findings, messages

Vault = Callable[..., Path]

FILES = {
    "README.md": "# Home\n",
    "guides/setting-up.md": "# Setting up\n\n## Première étape\n\n## Power & light\n\ntext ^block\n",
    "guides/old/setting-up.md": "",
    "assets/Photo One.jpg": "",
    "assets/logo.svg": "",
}


def suggested(vault: Vault, link: str, path: str = "notes/a.md") -> str | None:
    """What is suggested for a link in a document."""
    (message,) = messages(vault({**FILES, path: f"{link}\n"}))
    found = re.search(r": did you mean '(.*)'\?$", message)
    return found[1] if found else None


@pytest.mark.parametrize(
    ("link", "meant"),
    [
        ("[x](setting-up.md)", "../guides/setting-up.md"),
        ("[x](../guides/seting-up.md)", "../guides/setting-up.md"),
        ("[x](../guide/setting-up.md#power)", "../guides/setting-up.md"),
        ("[x](../guides/old/Setting-Up.md)", "../guides/setting-up.md"),
        ("[x](../guides/setting%2dup2.md)", "../guides/setting-up.md"),
        ("[x](../guides/seting-up)", "../guides/setting-up.md"),
        ("[[seting-up]]", "guides/setting-up"),
        ("[x](../guides/setting-up.md#power-light)", "../guides/setting-up.md#power--light"),
        ("[x](../guides/setting-up.md#premi%C3%A8re-etape)", "../guides/setting-up.md#première-étape"),
        ("[[setting-up#^blok]]", "setting-up#^block"),
        ("![x](photo%20one.jpg)", "../assets/Photo%20One.jpg"),
        ("![x](../assets/lgo.svg)", "../assets/logo.svg"),
        ("![[lgo.svg]]", "assets/logo.svg"),
        ("[x](nothing-like-it.md)", None),
        ("![x](nothing-like-it.png)", None),
        ("[x](../guides/setting-up.md#nothing-like-it)", None),
    ],
)
def test_the_nearest_is_suggested_if_anything_comes_near(vault: Vault, link: str, meant: str | None) -> None:
    assert suggested(vault, link) == meant


def test_of_many_with_the_name_the_nearest_is_meant(vault: Vault) -> None:
    assert suggested(vault, "[x](gone/setting-up.md)", "guides/old/a.md") == "setting-up.md"


def test_each_link_of_a_place_has_its_own(vault: Vault) -> None:
    folder = vault({**FILES, "a.md": "---\nsee: ['[[seting-up]]', '[[raedme]]']\n---\n"})
    assert messages(folder) == [
        "no document for 'raedme': did you mean 'README'?",
        "no document for 'seting-up': did you mean 'guides/setting-up'?",
    ]


NAME = st.sampled_from(["a", "alpha", "alpah", "beta", "beta two", "größe", "x(1)", "100%", "q?s#t", "v1.2", "b.c.md"])
PATH = st.tuples(st.sampled_from(["", "d/", "d e/", "d/é/"]), NAME).map("".join)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@example({"q?s#t"}, "q?s#t", "a", "[[{}]]")
@given(st.sets(PATH, min_size=1, max_size=5), PATH, PATH, st.sampled_from(["[x](<{}>)", "[[{}]]", "![x](<{}>)"]))
def test_what_is_suggested_is_there(paths: set[str], wanted: str, source: str, form: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{path}.md").touch()
        file = folder / f"{source}.note.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        target = wanted if form.startswith("[[") else f"{wanted}.md"
        file.write_text(form.format(target), encoding="utf-8")
        for finding in findings(folder):
            found = re.search(r": did you mean '(.*)'\?$", finding.problem.message)
            if found:
                file.write_text(form.format(found[1]), encoding="utf-8")
                assert findings(folder) == []


def test_many_and_endless_links_take_no_long(vault: Vault) -> None:
    links = "".join(f"[x](lost{number}.md)\n[y](b.md#nowhere{number})\n" for number in range(3000))
    headings = "".join(f"# Place {number}\n" for number in range(300))
    files = {f"many/document {number}.md": "" for number in range(300)}
    endless = f"[x](b.md#{'ab' * 50_000})\n[z]({'ba' * 50_000}.md)\n"
    folder = vault({**files, "a.md": links + endless, "b.md": headings + f"# {'ba' * 50_000}\n"})
    began = time.process_time()
    assert len(findings(folder)) == 6002
    assert time.process_time() - began < 20


def test_what_will_not_be_compared_is_not_listed(vault: Vault) -> None:
    folder = vault({"a.md": "[[b#x]]\n" * 3000, "b.md": "# h\n" * 30_000})
    began = time.process_time()
    assert len(findings(folder)) == 3000
    assert time.process_time() - began < 20


def test_many_of_the_name_that_is_meant_take_no_long(vault: Vault) -> None:
    files = {f"{number}/thing.md": "" for number in range(2000)}
    folder = vault({**files, "a.md": "".join(f"[x](lost{number}/thing.md)\n" for number in range(3000))})
    began = time.process_time()
    assert len(findings(folder)) == 3000
    assert time.process_time() - began < 20

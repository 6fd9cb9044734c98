"""What holds of every source: a light reader goes to the workers, and meta leads back to it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mdcache.errors import MdcacheError, UsageError, WorkError
from mdcache.files.content import NO_CLOCK
from mdcache.files.scan import Tree, scan
from mdcache.files.sources import DISK, Source, Trees, facts_in, reader_of, source_of
from mdcache.model import Entry

Git = Callable[..., str]
Vault = Callable[..., Path]
MANY = 300


@pytest.fixture(scope="module")
def folder(vault: Vault, git: Git) -> Path:
    """A repository with many documents."""
    made = vault({f"docs/{number:03}.md": f"# {number}" for number in range(MANY)})
    git(made, "init", "-q")
    git(made, "add", ".")
    git(made, "commit", "-qm", "one")
    return made


@pytest.fixture(params=["disk", "index", "revision"])
def source(request: pytest.FixtureRequest, folder: Path) -> Source:
    trees = Trees.around(str(folder))
    if request.param == "disk":
        return DISK
    return trees.index() if request.param == "index" else trees.revision("HEAD")


def entries(folder: Path, source: Source) -> Iterator[Entry]:
    return (one for one in scan(Tree(str(folder), (str(folder),), (".md",), source=source)) if isinstance(one, Entry))


def test_a_reader_is_light_and_reads_in_another_process_what_a_scan_found(folder: Path, source: Source) -> None:
    sent = pickle.dumps(source.reader(str(folder)))
    assert len(sent) < 1000
    found = pickle.loads(sent).contents(tuple(entries(folder, source)), 100, NO_CLOCK)
    assert [one[0].data for one in found] == [f"# {number}".encode() for number in range(MANY)]


def test_what_meta_says_of_a_source_leads_back_to_it(folder: Path, source: Source) -> None:
    meta = {"generation": "1", **source.facts(str(folder))}
    assert facts_in(meta) == source.facts(str(folder))
    assert source_of(str(folder), meta).facts(str(folder)) == source.facts(str(folder))
    assert reader_of(str(folder), meta).whole("docs/007.md") == b"# 7"


def test_a_revision_whose_repository_is_gone_cannot_be_found_again(vault: Vault) -> None:
    folder, meta = str(vault({})), {"commit": "1" * 40}
    for again in (source_of, reader_of):
        with pytest.raises(MdcacheError, match="is not in a git repository"):
            again(folder, meta)


@pytest.mark.parametrize("commit", ["", "HEAD", "--batch", "1" * 39, "1" * 40 + "\0"])
def test_what_is_no_commit_s_id_is_not_taken_to_git(folder: Path, commit: str) -> None:
    for again in (source_of, reader_of):
        with pytest.raises(WorkError, match="is no commit's id"):
            again(str(folder), {"commit": commit})


def test_roots_outside_a_source_are_refused_in_its_words(folder: Path, source: Source) -> None:
    source.refuse_outside((str(folder), f"{folder}/docs"))
    outside = (str(folder.parent),)
    if source is DISK:
        source.refuse_outside(outside)
    else:
        with pytest.raises(UsageError, match=f"^{folder.parent} does not lie in the repository {folder}$"):
            source.refuse_outside(outside)

"""What the tests share: a home folder that nobody may touch, folders of documents, real git, caches built from them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import processes
import pytest
from caches import cache_of
from homes import environment
from worlds import World

from mdcache.store.connections import Connection


def pytest_configure() -> None:
    # A shell lets what it starts in the background ignore Ctrl-C, and that is inherited: some tests press it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home folder for the tests and all that they start; whoever writes into it fails the run."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder).items():
            if value is None:
                patch.delenv(name)
            else:
                patch.setenv(name, value)
        yield folder
    assert not list(folder.iterdir()), "a test wrote into the home folder"


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own: nothing was made here yet, and nothing is allowed."""
    monkeypatch.setenv("MDCACHE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of named scenarios. Read only: copy what is to be built into a folder of the test."""
    return Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """A folder of real documents: rfcs/, amalfa/, tldr/. Read only; the test is skipped without it."""
    folder = os.environ.get("MDCACHE_CORPORA")
    if not folder:
        pytest.skip("MDCACHE_CORPORA names no folder of real documents")
    return Path(folder)


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """vault(files, into=None) writes files, given as {path: text or bytes}, into a new folder or the one named.

    A path that ends in '/' makes a folder. Text is written as it is: no line end is translated.
    """

    def write(files: Mapping[str, str | bytes], into: Path | None = None) -> Path:
        folder = into or tmp_path_factory.mktemp("vault")
        for path, content in files.items():
            file = folder / path
            if path.endswith("/"):
                file.mkdir(parents=True, exist_ok=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return write


@pytest.fixture
def threadless() -> Iterator[None]:
    """No thread can be started: each asks for more memory than there are addresses."""
    before = threading.stack_size(1 << 47)
    yield
    threading.stack_size(before)


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """git(folder, *arguments, check=True, input=None) runs git there and returns what it prints."""
    return processes.git


@pytest.fixture(scope="session")
def rebuilt() -> Callable[..., AbstractContextManager[Connection]]:
    """with rebuilt(folder, *docs) as db: builds a folder's cache where it belongs and reads it.

    Settings in the folder hold; without docs and settings all of the folder is documents.
    """

    @contextlib.contextmanager
    def build(folder: Path, *docs: str) -> Iterator[Connection]:
        with cache_of(folder, *docs) as cache:
            yield cache.db

    return build


@pytest.fixture
def world(vault: Callable[..., Path], rebuilt: Callable[..., AbstractContextManager[Connection]]) -> World:
    """Documents as {path: text}, and what their cache says of them."""
    return World(vault, rebuilt)

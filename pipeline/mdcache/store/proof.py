"""Prove that a build is whole before it is published."""

from __future__ import annotations

import threading
from typing import NamedTuple

from mdcache.errors import WorkError
from mdcache.store import connections, meta
from mdcache.store.connections import APPLICATION_ID, Connection, SqliteError, scalar


class Expected(NamedTuple):
    """What a build must hold: how many documents and sections, and under which fingerprint."""

    documents: int
    sections: int
    fingerprint: str


class IndexProof:
    """The proof of the full-text index, most of the work of all proofs, in a thread beside the rest of the build.

    It begins when the index is written and committed; from then on nothing writes to its tables. Raises WorkError when
    the system has no thread to spare.
    """

    def __init__(self, path: str) -> None:
        self._found: list[str] = []
        self._error: SqliteError | None = None
        self._db = connections.open_settled(path)
        self._thread = threading.Thread(target=self._run)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._db.close()
            raise WorkError(f"the proof cannot begin: {error}: is there a limit (ulimit -u, ulimit -v)?") from error

    def _run(self) -> None:
        try:
            self._found = [row[0] for row in self._db.execute("PRAGMA integrity_check(sections_fts)")]
        except SqliteError as error:
            self._error = error

    def close(self) -> None:
        """Give up the proof if it still runs."""
        if self._thread.is_alive():
            self._db.interrupt()
        self._done()

    def _done(self) -> None:
        # Close before the build becomes the live cache: closing a file drops this process's locks on it.
        self._thread.join()
        self._db.close()

    def found(self) -> list[str]:
        """Return ['ok'], or what is wrong, when the proof is done. Raises what SQLite raised."""
        self._done()
        if self._error:
            raise self._error
        return self._found


def prove(db: Connection, path: str, expected: Expected, index: IndexProof) -> None:
    """Raise WorkError unless the build is whole: what fails is not published.

    Args:
        db: the build.
        path: of the build, for the message.
        expected: what it must hold.
        index: the proof of its full-text index.
    """
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sections_fts'").fetchall()
    for (name,) in tables:
        quoted = name.replace('"', '""')
        _insist_on_ok([row[0] for row in db.execute(f'PRAGMA integrity_check("{quoted}")')], path)
    _insist_on_ok(index.found(), path)
    broken = db.execute("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise WorkError(f"the build {path} has a row in {broken[0]} without its {broken[2]}: it is not published")
    counts = tuple(scalar(db, f"SELECT count(*) FROM {name}") for name in ("nodes", "sections", "sections_fts_docsize"))
    wanted = (expected.documents, expected.sections, expected.sections)
    if counts != wanted:
        raise WorkError(
            f"the build {path} has {counts} documents, sections and indexed sections, not {wanted}: it is not published"
        )
    marks = (meta.read(db).fingerprint, scalar(db, "PRAGMA application_id"))
    if marks != (expected.fingerprint, APPLICATION_ID):
        raise WorkError(f"the build {path} is not marked as it must be: it is not published")


def _insist_on_ok(found: list[str], path: str) -> None:
    if found != ["ok"]:
        raise WorkError(f"the build {path} is not sound ({found[0]}): it is not published, is the disk failing?")

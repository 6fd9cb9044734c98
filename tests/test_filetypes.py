"""What ends like a file is one; the names of things may have dots."""

from __future__ import annotations

import pytest

from mdcache.parse.filetypes import FILE_TYPES, is_file_name

# What Obsidian takes for attachments, by its manual.
OBSIDIANS = (
    "avif bmp gif jpeg jpg png svg webp flac m4a mp3 ogg wav webm 3gp mkv mov mp4 ogv pdf canvas base"  # no .md here
)


@pytest.mark.parametrize(
    "name", ["photo.jpg", "Photo One.JPEG", "a.b.pdf", "talk.mp3", "x.tar.gz", "data.csv", "Board.canvas", "7.7z"]
)
def test_files_have_an_extension(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Node.js", "Vue.js", "Ph.D", "Ph.D.", ".NET", "ASP.NET Core", "Dr.Who", "Dr. Who", "v1.2", "2. Setup", "a.b"),
        *("example.com", "mozilla.org", "Character.AI", "socket.io", "foo.py", "main.rs", "README", "png", ".png", ""),
        *("x.png.", "x. png", "St. Mary", "e.g", "Mr.Robot", "Yahoo!.jp", "S.H.I.E.L.D", "U.S.A", "index.ts", "a.md"),
    ],
)
def test_names_may_have_dots(name: str) -> None:
    assert not is_file_name(name)


def test_what_obsidian_attaches_is_in_the_list() -> None:
    assert set(OBSIDIANS.split()) <= FILE_TYPES


def test_the_list_is_in_lower_case_and_has_no_dots() -> None:
    assert all(one.isalnum() and one == one.lower() for one in FILE_TYPES)

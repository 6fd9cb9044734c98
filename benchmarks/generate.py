"""A folder of made-up documents, the same for the same arguments: python -m benchmarks.generate FOLDER --documents N

There are two profiles: `notes`, texts of all sizes with links of all kinds, and `product`, the reference pages of a
large product. Each module says what its documents are like.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from benchmarks import notes, product

# How many one process writes at a time; fewer are written without other processes.
_PART = 1000


class Profile(NamedTuple):
    """A kind of documents."""

    median_bytes: int
    """How long they are unless told otherwise."""
    path_of: Callable[[int], str]
    document: Callable[[int, int, int, int], str]


PROFILES = {
    "notes": Profile(1500, notes.path_of, notes.document),
    "product": Profile(10_000, product.path_of, product.document),
}


class Shape(NamedTuple):
    """What decides the documents."""

    documents: int
    median_bytes: int = PROFILES["notes"].median_bytes
    seed: int = 1
    profile: str = "notes"


def document(number: int, shape: Shape) -> str:
    """Return the text of one document."""
    return PROFILES[shape.profile].document(number, shape.documents, shape.median_bytes, shape.seed)


def generate(folder: str, shape: Shape) -> int:
    """Write the documents into a folder, with all processors. Return their size in bytes."""
    parts = [range(first, min(first + _PART, shape.documents)) for first in range(0, shape.documents, _PART)]
    write = partial(_write, folder, shape)
    if len(parts) < 3:
        return sum(map(write, parts))
    with ProcessPoolExecutor() as pool:
        return sum(pool.map(write, parts))


def _write(folder: str, shape: Shape, numbers: range) -> int:
    total = 0
    for number in numbers:
        path = os.path.join(folder, *PROFILES[shape.profile].path_of(number).split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        text = document(number, shape).encode()
        with open(path, "wb") as file:
            file.write(text)
        total += len(text)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--profile", choices=PROFILES, default="notes")
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--median-bytes", type=int, help="how long they are (default: as the profile has it)")
    parser.add_argument("--seed", type=int, default=Shape(0).seed)
    asked = parser.parse_args()
    median_bytes = asked.median_bytes or PROFILES[asked.profile].median_bytes
    shape = Shape(asked.documents, median_bytes, asked.seed, asked.profile)
    print(json.dumps({**shape._asdict(), "bytes": generate(asked.folder, shape)}))


if __name__ == "__main__":
    main()

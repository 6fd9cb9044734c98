"""The command: `mdcache`, and `python -m mdcache`, which is the same.

Before anything else is imported the process is made what it must be: it imports nothing that lies in the working
folder, and names of files are text in UTF-8, whatever the locale.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from mdcache import imports, names


def main() -> NoReturn:
    """Run the command and exit."""
    names.start_again_in_utf8()
    sys.path[:] = imports.ordered(sys.path, imports.variable(), imports.working_folder(), sys.flags.safe_path)
    from mdcache.cli.main import main as run

    run()


if __name__ == "__main__":
    main()

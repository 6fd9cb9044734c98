"""The torture bench: what mdcache promises, held against whatever could break it; `make torture` prints one table.

Each scenario is a module with a function run(trial) and can be run alone: `python -m torture.kill --seed 7`. What a
scenario does not do itself it has from the tests: the law, real processes, a watcher.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Modules of the tests, and the repository's own: at the end, so that the package that is tested is the installed one.
sys.path += [str(ROOT / "tests"), str(ROOT)]

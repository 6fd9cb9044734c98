"""python -m mdcache is mdcache."""

from mdcache.cli.main import main

if __name__ == "__main__":
    main()

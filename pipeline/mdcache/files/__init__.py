"""Which files are documents, and what is in them: on the disk, in git's index, in a revision, in a zip archive.

Takes a tree (base, roots, patterns, source); gives entries in the order of their paths, and their bytes with hash and
stamp. It knows nothing of markdown or of the database.
"""

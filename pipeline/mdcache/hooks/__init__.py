"""Git hooks: written into a repository, and what they run.

Takes a repository and Settings; gives files that call check and sync. It does not judge documents itself.
"""

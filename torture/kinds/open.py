"""Kinds that do not hold yet: short rounds leave them out, full ones count them as failures."""

OPEN = frozenset(
    (
        "a blob of a gigabyte",
        "a cache that everybody may write",
        "a cache that its group may write",
        "a cache with a base with a NUL",
        "a cache with many roots",
        "a cache with roots with NULs",
        "a cache with sections without end",
        "a check beside a cache with links out of scope",
        "a check beside a cache with no documents",
        "a check beside a cache with no links",
        "a check beside a cache with no problems",
        "a check beside a cache with problems under another path",
    )
)

"""Documents become a generation: rows laid out in workers, loaded, resolved, proven and published.

Takes Settings; gives a Report, and a cache that readers see whole or not at all. It does not look at what the live
cache holds, but for what has changed since.
"""

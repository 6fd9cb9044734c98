"""The proof that a cache holds what its files say: a second build beside it, compared row by row.

Takes Settings; gives a verdict with what differs. It repairs nothing.
"""

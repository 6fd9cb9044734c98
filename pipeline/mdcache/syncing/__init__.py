"""A generation follows its files: only what has changed is read, parsed and resolved again.

Takes Settings and the live cache; leaves in it what a rebuild would have made. It does not wait for changes (that is
watching) and judges nothing (that is checking).
"""

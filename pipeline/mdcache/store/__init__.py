"""The database file: who may open it, lock it, read it and replace it.

Takes paths and DDL; gives connections, locks, proofs and errors in our words. It does not know what documents say: it
stores rows that others lay out.
"""

"""The database file: who may open it, lock it, read it and replace it.

Takes paths and DDL; gives connections, locks, proofs and errors in our words. It does not know what documents say: it
stores rows that others lay out.

    connections   opens databases, one function for each use; the only module that imports SQLite's driver
    failures      what the driver raises, in our words
    authorizer    what SQL that is not ours may do
    bounds        what the user's own SQL may cost
    ddl           the schema in force, applied and compared; the fingerprint
    foreign       what others may have made: its schema is looked over, reading it is bounded
    sense         whether rows that our code stumbles over make sense
    meta          what a cache says about itself
    made          which caches were made here, as the state folder remembers
    record        a line of JSON in a locked file: the form of lock and watchstate
    lock          the writer lock
    watchstate    the state of the watcher
    cache         the live cache, opened to be read
    place         may a cache be written here?
    proof         is the build whole?
    swap          the publish protocol: the build becomes the live cache under readers that go on reading
"""

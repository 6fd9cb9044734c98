"""A cache that is kept fresh: hints from the system, a schedule, and sync driven by both.

Takes a function that loads Settings, and an event that asks for the end; gives a batch for each look that changed
something. It decides when to look, never what a change means.

    schedule   when to do what: pure, of times
    observer   hints from the system, and whether they can be relied on
    means      what tells an observer of changes: the interface
    inotify    the means of Linux: each folder that scan lists, for itself
    recursive  the means of other systems: roots with all that lies below them, by watchdog
    inbox      hints on their way from the observer's threads
    witnesses  what changes and announces itself to nobody
    work       what is done to the cache: orders, and what came of them
    loop       does what is due: `watch`
    upgrade    whether what runs is still what is installed
    daemon     the command's side of it: signals, log, background
    systemd    what a service tells systemd
"""

"""mdcache for programs: what `import mdcache` offers, one call for each command.

Takes folders, cache files or Settings; gives frozen values and raises our errors. It changes nothing of the process
that uses it: what reads opens the cache for each call, what writes runs in a child process. It prints nothing.

    cache      `open`, and what is asked of a cache: in this process, read-only
    calls      `rebuild sync check verify watch`: the caller's side of the child process
    childside  the same five, in the child process
"""

"""The command line: reads what is asked, calls one driver, prints the result, ends with the right exit status.

Takes words; gives lines, JSON and an exit status. Nothing below it prints, exits or knows click.

    main          parses, runs, exits                    registry   which commands there are
    common        options that all commands share        outcome    what an error says, and its exit status
    rowoptions    options of those that give rows        formats/   pure: problems and rows as text
    render        what each command prints               show       how it looks: cleaned, trimmed, coloured, JSON
    pluginsearch  the command that sqlite-utils gets, through mdcache.plugin

Every other module is the command of its name. A new one: a module with a click command of the same name, and its name
in the registry.
"""

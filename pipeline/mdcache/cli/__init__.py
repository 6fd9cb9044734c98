"""The command line: reads what is asked, calls one driver, prints the result, ends with the right exit status.

Takes words; gives lines, JSON and an exit status. Nothing below it prints, exits or knows click.

    main      parses, runs, exits                        registry  which commands there are
    common    options that commands share                outcome   what an error says, and its exit status
    render    what each command prints for people        show      how it looks: cleaned, trimmed, coloured, JSON
    formats   problems as text, GitHub's commands, SARIF

Every other module is the command of its name. A new one: a module with a click command of the same name, and its name
in the registry.
"""

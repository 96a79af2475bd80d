"""The command line: commands, options, exit codes, and the small tools that are no run."""

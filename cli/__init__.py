"""The command line: option parsing and printing only, one module per command."""

"""The command line: one file a verb, named like the verb; `main` is the table of them."""

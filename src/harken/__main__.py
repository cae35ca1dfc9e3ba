"""``python -m harken``: the command ``harken``, by the Python it is installed in."""

from harken.cli.main import main

if __name__ == "__main__":
    main()

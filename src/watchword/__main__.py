"""``python -m watchword``: the same as the ``watchword`` command."""

from watchword.cli import main

if __name__ == "__main__":
    main()

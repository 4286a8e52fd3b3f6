"""`python -m lmkit`: the command line, and what the launcher starts in each process."""

from lmkit.cli import main

if __name__ == "__main__":
    main()

"""`python -m atc.cli`: the same as the command `atc`."""

from atc.cli import main

if __name__ == "__main__":
    main()

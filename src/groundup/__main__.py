"""`python -m groundup` is the command `groundup`."""

import sys

from groundup.cli import main

if __name__ == "__main__":  # not in the processes that multiprocessing starts from here
    sys.exit(main())

"""`python -m plusx`: the same as the command `plusx`."""

import sys

from plusx.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

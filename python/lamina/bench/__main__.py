"""``python -m lamina.bench``."""

import sys

from lamina.bench.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`lamina bench` from a checkout that is not installed but built: python bench/bench.py --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from lamina.bench.cli import main

if __name__ == "__main__":
    sys.exit(main())

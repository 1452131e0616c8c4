"""Writes today's hashes into tests/golden: only after a change of the contract on purpose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    for name in ("networks", "graphs"):
        script = [sys.executable, str(HERE / "networks.py"), f"{name}.txt"]
        digest = subprocess.run(script, capture_output=True, text=True, check=True).stdout.strip()
        golden = HERE.parent / "golden" / f"{name}.sha256"
        golden.write_text(digest + "\n")
        print(f"{golden.name}: {digest}")


if __name__ == "__main__":
    main()

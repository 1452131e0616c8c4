"""The checked-in stubs of the extension module are those of the module that is installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_stubs_are_up_to_date(tmp_path: Path) -> None:
    fresh = tmp_path / "_core.pyi"
    script = ROOT / "tools" / "generate_stubs.py"
    subprocess.run([sys.executable, str(script), "--output", str(fresh)], check=True)
    checked_in = ROOT / "python" / "lamina" / "_core.pyi"
    assert fresh.read_text("utf-8") == checked_in.read_text("utf-8"), (
        "python/lamina/_core.pyi is stale; run: python tools/generate_stubs.py"
    )


def test_package_is_marked_as_typed() -> None:
    assert (ROOT / "python" / "lamina" / "py.typed").exists()

"""What a result must say about where it was measured."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    if found:
        numbers = dict(
            re.findall(r"^(cpu family|model)\s*:\s*(\d+)$", _read("/proc/cpuinfo"), re.MULTILINE)
        )
        family = (
            f" (family {numbers['cpu family']}, model {numbers['model']})"
            if len(numbers) == 2
            else ""
        )
        return found[1].strip() + family
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Sizes of the first CPU's caches, by level."""
    caches = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = _read(str(folder / "type")).strip()
        if kind != "Instruction":
            level = _read(str(folder / "level")).strip()
            caches[f"L{level}"] = _read(str(folder / "size")).strip()
    return caches


def usable_cpus() -> int:
    """How many CPUs this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def describe_machine() -> dict[str, Any]:
    """The processor, its caches, memory and system; plain enough for JSON."""
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    description: dict[str, Any] = {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cpus": usable_cpus(),
        "caches": _caches(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "virtual": "hypervisor" in _read("/proc/cpuinfo"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    if hasattr(os, "getloadavg"):
        description["load_before"] = round(os.getloadavg()[0], 2)
    return description


def describe_lamina(threads: int) -> dict[str, Any]:
    """Which lamina runs in this process, and how."""
    import lamina._core as _core

    return {
        "version": _core.__version__,
        "numerics_version": _core.numerics_version,
        "isa": _core.isa(),
        "available_isas": _core.available_isas(),
        "threads": threads,
        "build": _core.build_info(),
    }

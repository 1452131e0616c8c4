"""Looks into the object files for code that is not where it belongs.

Code for one instruction set must never be linked into another's: an inline function that two
objects share is kept once, and the kept copy may be the one that this machine cannot run. So:

- an object of ``*.isa.cpp`` exports one strong symbol, ``lamina::cpu::<isa>::<family>_kernels``,
  and nothing weak or unique; it needs nothing from outside but plain memory copies and, in the
  scalar build, ``fma`` (so nothing of libm or of the standard library either);
- on x86-64, the scalar and all ordinary objects use no AVX registers or encodings, and the AVX2
  objects none of AVX-512.

Usage: check_isa_objects.py BUILD_FOLDER [--tool-prefix aarch64-linux-gnu-]
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ALLOWED_FROM_OUTSIDE = {"memcpy", "memmove", "memset", "_GLOBAL_OFFSET_TABLE_"}
ALLOWED_IN_SCALAR = {"fma", "fmaf"}

# AT&T syntax, as objdump prints it: a tab, the instruction, its operands.
AVX = re.compile(r"\tv[a-z0-9]+ .*%[xyz]mm|%[yz]mm|%k[0-7]\b")
AVX512 = re.compile(r"%zmm|%k[0-7]\b|%[xy]mm(?:1[6-9]|2[0-9]|3[01])\b|\{1to\d+\}")


def output_of(*command: str) -> str:
    """Returns what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wrong_symbols(path: Path, isa: str, family: str, prefix: str) -> list[str]:
    """Returns what is wrong with the symbols of one ``*.isa.cpp`` object."""
    table = f"lamina::cpu::{isa}::{family}_kernels"
    allowed = ALLOWED_FROM_OUTSIDE | (ALLOWED_IN_SCALAR if isa == "scalar" else set())
    problems = []
    exported = []
    for line in output_of(f"{prefix}nm", "-C", str(path)).splitlines():
        match = re.match(r"\s*[0-9a-f]*\s+([A-Za-z?])\s+(.+)$", line)
        if match is None:
            continue
        kind, name = match.groups()
        if kind == "U":
            if name not in allowed:
                problems.append(f"needs {name} from outside")
        elif kind in "wWvVu":
            problems.append(f"weak or unique symbol ({kind}) {name}")
        elif kind.isupper():
            exported.append(name)
    if exported != [table]:
        problems.append(f"exports {exported}, not just {table}")
    return problems


def wrong_instructions(path: Path, pattern: re.Pattern[str], what: str, prefix: str) -> list[str]:
    """Returns the first instruction of an object that its machine may lack."""
    code = output_of(f"{prefix}objdump", "-d", "--no-show-raw-insn", str(path))
    for line in code.splitlines():
        if pattern.search(line):
            return [f"{what} instruction: {' '.join(line.split())}"]
    return []


def main() -> int:
    """Checks every object of the build; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--tool-prefix", default="")
    arguments = parser.parse_args()
    prefix = arguments.tool_prefix

    problems: list[tuple[Path, str]] = []
    families: dict[str, set[str]] = {}
    kernels = 0
    ordinary = 0
    for path in sorted(arguments.build.glob("cpp/CMakeFiles/lamina*.dir/**/*.o")):
        target = path.relative_to(arguments.build / "cpp/CMakeFiles").parts[0].removesuffix(".dir")
        is_x86 = "x86-64" in output_of(f"{prefix}objdump", "-f", str(path))
        isa = target.removeprefix("lamina_isa_") if target.startswith("lamina_isa_") else None
        found = []
        if isa is None:
            ordinary += 1
        else:
            kernels += 1
            family = path.name.removesuffix(".isa.cpp.o")
            families.setdefault(isa, set()).add(family)
            found += wrong_symbols(path, isa, family, prefix)
        if is_x86 and isa in (None, "scalar"):
            found += wrong_instructions(path, AVX, "AVX", prefix)
        elif is_x86 and isa == "avx2":
            found += wrong_instructions(path, AVX512, "AVX-512", prefix)
        problems += [(path, problem) for problem in found]

    for path, problem in problems:
        print(f"{path.relative_to(arguments.build)}: {problem}")
    if not kernels or not ordinary:
        print(f"found no objects under {arguments.build}")
        return 1
    if len({frozenset(names) for names in families.values()}) != 1:
        print(f"instruction sets with different families: {families}")
        return 1
    print(
        f"{kernels} objects for {', '.join(sorted(families))} and {ordinary} ordinary ones: "
        + (f"{len(problems)} problems" if problems else "each exports its table, nothing leaks")
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

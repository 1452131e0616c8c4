"""PyTorch's products on the GPU beside those that bench_cuda measured: bench_torch.py bench.log."""

from __future__ import annotations

import re
import statistics
import sys
import time
from pathlib import Path

import torch

LINE = re.compile(r"^(float32|tf32|bf16)\s+(\d+) x\s+(\d+) x\s+(\d+)\s+([\d.]+) us")


def seconds_of(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> float:
    """The median of rounds of five calls, as in bench_cuda.cpp."""
    torch.mm(a, b, out=c)
    torch.cuda.synchronize()
    rounds = []
    for _ in range(9):
        begin = time.perf_counter()
        for _ in range(5):
            torch.mm(a, b, out=c)
        torch.cuda.synchronize()
        rounds.append((time.perf_counter() - begin) / 5)
    return statistics.median(rounds)


def main() -> None:
    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}")
    print("(bf16: PyTorch's operands and result are bfloat16 beforehand; lamina's are float32)")
    for line in Path(sys.argv[1]).read_text().splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        precision, sizes, own = match[1], [int(n) for n in match.group(2, 3, 4)], float(match[5])
        m, n, k = sizes
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        a, b = (torch.rand(s, device="cuda").mul_(2).sub_(1).to(dtype) for s in ((m, k), (k, n)))
        theirs = 1e6 * seconds_of(a, b, torch.empty((m, n), dtype=dtype, device="cuda"))
        print(
            f"{precision:<8} {m:5} x {n:5} x {k:5}  lamina {own:10.2f} us  torch {theirs:10.2f} us"
            f"  torch/lamina {theirs / own:5.2f}"
        )


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Everything about the CUDA device that needs a GPU, in under ten minutes: builds, tests, sanitises, benches, and writes
# a report. One argument: the folder for the report and the logs (default: build/gpu). Needs nvcc, cmake, ninja, a C++20
# compiler and Python 3.10 with pip; compute-sanitizer where it is found. Ends with status 0 when all tests passed.
set -uo pipefail

cd "$(dirname "$0")/../.."
out=${1:-build/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
report=$out/report.md
jobs=$(nproc)
failed=0
arch=${LAMINA_CUDA_ARCHITECTURES:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)}

say() { printf '%s\n' "$*" | tee -a "$report"; }
# step <name> <log> <seconds> <command...>
step() {
  local name=$1 log=$out/$2.log limit=$3 begin=$SECONDS
  shift 3
  if timeout "$limit" "$@" >"$log" 2>&1; then
    say "- $name: passed ($((SECONDS - begin)) s)"
  else
    say "- $name: **failed or ran out of time** ($((SECONDS - begin)) s), see $(basename "$log")"
    failed=1
    return 1
  fi
}

: >"$report"
say "# lamina on $(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)"
say ""
say "$(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(nvcc --version | tail -n 1)"
say "$(nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader)"
say ""
say "## Build and tests"
say ""
build=$out/build
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
step "configure" configure 60 cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DLAMINA_CUDA=ON \
  -DLAMINA_OPENMP=OFF -DLAMINA_CUDA_ARCHITECTURES="$arch" || exit 1
step "build" build 300 cmake --build "$build" -j "$jobs" --target bits_networks cuda_products cuda_kernels cuda_memory \
  bench_cuda || exit 1
step "products, bit by bit" products 120 "$build/tests/cuda/cuda_products"
step "all other calls, bit by bit" kernels 120 "$build/tests/cuda/cuda_kernels"
step "memory and recorded steps" memory 60 "$build/tests/cuda/cuda_memory"
step "the golden hash of the CPU's bits" hash 120 ctest --test-dir "$build" -R '^bits_cuda$' --output-on-failure

say ""
say "## compute-sanitizer"
say ""
sanitizer=$(command -v compute-sanitizer || true)
if [ -n "$sanitizer" ]; then
  for tool in memcheck racecheck initcheck synccheck; do
    step "$tool (other calls)" "$tool-kernels" 60 "$sanitizer" --tool "$tool" --error-exitcode 9 \
      "$build/tests/cuda/cuda_kernels" --brief
    step "$tool (products)" "$tool-products" 60 "$sanitizer" --tool "$tool" --error-exitcode 9 \
      "$build/tests/cuda/cuda_products" --brief
  done
else
  say "- compute-sanitizer was not found"
  failed=1
fi

say ""
say "## Speed"
say ""
if step "products against the peak" bench 60 "$build/tests/cuda/bench_cuda"; then
  { echo '```'; cat "$out/bench.log"; echo '```'; } | tee -a "$report"
fi
if step "install for Python" install 200 python3 -m pip install -q . -C cmake.define.LAMINA_CUDA=ON \
  -C cmake.define.LAMINA_CUDA_ARCHITECTURES="$arch" --target "$out/python" --upgrade; then
  step "Python on the device" python 60 env PYTHONPATH="$out/python" python3 -m pytest -q -p no:cacheprovider tests/test_devices.py
  if step "lamina bench --device cuda" steps 90 env PYTHONPATH="$out/python" python3 -m lamina bench --device cuda --quick \
    --filter '^(step|fit|predict)' --json "$out/steps.json"; then
    { echo '```'; cat "$out/steps.log"; echo '```'; } | tee -a "$report"
  fi
fi
say ""
say "All took $SECONDS s."
exit "$failed"

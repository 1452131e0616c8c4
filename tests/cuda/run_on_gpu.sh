#!/usr/bin/env bash
# Everything about the CUDA device that needs a GPU, in under ten minutes: builds, tests, sanitises, benches, and writes
# a report.
#
#   tests/cuda/run_on_gpu.sh [--emulated] [FOLDER]
#
# FOLDER is for the report and the logs (default: build/gpu). Needs nvcc, cmake, a C++20 compiler, and for Python's part
# Python 3.10 with pybind11, NumPy, pytest and hypothesis (asked from pip where they are missing); ninja and
# compute-sanitizer where they are found. LAMINA_GPU_SECONDS is the time for all of it (default: 570); what is left then is
# not begun. --emulated goes through the same steps with the kernels on the host: to check this script without a GPU.
# Ends with status 0 when everything ran and passed.
set -uo pipefail

cd "$(dirname "$0")/../.."
device=cuda
if [ "${1:-}" = --emulated ]; then
  device=cuda-emulated
  shift
fi
out=${1:-build/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
report=$out/report.md
jobs=$(nproc)
seconds=${LAMINA_GPU_SECONDS:-570}
failed=0

say() { printf '%s\n' "$*" | tee -a "$report"; }
fail() {
  say "- **$***"
  failed=1
}
# step <name> <log> <seconds> <command...>
step() {
  local name=$1 log=$out/$2.log limit=$3 begin=$SECONDS status
  shift 3
  local left=$((seconds - SECONDS))
  if ((left < 5)); then
    fail "$name: not begun, the time was used up"
    return 1
  fi
  timeout "$((limit < left ? limit : left))" "$@" >"$log" 2>&1
  status=$?
  if ((status == 0)); then
    say "- $name: passed ($((SECONDS - begin)) s)"
    return 0
  fi
  ((status == 124)) && status="out of time"
  fail "$name: failed ($status, after $((SECONDS - begin)) s); the end of $(basename "$log"):"
  { echo '```'; tail -n 15 "$log"; echo '```'; } | tee -a "$report"
  return 1
}
quote() { { echo '```'; cat "$1"; echo '```'; } | tee -a "$report"; }
finish() {
  say ""
  say "All took $SECONDS s; $( ((failed)) && echo 'not everything passed' || echo 'everything passed')."
  exit "$failed"
}

: >"$report"
say "# lamina on the device '$device'"
say ""
say "$(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(c++ --version | head -n 1)"
if [ "$device" = cuda ]; then
  for tool in nvcc nvidia-smi; do
    command -v "$tool" >/dev/null || fail "$tool was not found"
  done
  ((failed)) && finish
  say "$(nvcc --version | tail -n 1)"
  # Without a GPU nvidia-smi says why.
  if ! machine=$(nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader); then
    fail "nvidia-smi: $machine"
    finish
  fi
  say "$machine"
  arch=${LAMINA_CUDA_ARCHITECTURES:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)}
  options=(-DLAMINA_CUDA=ON -DLAMINA_CUDA_ARCHITECTURES="$arch")
else
  options=(-DLAMINA_CUDA_EMULATED=ON)
fi

say ""
say "## Build"
say ""
python=$(command -v python3)
export PYTHONPATH=$out/packages
has() { "$python" -c "import $1" 2>/dev/null; }
missing=()
for package in pybind11 numpy pytest hypothesis; do has "$package" || missing+=("$package"); done
if ((${#missing[@]})); then
  step "pip: ${missing[*]}" pip 60 "$python" -m pip install -q --target "$out/packages" "${missing[@]}"
fi
targets=(bits_networks cuda_products cuda_kernels cuda_memory bench_cuda)
for_python=1
if has pybind11 && has numpy; then
  options+=(-DLAMINA_PYTHON=ON -DPython_EXECUTABLE="$python" -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)")
  targets+=(_core)
else
  for_python=0
  fail "Python's part is left out: pybind11 or NumPy is missing"
fi
build=$out/build
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
step "configure" configure 60 cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DLAMINA_OPENMP=OFF \
  "${options[@]}" || finish
step "build" build 360 cmake --build "$build" -j "$jobs" --target "${targets[@]}" || finish

say ""
say "## Tests"
say ""
step "products, bit by bit" products 90 "$build/tests/cuda/cuda_products"
step "all other calls, bit by bit" kernels 90 "$build/tests/cuda/cuda_kernels"
step "memory and recorded steps" memory 60 "$build/tests/cuda/cuda_memory"
step "the golden hash of the CPU's bits" hash 60 ctest --test-dir "$build" -R "^bits_$device\$" --output-on-failure \
  --no-tests=error
if ((for_python)); then
  # A copy: the tree's own extension module, if there is one, stays.
  rm -rf "$out/python"
  mkdir -p "$out/python"
  cp -r python/lamina "$out/python/"
  rm -f "$out"/python/lamina/_core*.so
  cp "$build"/cpp/_core*.so "$out/python/lamina/"
  export PYTHONPATH=$out/python:$PYTHONPATH
  suite=(-q -p no:cacheprovider)
  has xdist && suite+=(-n "$((jobs < 4 ? jobs : 4))")
  step "what Python sees" show 20 "$python" -c 'import lamina; lamina.config.show()' && quote "$out/show.log"
  step "Python on the device" python 60 "$python" -m pytest -q -p no:cacheprovider tests/test_devices.py
  step "the suite with its models on the device" suite 120 "$python" -m pytest "${suite[@]}" --device "$device" \
    tests/test_sequential.py tests/test_fit.py tests/test_fused_update.py tests/test_sharing.py tests/test_freezing.py \
    tests/test_saving.py tests/test_gradients.py tests/test_normalization.py tests/test_callbacks.py
fi

say ""
say "## compute-sanitizer"
say ""
if [ "$device" != cuda ]; then
  say "- only on a GPU"
elif sanitizer=$(command -v compute-sanitizer); then
  for tool in memcheck racecheck initcheck synccheck; do
    for program in kernels products; do
      step "$tool ($program)" "$tool-$program" 60 "$sanitizer" --tool "$tool" --error-exitcode 9 \
        "$build/tests/cuda/cuda_$program" --brief
    done
  done
else
  fail "compute-sanitizer was not found"
fi

say ""
say "## Speed"
say ""
brief=()
[ "$device" = cuda ] || brief=(--brief)
step "products against the peak" bench 60 "$build/tests/cuda/bench_cuda" "${brief[@]}" && quote "$out/bench.log"
if ((for_python)); then
  quick=(--quick --filter '^(step|fit|predict)')
  [ "$device" = cuda ] || quick=(--quick --filter '^step' --rounds 1 --seconds 0.01)
  step "lamina bench --device $device" steps 90 "$python" -m lamina bench --device "$device" "${quick[@]}" \
    --json "$out/steps.json" && quote "$out/steps.log"
fi
finish

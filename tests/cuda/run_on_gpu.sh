#!/usr/bin/env bash
# Everything about the CUDA device that needs a GPU, in under ten minutes: builds, tests, benches, sanitises, and writes
# a report.
#
#   tests/cuda/run_on_gpu.sh [--emulated] [FOLDER]
#
# FOLDER is for the report, the logs and the build (default: build/gpu). Nothing is fetched from elsewhere but Python
# packages that are missing, and where there is no network it goes on without them. Needed: nvcc, cmake, a C++20 compiler.
# Left out, with a line that says so, where it is missing: Python's part (python3 of at least 3.10 with pybind11, NumPy,
# pytest, hypothesis), compute-sanitizer, the comparison with PyTorch (a torch that sees the GPU). ninja, pytest files'
# other packages (mpmath, safetensors, scikit-learn, ...) and more cores are made use of where they are.
# LAMINA_GPU_SECONDS is the time for all of it (default: 570); what is left then is not begun. (On slow machines also
# LAMINA_BUILD_SECONDS, 300, and LAMINA_SUITE_SECONDS, 170.) --emulated goes through
# the same steps with the kernels on the host: to check this script without a GPU.
# No step ends the report. Status 0: everything that could run passed.
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
rm -rf "$out/logs" "$out/parts"
mkdir -p "$out/logs" "$out/parts"

say() { printf '%s\n' "$*" | tee -a "$report"; }
fail() {
  say "- **$***"
  failed=1
}
left_out() { say "- left out: $*"; }
quote() { { echo '```'; cat "$1"; echo '```'; } | tee -a "$report"; }
finish() {
  say ""
  say "All took $SECONDS s; $( ((failed)) && echo 'not everything passed' || echo 'everything that ran passed')."
  exit "$failed"
}
# within <seconds> <log> <command...>: its status, 124 when the time or all time is used up
within() {
  local limit=$1 log=$2 left=$((seconds - SECONDS))
  shift 2
  if ((left < 5)); then
    echo "not begun: all time was used up" >"$log"
    return 124
  fi
  timeout -k 5 "$((limit < left ? limit : left))" "$@" >"$log" 2>&1
}
# tell <name> <log> <status> <seconds taken>
tell() {
  local name=$1 log=$out/logs/$2.log status=$3 took=$4
  if ((status == 0)); then
    say "- $name: passed ($took s)"
    return 0
  fi
  ((status == 124)) && status="out of time"
  fail "$name: failed ($status, after $took s); the end of $(basename "$log"):"
  { echo '```'; tail -n 15 "$log" | cut -c1-300; echo '```'; } | tee -a "$report"
  return 1
}
# step <name> <log> <seconds> <command...>
step() {
  local name=$1 log=$2 limit=$3 begin=$SECONDS
  shift 3
  within "$limit" "$out/logs/$log.log" "$@"
  tell "$name" "$log" "$?" "$((SECONDS - begin))"
}
# program <name> <log> <seconds> <file> <arguments...>: where the build has made it
program() {
  if [ -x "$4" ]; then step "$@"; else fail "$1: $(basename "$4") was not built"; fi
}

: >"$report"
say "# lamina on the device '$device'"
say ""
say "$(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(c++ --version | head -n 1)"
say "$jobs processors"
for folder in /usr/local/cuda/bin /usr/local/cuda/compute-sanitizer; do
  [ -d "$folder" ] && PATH=$PATH:$folder
done
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
if ((${#missing[@]})) && ! within 45 "$out/logs/pip.log" \
  "$python" -m pip install -q --retries 0 --timeout 10 --target "$out/packages" "${missing[@]}"; then
  left_out "pip could not fetch ${missing[*]}"
fi
targets=(bits_networks cuda_products cuda_kernels cuda_memory cuda_fast bench_cuda)
[ "$device" = cuda ] || targets+=(fake_cublaslt)
for_python=0
if has pybind11 && has numpy; then
  options+=(-DLAMINA_PYTHON=ON -DPython_EXECUTABLE="$python" -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)")
  targets+=(_core)
  for_python=1
else
  left_out "Python's part: pybind11 or NumPy is missing"
fi
build=$out/build
generator=()
going_on=(-k)
if command -v ninja >/dev/null; then
  generator=(-G Ninja)
  going_on=(-k 0)
fi
step "configure" configure 60 cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DLAMINA_OPENMP=OFF \
  "${options[@]}" || finish
# What does not compile leaves the other programs.
step "build" build "${LAMINA_BUILD_SECONDS:-300}" cmake --build "$build" -j "$jobs" --target "${targets[@]}" -- "${going_on[@]}"

say ""
say "## Tests of the device"
say ""
program "products, bit by bit" products 90 "$build/tests/cuda/cuda_products"
program "all other calls, bit by bit" kernels 90 "$build/tests/cuda/cuda_kernels"
program "memory and recorded steps" memory 60 "$build/tests/cuda/cuda_memory"
if [ -n "$(find "$build" -name 'bits_networks*' -type f -perm -u+x | head -n 1)" ]; then
  step "the golden hash of the CPU's bits" hash 60 ctest --test-dir "$build" -R "^bits_(graphs_)?$device\$" --output-on-failure \
    --no-tests=error
else
  fail "the golden hash of the CPU's bits: bits_networks was not built"
fi
# The fast mode's library: named by the environment, of a Python package, the toolkit's, or what the loader finds.
if [ "$device" != cuda ]; then
  export LAMINA_CUBLASLT=$build/tests/cuda/libfake_cublaslt.so
elif [ -z "${LAMINA_CUBLASLT:-}" ]; then
  find_cublaslt() {
    local folders
    folders=$("$python" -c 'import sys; print("\n".join(p + "/nvidia" for p in sys.path if p))' 2>/dev/null)
    # shellcheck disable=SC2086 # a folder a word
    find -L $folders "$(dirname "$(readlink -f "$(command -v nvcc)")")/.." -maxdepth 5 -name 'libcublasLt.so.1[2-9]' \
      2>/dev/null | awk -F. '{print $NF, $0}' | sort -rn | cut -d" " -f2- | head -n 1
  }
  found=$(find_cublaslt)
  if [ -z "$found" ] && within 120 "$out/logs/pip-cublas.log" \
    "$python" -m pip install -q --retries 0 --timeout 10 --no-deps --target "$out/packages" nvidia-cublas; then
    found=$(find_cublaslt)
  fi
  [ -n "$found" ] && export LAMINA_CUBLASLT=$found
fi
program "the fast mode: products by cuBLASLt, plans, recorded steps" fast 60 "$build/tests/cuda/cuda_fast" &&
  if grep -q "cannot be used here" "$out/logs/fast.log"; then
    left_out "the fast mode: $(grep "cannot be used here" "$out/logs/fast.log" | cut -c1-300)"
  else
    say "- $(head -n 1 "$out/logs/fast.log")"
  fi
if ((for_python)); then
  # A copy: the tree's own extension module, if there is one, stays.
  rm -rf "$out/python"
  mkdir -p "$out/python"
  cp -r python/lamina "$out/python/"
  rm -f "$out"/python/lamina/_core*.so
  if cp "$build"/cpp/_core*.so "$out/python/lamina/"; then
    export PYTHONPATH=$out/python:$PYTHONPATH
    step "what Python sees" show 30 "$python" -c 'import lamina; lamina.config.show()' && quote "$out/logs/show.log"
  else
    for_python=0
    fail "Python's part: the extension module was not built"
  fi
fi

say ""
say "## Speed"
say ""
brief=()
[ "$device" = cuda ] || brief=(--brief)
program "products against the peak" bench 60 "$build/tests/cuda/bench_cuda" "${brief[@]}" && quote "$out/logs/bench.log"
if ((for_python)); then
  if has torch && "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    step "products beside PyTorch's: float32, tf32, bf16" torch 60 "$python" tests/cuda/bench_torch.py \
      "$out/logs/bench.log" && quote "$out/logs/torch.log"
  else
    left_out "products beside PyTorch's: there is no PyTorch that sees the GPU"
  fi
  step "steps beside PyTorch's" peers 120 "$python" tests/cuda/bench_peers.py --device "$device" "${brief[@]}" \
    --products "$out/logs/bench.log" --json "$out/peers.json"
  quote "$out/logs/peers.log"
  quick=(--quick --filter '^(step|fit|predict)')
  [ "$device" = cuda ] || quick=(--quick --filter '^step/(rl|sgd)' --rounds 1 --seconds 0.01)
  step "lamina bench --device $device" steps 60 "$python" -m lamina bench --device "$device" "${quick[@]}" \
    --json "$out/steps.json" && quote "$out/logs/steps.log"
fi

say ""
say "## The Python suite with its models on the device"
say ""
# one_file <test file>: its log and its status in $parts
one_file() {
  local name
  name=$(basename "$1" .py)
  timeout -k 5 "$limit" "$python" -m pytest -q -p no:cacheprovider -p no:xdist --device "$device" "$1" \
    >"$parts/$name.log" 2>&1
  echo "$?" >"$parts/$name.status"
}
if ((!for_python)); then
  left_out "there is no Python"
elif ! has pytest || ! has hypothesis; then
  left_out "pytest or hypothesis is missing"
else
  begin=$SECONDS
  left=$((seconds - SECONDS - 5))
  most=${LAMINA_SUITE_SECONDS:-170}
  limit=$((most < left ? most : left))
  parts=$out/parts
  export -f one_file
  export python device parts limit
  export OMP_NUM_THREADS=2
  files=()
  for file in tests/test_*.py; do
    # Whether stubs are up to date is no question of the device, and needs a generator.
    [ "$file" = tests/test_stubs.py ] && ! has pybind11_stubgen && continue
    files+=("$file")
  done
  at_once=$((jobs > 2 ? jobs / 2 : 1))
  if ((limit > 5)); then
    printf '%s\n' "${files[@]}" | timeout -k 5 "$limit" xargs -P "$at_once" -I{} bash -c 'one_file {}'
  fi
  good=0 unread=() bad=() late=()
  for file in "${files[@]}"; do
    name=$(basename "$file" .py)
    status=$(cat "$parts/$name.status" 2>/dev/null || echo 124)
    case $status in
      0 | 5) good=$((good + 1)) ;;
      124 | 137) late+=("$name") ;;
      2) if grep -q ModuleNotFoundError "$parts/$name.log"; then unread+=("$name"); else bad+=("$name"); fi ;;
      *) bad+=("$name") ;;
    esac
  done
  count() { cat "$parts"/*.log | grep -oE "[0-9]+ $1" | awk '{n += $1} END {print n + 0}'; }
  say "- $good of ${#files[@]} files passed ($((SECONDS - begin)) s, $at_once at once): $(count passed) tests passed," \
    "$(count skipped) skipped with a reason, $(count failed) failed"
  ((${#unread[@]})) && left_out "files for which a Python package is missing: ${unread[*]}"
  ((${#late[@]})) && fail "out of time: ${late[*]}"
  if ((${#bad[@]})); then
    fail "failed: ${bad[*]}; the first lines of what failed:"
    { echo '```'; for name in "${bad[@]}"; do grep -hE "^(FAILED|ERROR|E  )" "$parts/$name.log" | cut -c1-300 | head -n 8; done
      echo '```'; } | tee -a "$report"
  fi
fi

say ""
say "## compute-sanitizer"
say ""
if [ "$device" != cuda ]; then
  left_out "only on a GPU"
elif sanitizer=$(command -v compute-sanitizer); then
  begin=$SECONDS
  pids=() names=()
  for tool in memcheck racecheck initcheck synccheck; do
    for name in kernels products memory fast; do
      # NVIDIA's own kernels are not asked for more than valid addresses.
      [ "$name" = fast ] && [ "$tool" != memcheck ] && continue
      [ -x "$build/tests/cuda/cuda_$name" ] || continue
      within 150 "$out/logs/$tool-$name.log" "$sanitizer" --tool "$tool" --error-exitcode 9 \
        "$build/tests/cuda/cuda_$name" --brief &
      pids+=($!) names+=("$tool-$name")
    done
  done
  for i in "${!pids[@]}"; do
    wait "${pids[$i]}"
    status=$?
    if grep -q "Device not supported" "$out/logs/${names[$i]}.log" 2>/dev/null; then
      left_out "${names[$i]}: compute-sanitizer cannot work on this machine (Device not supported)"
    else
      tell "${names[$i]}" "${names[$i]}" "$status" "$((SECONDS - begin))"
    fi
  done
else
  left_out "compute-sanitizer was not found"
fi
finish

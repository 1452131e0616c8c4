#!/usr/bin/env bash
# Fuzzes the safetensors reader under AddressSanitizer and UndefinedBehaviorSanitizer.
#   tests/fuzz/run.sh [inputs, 1000000 if left out] [work folder, a temporary one if left out]
# Ends with status 0 when that many inputs found nothing. A kept work folder keeps its
# corpus, so that the next run goes on from there. CXX chooses the clang.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
runs=${1:-1000000}
if [ $# -ge 2 ]; then
  work=$2
  mkdir -p "$work"
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi

"${CXX:-clang++-19}" -std=c++20 -O2 -g -fno-omit-frame-pointer -I"$root/cpp" \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  "$here/fuzz_safetensors.cpp" "$root"/cpp/io/*_{reader,writer,format}.cpp "$root"/cpp/io/{json,atomic_file,input_file}.cpp \
  "$root/cpp/io/atomic_file_posix.cpp" "$root"/cpp/core/{buffer,types}.cpp -o "$work/fuzz_safetensors"

python3 "$here/make_seeds.py" "$work/seeds"
mkdir -p "$work/corpus"
cd "$work"
"$work/fuzz_safetensors" -runs="$runs" -max_len=2048 -rss_limit_mb=2048 -malloc_limit_mb=256 -timeout=5 \
  -dict="$here/safetensors.dict" -print_final_stats=1 -verbosity=1 -reload=0 corpus seeds

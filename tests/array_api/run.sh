#!/bin/sh
# Runs data-apis' array-api-tests on lamina.ops. The suite is not part of this repository: give the
# folder of a checkout (with its submodule), whose requirements.txt is installed.
#
#   tests/array_api/run.sh ~/array-api-tests [arguments of pytest]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
suite=$1
shift
cd "$suite"
# Without complex numbers the suite cannot be imported.
sed -i 's/^    \[(dt, dtype_nbits\[dt\]) for dt in complex_dtypes\], key=lambda x: x\[1\]$/&, default=(None, 0)/' \
  array_api_tests/dtype_helpers.py
sed -i 's/dh\.dtype_to_name\[dh\.widest_complex_dtype\]/"complex128"/' array_api_tests/test_signatures.py
export ARRAY_API_TESTS_MODULE=lamina.ops
export ARRAY_API_TESTS_SKIP_DTYPES=int8,int16,uint16,uint32,uint64,complex64,complex128
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
exec python -m pytest array_api_tests -p what_there_is \
  --max-examples "${EXAMPLES:-20}" --disable-deadline --disable-warnings \
  --disable-extension linalg fft --skips-file "$here/skips.txt" -q "$@"

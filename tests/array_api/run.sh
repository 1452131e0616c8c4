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
ARRAY_API_TESTS_MODULE=lamina.ops exec python -m pytest array_api_tests \
  --max-examples "${EXAMPLES:-20}" --disable-deadline --disable-warnings \
  --skips-file "$here/skips.txt" -q -rs "$@"

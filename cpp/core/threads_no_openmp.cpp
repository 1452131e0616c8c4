// Stands in for threads_openmp.cpp when LAMINA_OPENMP is off.
#include "core/openmp.h"

namespace lamina::threads::detail {

bool has_openmp() { return false; }

void run_openmp(int, int, void (*work)(void* context, int place), void* context) { work(context, 0); }

}  // namespace lamina::threads::detail

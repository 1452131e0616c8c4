// Stands in for threads_openmp.cpp when LAMINA_OPENMP is off.
#include "core/openmp.h"

namespace lamina::threads::detail {

bool has_openmp() { return false; }

void run_openmp(int, int, void (*work)(void* context), void* context) { work(context); }

}  // namespace lamina::threads::detail

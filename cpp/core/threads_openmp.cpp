// The only file that knows OpenMP.
#include <omp.h>

#include "core/openmp.h"

namespace lamina::threads::detail {

bool has_openmp() { return true; }

void run_openmp(int team, int workers, void (*work)(void* context, int place), void* context) {
  // The team keeps its size from call to call, since libgomp ends and starts threads when
  // it changes; those above `workers` return at once.
#pragma omp parallel num_threads(team) default(none) shared(workers, work, context)
  {
    const int place = omp_get_thread_num();
    if (place < workers) work(context, place);
  }
}

}  // namespace lamina::threads::detail

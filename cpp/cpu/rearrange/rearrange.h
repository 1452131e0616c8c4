// Moving elements without computing: permuted and repeated axes, rows of a table, and the sums that undo the
// last.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cpu {

void rearrange(const RearrangeArguments&);
/// ValueError for an index that is not in [0, entries); fractions are cut off.
void take_rows(const TableArguments&);
/// Each row of the table is one chain of additions from +0 in the order of the indices.
void scatter_rows(const TableArguments&);

}  // namespace lamina::cpu

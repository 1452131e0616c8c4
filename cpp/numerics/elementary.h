// The elementary functions of the contract. Templates over the arithmetic policy
// (policy.h), in namespace lamina::numerics. "Error" in their comments is the largest measured
// one in ulp: for float over all inputs, for double over a sample (docs/elementary-functions.md).
#pragma once

#include "numerics/elementary_error.h"
#include "numerics/elementary_exp.h"
#include "numerics/elementary_hyperbolic.h"
#include "numerics/elementary_inverse.h"
#include "numerics/elementary_log.h"
#include "numerics/elementary_log_bases.h"
#include "numerics/elementary_logistic.h"
#include "numerics/elementary_power.h"
#include "numerics/elementary_trigonometric.h"

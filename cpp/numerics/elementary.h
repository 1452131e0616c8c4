// The elementary functions of the contract. Templates over the arithmetic policy
// (policy.h), in namespace lamina::numerics; docs/elementary-functions.md holds their
// measured errors.
#pragma once

#include "numerics/elementary_error.h"
#include "numerics/elementary_exp.h"
#include "numerics/elementary_log.h"
#include "numerics/elementary_logistic.h"
#include "numerics/elementary_power.h"
#include "numerics/elementary_trigonometric.h"

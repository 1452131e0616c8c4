// All functions on tensors. They compute at once and know nothing of gradients.
#pragma once

#include "ops/activations.h"
#include "ops/broadcast.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/products.h"
#include "ops/promotion.h"
#include "ops/random.h"
#include "ops/reductions.h"
#include "ops/shaping.h"

// lamina for C++ programs: networks that train and predict, without Python.
//
//   lamina::nn::Trainer model({4}, lamina::DType::float32, lamina::device("cpu"), 7);
//   model.network.add_dense(64, true, {lamina::ActivationKind::tanh});
//   model.network.add_dense(2, true, {lamina::ActivationKind::softmax});
//
// In CMake: find_package(lamina CONFIG REQUIRED), target_link_libraries(... lamina::lamina).
#pragma once

#include "core/error.h"
#include "core/threads.h"
#include "core/types.h"
#include "cpu/dispatch.h"
#include "device/device.h"
#include "device/names.h"
#include "io/safetensors.h"
#include "nn/training/trainer.h"
#include "numerics/order.h"

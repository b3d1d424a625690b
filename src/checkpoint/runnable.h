#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "runtime/runnable_model.h"

namespace pastonly::checkpoint {

/// The checkpoint must outlive what is made of it.
std::unique_ptr<runtime::RunnableModel> make_runnable(const Checkpoint& checkpoint);

}  // namespace pastonly::checkpoint

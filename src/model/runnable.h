#pragma once

#include <memory>

#include "model/model.h"
#include "runtime/runnable_model.h"

namespace pastonly::model {

/// The model must outlive what is made of it and must not be trained meanwhile.
std::unique_ptr<runtime::RunnableModel> make_runnable(const Model& model);

}  // namespace pastonly::model

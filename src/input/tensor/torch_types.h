#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "pastonly/trace.h"

namespace pastonly::input {

/// An element type under the names that pickles have for it: PyTorch's, of its storages (torch 1.6 to 2.13),
/// and NumPy's. A type without DType is valid in a file, and nothing here computes with it.
struct TorchType {
  std::string_view torch;    // torch.int32
  std::string_view storage;  // torch.IntStorage; "" where storages of it are untyped
  std::string_view numpy;    // '<i4' without the order
  std::optional<DType> type;
  std::size_t size;
};

/// The type with that name in that column; nullptr where there is none.
const TorchType* find_type(std::string_view TorchType::*column, std::string_view name) noexcept;

}  // namespace pastonly::input

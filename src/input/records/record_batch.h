#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "input/tensor/safetensors.h"
#include "input/trace/trace_file.h"

namespace pastonly::input {

/// Expert ids as an engine kept them for one sequence: (rows, layers, choices), C order. Negative ids mean
/// "none".
struct RoutedRows {
  DType type = DType::i32;
  std::size_t rows = 0;
  std::size_t layers = 0;
  std::size_t choices = 0;
  std::span<const std::byte> bytes;
  std::shared_ptr<const std::vector<std::byte>> owned;  ///< what `bytes` views where that is no mapped file
};

/// One sequence of a record: its tokens where they are known, and its decisions from position `first` on.
struct RecordedSequence {
  std::string label;  ///< where it stands in the file, "choices[1]", for messages
  std::vector<std::int64_t> tokens;
  std::size_t first = 0;
  RoutedRows routed;
};

/// Takes `rows` of an array of rank 3 as it stands; another rank or type is an input error, which begins with
/// `label`.
Expected<RoutedRows> routed_rows(const Tensor& tensor, const std::string& label);

/// A record as a file of arrays with the names of a trace: tokens and valid (B, S), layers.<l>.experts (B, S,
/// K). Sequences are padded at their ends; positions without a decision name -1 in every choice and layer, so
/// that reading leaves them out. Where no sequence's last token was run, layers end one position earlier, as
/// engines have it. Expert ids are stored in 16 bits, else 32.
/// Input errors: no sequences, other layers or choices from sequence to sequence, more decisions than tokens,
/// 8-bit ids for more experts than they can name, ids beyond 32 bits, padding out of all proportion.
Expected<TensorFile> batch_of(const std::string& path, const std::vector<RecordedSequence>& sequences,
                              const TraceOptions& options);

}  // namespace pastonly::input

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/ids.h"
#include "pastonly/layout.h"
#include "pastonly/mask.h"
#include "pastonly/matrix_view.h"

namespace pastonly {

/// Element types of the files that pastonly reads.
enum class DType { boolean, u8, i8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64 };
std::size_t size_of(DType type) noexcept;
std::string_view name(DType type) noexcept;
bool is_float(DType type) noexcept;

/// A (sequences, positions, columns) tensor as it stands in a file: a strided, possibly unaligned
/// view. Columns are contiguous. Does not own its bytes; the Trace that holds it does.
struct TokenTensor {
  DType type = DType::f32;
  std::size_t sequences = 0;
  std::size_t positions = 0;
  std::size_t columns = 0;
  std::size_t sequence_stride = 0;  ///< bytes from (b, s) to (b + 1, s)
  std::size_t position_stride = 0;  ///< bytes from (b, s) to (b, s + 1)
  const std::byte* data = nullptr;

  std::size_t tokens() const noexcept { return sequences * positions; }
};

/// Tokens [first, first + count) in batch-major order as float32 (tokens, columns). Points into the
/// file where it already holds that (aligned F32, batch-major); else fills and points into `scratch`.
/// F64 is rounded to nearest; integers convert. Requires first + count <= tensor.tokens().
MatrixView<const float> read_floats(const TokenTensor& tensor, std::size_t first, std::size_t count,
                                    std::vector<float>& scratch);
/// The same for integer types, as int64; unsigned numbers beyond it as its largest.
MatrixView<const std::int64_t> read_integers(const TokenTensor& tensor, std::size_t first, std::size_t count,
                                             std::vector<std::int64_t>& scratch);

/// The routing of one MoE layer, as recorded. A loaded record holds `mask` or `chosen`, or scores
/// from which selection was applied as told.
struct LayerRecord {
  LayerIndex index{};
  std::size_t experts = 0;            // N
  std::optional<TokenTensor> logits;  // (B, S, N) before the score function
  std::optional<TokenTensor> scores;  // (B, S, N) after it, before bias, normalisation over tokens, noise
  std::optional<TokenTensor> mask;    // (B, S, N) 1 = the expert processed the token
  std::optional<TokenTensor> chosen;  // (B, S, K) expert ids, negative = none
  std::optional<TokenTensor> gates;   // (B, S, N), or (B, S, K) aligned with `chosen`
  std::vector<float> bias;            // (N) selection bias in force; empty where not recorded
  bool selection_applied = false;     ///< mask derived here from scores, as the user told

  /// What selection is judged against: scores, else logits; nullptr where neither was kept.
  const TokenTensor* ranking() const noexcept {
    if (scores) return &*scores;
    return logits ? &*logits : nullptr;
  }
};

/// Whether the ids of one token are K > 1 times expert 0: what engines write where nothing was routed.
bool is_placeholder(std::span<const std::int64_t> ids) noexcept;

/// Rows [first, first + count) of the effective mask (mask and gate != 0), batch-major (tokens,
/// experts), into `out` (count * experts bytes). Ids out of range and placeholders count as
/// none here; loading reports them.
void read_mask(const LayerRecord& layer, std::size_t first, std::size_t count, std::span<std::uint8_t> out);
/// The same, pointing into the file where it holds just that (dense bytes of 0 and 1, and no gates); else
/// fills and points into `scratch`.
MatrixView<const std::uint8_t> mask_rows(const LayerRecord& layer, std::size_t first, std::size_t count,
                                         std::vector<std::uint8_t>& scratch);
/// The whole effective mask, (tokens, experts).
Mask read_mask(const LayerRecord& layer);
/// Gates as (tokens, experts), 0 where an expert was not chosen. Requires layer.gates.
void read_gates(const LayerRecord& layer, std::size_t first, std::size_t count, std::span<float> out);

/// Which routing was in force: the one the model is trained with, or the one it is served with.
enum class Mode { unknown, train, eval };
/// Whether the mask stands before or after capacity drops.
enum class Stage { unknown, selected, dispatched };
std::string_view name(Mode mode) noexcept;
std::string_view name(Stage stage) noexcept;

/// Something odd about a trace that loads all the same: reported by the check trace-integrity.
struct TraceIssue {
  enum class Kind { contradiction, oddity } kind = Kind::oddity;
  std::string id;       ///< "all-zero-rows", "row-short", "repeated-expert", "scores-as-logits", ...
  std::string message;  ///< names the file and tensor
  std::optional<LayerIndex> layer;
  std::size_t count = 0;
};

/// What somebody says of every token: its domain, language, task.
struct Tag {
  std::string name;
  std::vector<std::int64_t> values;  // (B, S), negative = nothing is said
};

/// A batch with the routing of every MoE layer. Cheap to copy: the bytes are shared and read-only.
/// All tensors agree with `layout`; layers are in ascending order of index.
struct Trace {
  std::string path;  ///< for messages and witnesses
  Mode mode = Mode::unknown;
  Stage stage = Stage::unknown;
  bool order_known = true;  ///< false where nobody said batch-major or sequence-major
  std::optional<std::uint64_t> vocab;
  std::string rule;  ///< what the producer says it ran (JSON), "" where it says nothing
  std::string producer;
  std::optional<DType> compute;  ///< the type that the router's inputs were computed in, where stated
  bool ran_here = false;         ///< made by running the model: not a record that somebody wrote
  Layout layout;
  std::vector<std::int64_t> tokens;  // (B, S); empty where not recorded
  std::vector<std::uint8_t> valid;   // (B, S); empty = all valid
  /// (B, S) real tokens that are not `valid` because the record holds no decision of them: 1 = marked so
  /// (-1), 2 = filled with zeros; empty = there are none.
  std::vector<std::uint8_t> undecided;
  std::vector<double> log_probs;  // (B, S) ln p(token t | tokens < t); column 0 NaN; empty if absent
  /// (B, S, probes) ln p that each position gives to the same few token ids in every run, or other numbers
  /// made of its prediction alone. Unlike log_probs they do not name the token that follows; empty if absent.
  std::vector<float> predictions;
  std::size_t probes = 0;
  std::vector<Tag> tags;  // by name
  std::vector<LayerRecord> layers;
  std::vector<TraceIssue> issues;       ///< what loading noticed
  std::shared_ptr<const void> storage;  ///< keeps the mapped bytes alive

  bool is_valid(std::size_t token) const noexcept { return pastonly::is_valid(valid, token); }
  /// No padding: it was there when the model ran.
  bool is_real(std::size_t token) const noexcept {
    return is_valid(token) || (!undecided.empty() && undecided[token] != 0);
  }
};

/// A trace made in memory (a live subject, a test, a writer): owned, dense, batch-major.
struct TraceData {
  struct Layer {
    LayerIndex index{};
    Mask mask;                  // (tokens, experts)
    std::vector<float> scores;  // (tokens, experts); empty where absent, as all below
    std::vector<float> logits;  // (tokens, experts)
    std::vector<float> gates;   // (tokens, experts)
    std::vector<float> bias;    // (experts)
  };
  Mode mode = Mode::unknown;
  Stage stage = Stage::unknown;
  std::optional<std::uint64_t> vocab;
  std::string rule;
  std::string producer;
  std::optional<DType> compute;
  Layout layout;
  std::vector<std::int64_t> tokens;
  std::vector<std::uint8_t> valid;
  std::vector<double> log_probs;
  std::vector<float> predictions;  // (tokens, probes)
  std::size_t probes = 0;
  std::vector<Tag> tags;
  std::vector<Layer> layers;
};
/// The trace that `data` is; it keeps the arrays alive. Requires shapes that agree with data.layout.
Trace make_trace(TraceData data);
/// The inverse, for any trace: what it holds as owned arrays, the mask as it stands (not reduced by gates).
TraceData to_data(const Trace& trace);
/// What the model said of the trace's tokens.
Trace without_layers(Trace trace);

}  // namespace pastonly

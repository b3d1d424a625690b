#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::input {

/// What the user says of a file that does not say it itself. Nothing is guessed silently.
struct TraceOptions {
  std::optional<std::size_t> batch;           ///< --batch: sequences in a flattened (B*S, N) array
  std::optional<TokenOrder> order;            ///< --layout
  std::vector<std::size_t> shape;             ///< --shape: of a file that does not say it
  bool shape_of_another = false;              ///< --shape may be meant for the other one of two files
  std::optional<Mode> mode;                   ///< --mode
  std::optional<Stage> stage;                 ///< --stage
  std::optional<DType> compute;               ///< --compute: the type that the model was computed in
  std::optional<std::size_t> top_k;           ///< --top-k: selection where only scores were kept
  std::optional<std::size_t> experts;         ///< --experts: N where only expert ids were kept
  std::optional<std::size_t> stated_experts;  ///< the same as a plan says it, where no flag does
  std::map<std::string, std::string> map;     ///< --map scores=NAME,...; NAME may hold {layer}
};

/// The words of `compute`: bfloat16, float16, float32 or float64; nullopt for others.
std::optional<DType> compute_type(std::string_view word) noexcept;
std::string_view compute_name(DType type) noexcept;
inline constexpr std::string_view compute_words = "bfloat16, float16, float32 or float64";

/// Usage error: --shape for a file that says its own shape.
Expected<void> no_shape_for(const std::filesystem::path& path, const TraceOptions& options);

struct TokensFile;

/// Reads a trace: pastonly.trace/1 safetensors, .npz, .npy, Hugging Face router logits, serving
/// engines' routed experts, or any file with --map (docs/formats.md). Memory-mapped; reads headers
/// and the small arrays (tokens, valid, log-probabilities, bias) only, and expert ids where they alone
/// tell the number of experts, and scores where selection is to be applied.
/// `input` is what a plan's run was given: it fills in tokens and shape where the file holds none.
/// A malformed file is an input error; a missing or contradictory flag a usage error naming the flag.
Expected<Trace> read_trace(const std::filesystem::path& path, const TraceOptions& options = {},
                           const TokensFile* input = nullptr);

/// Writes pastonly.trace/1. Equal traces give equal bytes.
Expected<void> write_trace(const std::filesystem::path& path, const TraceData& trace);
/// Reads back what write_trace made of a trace without layers: what the model said of its tokens. Input
/// errors: as well other tensors.
Expected<Trace> read_losses(const std::filesystem::path& path);
/// Writes an input of a plan, pastonly.tokens/1: `tokens` (and `valid`).
Expected<void> write_tokens(const std::filesystem::path& path, const Layout& layout,
                            const std::vector<std::int64_t>& tokens, const std::vector<std::uint8_t>& valid);
struct TokensFile {
  Layout layout;
  std::vector<std::int64_t> tokens;
  std::vector<std::uint8_t> valid;
};
Expected<TokensFile> read_tokens(const std::filesystem::path& path);

}  // namespace pastonly::input

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "input/records/record_json.h"
#include "input/tensor/torch_file.h"
#include "input/trace/trace_file.h"

namespace pastonly::input {

// What engines and trainers write of their routing, one reader a format (docs/formats.md names the versions
// looked at and the options). Each returns the arrays of a trace, and in `reading` how the record was
// understood. Input errors name the file, the place in it, the key and what was expected; where the record
// leaves open what an option can say, the error names the option.

using RecordDocuments = std::vector<RecordDocument>;

/// Responses of vLLM's servers: `routed_experts` of each choice.
Expected<TensorFile> read_vllm(const std::string& path, const RecordDocuments& documents,
                               const TraceOptions& options);
/// Responses of SGLang's server: `meta_info.routed_experts`, flat. --shape LAYERS,CHOICES gives its shape.
Expected<TensorFile> read_sglang(const std::string& path, const RecordDocuments& documents,
                                 const TraceOptions& options);
/// Responses of NeMo-RL's server and rollouts of NeMo Gym: "nrlre1:" envelopes.
Expected<TensorFile> read_nemo_rl(const std::string& path, const RecordDocuments& documents,
                                  const TraceOptions& options);
/// router_trace_rank<r>.jsonl of Megatron-LM, with logits_rank<r>.bin beside it where logits were kept.
Expected<TensorFile> read_megatron(const std::string& path, const RecordDocuments& documents,
                                   const TraceOptions& options);
/// expert_distribution_recorder_*.pt of SGLang, mode per_token.
Expected<TensorFile> read_sglang_recorder(const TorchFile& file, const TraceOptions& options);
/// Rollouts of slime, miles and verl.
Expected<TensorFile> read_rollouts(const TorchFile& file, const TraceOptions& options);
/// The CSV of llama-moe-trace, a tool of forks of llama.cpp: position, layer, expert ids.
Expected<TensorFile> read_moe_trace(const std::string& path, std::string_view text,
                                    const TraceOptions& options);

bool is_vllm(const Json& document) noexcept;
bool is_sglang(const Json& document) noexcept;
bool is_nemo_rl(const Json& document) noexcept;
bool is_megatron(const Json& document) noexcept;
bool is_sglang_recorder(const PickleValue& root) noexcept;
bool is_rollouts(const PickleValue& root) noexcept;
bool is_moe_trace(std::string_view text) noexcept;

}  // namespace pastonly::input

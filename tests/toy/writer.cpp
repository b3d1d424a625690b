#include "toy/writer.h"

#include <cstring>
#include <map>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "input/plan/plan.h"
#include "input/tensor/safetensors.h"
#include "input/trace/trace_file.h"
#include "toy/batches.h"
#include "toy/dtype.h"
#include "toy/subject.h"

namespace pastonly::toy {
namespace {

/// Rewrites a trace's float tensors as BF16, which TraceData cannot say.
Expected<void> narrow(const std::filesystem::path& path) {
  const auto file = input::read_safetensors(path);
  if (!file) return tl::unexpected(file.error());
  std::vector<input::Tensor> tensors = file->tensors;
  std::vector<std::vector<std::byte>> held;
  held.reserve(tensors.size());
  for (input::Tensor& tensor : tensors) {
    if (tensor.type != DType::f32 || !tensor.name.starts_with("layers.") || tensor.name.ends_with(".bias"))
      continue;
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    held.push_back(bf16_bytes(values));
    tensor.type = DType::bf16;
    tensor.bytes = held.back();
  }
  return input::write_safetensors(path, file->metadata, tensors);
}

Expected<void> write_one(const ToySubject& subject, const Recipe& recipe, const Intervention& run,
                         const std::filesystem::path& path) {
  const auto data = subject.compute(run);
  if (!data) return tl::unexpected(data.error());
  if (auto done = input::write_trace(path, *data); !done) return done;
  return recipe.record.type == DType::bf16 ? narrow(path) : Expected<void>{};
}

}  // namespace

Expected<void> write(const Recipe& recipe, const std::filesystem::path& path) {
  if (recipe.checkpoint) return write_checkpoint(*recipe.checkpoint, path);
  const auto subject = ToySubject::make(recipe);
  if (!subject) return tl::unexpected(subject.error());
  const auto& runs = (*subject)->interventions();
  if (!recipe.plan.plan) return write_one(**subject, recipe, runs.front(), path);
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) return input_error(path.string() + ": cannot be created: " + failed.message());
  if (auto done = input::write_plan(path, {runs}); !done) return done;
  for (const Intervention& run : runs) {
    const auto batch = make_batch(recipe.plan, run, recipe.model.vocab, recipe.record.order);
    if (!batch) return tl::unexpected(batch.error());
    if (auto done =
            input::write_tokens(path / input::input_name(run.id), batch->layout, batch->tokens, batch->valid);
        !done) {
      return done;
    }
    if (auto done = write_one(**subject, recipe, run, path / input::output_name(run.id)); !done) return done;
  }
  return {};
}

}  // namespace pastonly::toy

#include "large_trace.h"

#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <vector>

#include "pastonly/routing_rule.h"

using namespace pastonly;

namespace {

/// Header and layout of pastonly.trace/1: all scores first, then all masks.
std::string header(const LargeTrace& shape) {
  const std::size_t cells = shape.sequences * shape.positions * shape.experts;
  std::string json =
      R"({"__metadata__":{"schema":"pastonly.trace/1","mode":"train","stage":"dispatched","layout":"batch-major"})";
  std::size_t at = 0;
  const auto tensor = [&](std::size_t layer, std::string_view name, std::string_view type,
                          std::size_t bytes) {
    json += fmt::format(R"(,"layers.{}.{}":{{"dtype":"{}","shape":[{},{},{}],"data_offsets":[{},{}]}})",
                        layer, name, type, shape.sequences, shape.positions, shape.experts, at, at + bytes);
    at += bytes;
  };
  for (std::size_t layer = 0; layer < shape.layers; ++layer) tensor(layer, "scores", "F32", 4 * cells);
  for (std::size_t layer = 0; layer < shape.layers; ++layer) tensor(layer, "mask", "U8", cells);
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  return json;
}

/// Uniform scores of one layer; a multiplicative generator is enough here and fast.
void fill_scores(std::vector<float>& scores, std::uint64_t layer) {
  std::uint64_t state = 0x9e3779b97f4a7c15ULL * (layer + 1);
  for (float& score : scores) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    score = (static_cast<float>(state >> 40) + 0.5F) * 0x1p-24F;
  }
}

void write_bytes(std::ofstream& file, std::size_t at, const void* bytes, std::size_t count) {
  file.seekp(static_cast<std::streamoff>(at));
  file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
}

}  // namespace

Expected<void> write_large_trace(const std::filesystem::path& path, const LargeTrace& shape) {
  const auto spec = parse_rule(shape.rule);
  if (!spec) return tl::unexpected(spec.error());
  const auto rule = make_rule(spec->id, spec->parameters);
  if (!rule) return tl::unexpected(rule.error());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const std::string json = header(shape);
  const std::uint64_t length = json.size();
  write_bytes(file, 0, &length, sizeof length);
  write_bytes(file, sizeof length, json.data(), json.size());
  const std::size_t data = sizeof length + json.size();
  const std::size_t tokens = shape.sequences * shape.positions, cells = tokens * shape.experts;
  RoutingContext context;
  context.layout = {shape.sequences, shape.positions, TokenOrder::batch_major};
  std::vector<float> scores(cells);
  Routing routing;
  for (std::size_t layer = 0; layer < shape.layers; ++layer) {
    fill_scores(scores, layer);
    (*rule)->select({scores.data(), tokens, shape.experts}, context, routing);
    write_bytes(file, data + layer * cells * 4, scores.data(), cells * 4);
    write_bytes(file, data + shape.layers * cells * 4 + layer * cells, routing.mask.view().data(), cells);
  }
  file.flush();
  if (!file) return input_error(path.string() + ": writing failed; is there room?");
  return {};
}

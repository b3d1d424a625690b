#include "golden_vectors.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "npz.h"

namespace {

using Values = std::vector<float>;

/// Softmax of `count` values `stride` apart.
void softmax(const float* from, float* to, std::size_t count, std::size_t stride) {
  float top = -std::numeric_limits<float>::infinity();
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) top = std::max(top, from[i * stride]);
  const auto weight = [&](std::size_t i) { return std::exp(static_cast<double>(from[i * stride] - top)); };
  for (std::size_t i = 0; i < count; ++i) sum += weight(i);
  for (std::size_t i = 0; i < count; ++i) to[i * stride] = static_cast<float>(weight(i) / sum);
}

Values softmax_rows(const Values& logits, std::size_t experts) {
  Values out(logits.size());
  for (std::size_t i = 0; i < logits.size(); i += experts) softmax(&logits[i], &out[i], experts, 1);
  return out;
}

/// Over tokens: mesh's expert selection.
Values softmax_columns(const Values& logits, std::size_t experts) {
  Values out(logits.size());
  for (std::size_t e = 0; e < experts; ++e) softmax(&logits[e], &out[e], logits.size() / experts, experts);
  return out;
}

Values sigmoid(const Values& logits) {
  Values out(logits.size());
  std::transform(logits.begin(), logits.end(), out.begin(),
                 [](float x) { return 1.0F / (1.0F + std::exp(-x)); });
  return out;
}

double distance(const Values& a, const Values& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  return largest;
}

/// The scores of the second batch are not stored: the function that made the first batch's makes them.
Values score_as(const Values& logits, const Values& scores, const Values& logits2, std::size_t experts) {
  if (distance(softmax_rows(logits, experts), scores) < 1e-6) return softmax_rows(logits2, experts);
  if (distance(sigmoid(logits), scores) < 1e-6) return sigmoid(logits2);
  if (distance(softmax_columns(logits, experts), scores) < 1e-6) return softmax_columns(logits2, experts);
  return logits2;  // mixture of depths; Sinkhorn, which records its balanced matrix and selects on logits
}

std::vector<std::uint8_t> nonzero(const Values& assign, const Values& gates) {
  std::vector<std::uint8_t> effective(assign.size());
  for (std::size_t i = 0; i < assign.size(); ++i)
    effective[i] = assign[i] != 0.0F && gates[i] != 0.0F ? 1 : 0;
  return effective;
}

std::string with_numbers(std::string_view rule, std::size_t experts) {
  std::string text(rule);
  const auto at = text.find("linspace");
  if (at == std::string::npos) return text;
  std::string numbers = "[";
  for (std::size_t i = 0; i < experts; ++i) {
    numbers += fmt::format("{}{}", i > 0 ? ";" : "",
                           -0.2 + 0.4 * static_cast<double>(i) / static_cast<double>(experts - 1));
  }
  return text.replace(at, 8, numbers + "]");
}

}  // namespace

const std::vector<float> GoldenBatch::input(GoldenCase::Input input) const {
  switch (input) {
    case GoldenCase::Input::scores:
      return scores;
    case GoldenCase::Input::logits:
      return logits;
    case GoldenCase::Input::sigmoid:
      return sigmoid(logits);
    case GoldenCase::Input::softmax:
      return softmax_rows(logits, experts);
  }
  return {};
}

std::vector<GoldenBatch> golden_batches(const std::filesystem::path& golden, const GoldenCase& golden_case) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(golden / golden_case.folder)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<GoldenBatch> batches;
  for (const auto& file : files) {
    auto arrays = read_golden_npz(file);
    GoldenBatch first;
    first.name = fmt::format("{}/{}", golden_case.folder, file.stem().string());
    first.ties = file.stem().string().starts_with("ties");
    first.experts = arrays.at("logits").shape.back();
    first.tokens = arrays.at("logits").values.size() / first.experts;
    first.logits = arrays.at("logits").values;
    first.scores = arrays.at("scores").values;
    first.gates = arrays.at("gates").values;
    first.effective = nonzero(arrays.at("assign").values, first.gates);
    for (const float value : arrays.at("selected").values) first.selected.push_back(value != 0.0F ? 1 : 0);
    batches.push_back(first);
    GoldenBatch second = first;
    second.name += " 2";
    second.logits = arrays.at("logits2").values;
    second.scores = score_as(first.logits, first.scores, second.logits, first.experts);
    second.gates = arrays.at("gates2").values;
    second.effective = nonzero(arrays.at("assign2").values, second.gates);
    second.selected.clear();
    batches.push_back(std::move(second));
  }
  return batches;
}

std::unique_ptr<pastonly::RoutingRule> golden_rule(const GoldenCase& golden_case, std::size_t experts) {
  const auto spec = pastonly::parse_rule(with_numbers(golden_case.rule, experts));
  REQUIRE(spec.has_value());
  auto rule = pastonly::make_rule(spec->id, spec->parameters);
  INFO((rule ? "" : rule.error().message));
  REQUIRE(rule.has_value());
  return std::move(*rule);
}

std::size_t choices_of(const pastonly::RoutingRule& rule) {
  return static_cast<std::size_t>(number(rule.parameters(), "k").value_or(1.0));
}

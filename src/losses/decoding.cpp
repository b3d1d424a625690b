#include "losses/decoding.h"

#include <algorithm>
#include <cmath>

#include "stats/parallel.h"

namespace pastonly::losses {
namespace {

/// Tokens whose successor stands in the same row, both valid.
std::vector<std::size_t> predicting_tokens(const Trace& trace) {
  std::vector<std::size_t> tokens;
  for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
    for (std::size_t s = 0; s + 1 < trace.layout.positions; ++s) {
      const std::size_t token = trace.layout.token(row, s);
      if (trace.is_valid(token) && trace.is_valid(token + 1)) tokens.push_back(token);
    }
  }
  return tokens;
}

std::vector<std::size_t> evenly_spaced(const std::vector<std::size_t>& tokens, std::size_t most) {
  if (tokens.size() <= most) return tokens;
  std::vector<std::size_t> kept(most);
  for (std::size_t i = 0; i < most; ++i) kept[i] = tokens[i * tokens.size() / most];
  return kept;
}

/// One layer's part of the features.
struct LayerPart {
  std::vector<std::uint8_t> mask;  // (samples, experts)
  std::vector<float> scores;       // (samples, experts), finite; empty where not used
};

LayerPart read_part(const LayerRecord& layer, const std::vector<std::size_t>& tokens, bool scored) {
  LayerPart part;
  part.mask.resize(tokens.size() * layer.experts);
  std::vector<float> scratch;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    read_mask(layer, tokens[i], 1, std::span(part.mask).subspan(i * layer.experts, layer.experts));
    if (!scored || layer.ranking() == nullptr) continue;
    const auto row = read_floats(*layer.ranking(), tokens[i], 1, scratch).row(0);
    part.scores.insert(part.scores.end(), row.begin(), row.end());
  }
  for (float& score : part.scores) score = std::isfinite(score) ? score : 0.0F;
  return part;
}

/// Where a feature column ends up; nothing where it was left out.
class Columns {
 public:
  Columns(std::size_t all, std::size_t most) : all_(all), kept_(std::min(all, most)) {}
  std::size_t count() const noexcept { return kept_; }
  bool keeps(std::size_t column) const noexcept { return index(column + 1) > index(column); }
  std::uint32_t place(std::size_t column) const noexcept { return static_cast<std::uint32_t>(index(column)); }

 private:
  std::size_t index(std::size_t column) const noexcept { return column * kept_ / all_; }
  std::size_t all_, kept_;
};

/// The row's tokens up to and with this one that stand together: what the next one can depend on.
std::span<const std::int64_t> past_of(const Trace& trace, std::size_t token, std::size_t order) {
  const std::size_t row_begin = token - token % trace.layout.positions;
  std::size_t begin = token + 1;
  while (begin > row_begin && token + 1 - begin < order && trace.is_valid(begin - 1)) {
    --begin;
  }
  return std::span(trace.tokens).subspan(begin, token + 1 - begin);
}

/// (1, classes) where the past does not matter, else (tokens, classes).
std::vector<double> priors_of(const Trace& trace, const std::vector<std::size_t>& tokens,
                              const stats::TokenSource& source, std::size_t classes) {
  const std::size_t rows = source.order() == 0 ? 1 : tokens.size();
  std::vector<double> priors(rows * classes);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto past =
        source.order() == 0 ? std::span<const std::int64_t>() : past_of(trace, tokens[i], source.order());
    source.class_probabilities(past, std::span(priors).subspan(i * classes, classes));
  }
  return priors;
}

}  // namespace

DecodingData decoding_data(const Trace& trace, const stats::TokenSource& source,
                           const DecodingLimits& limits) {
  DecodingData data;
  const auto all = predicting_tokens(trace);
  const auto tokens = evenly_spaced(all, limits.samples);
  data.available = all.size();
  data.classes = static_cast<std::size_t>(std::min<std::uint64_t>(source.vocab(), limits.classes));
  data.priors = priors_of(trace, tokens, source, data.classes);
  std::size_t experts = 0, scored_experts = 0;
  for (const LayerRecord& layer : trace.layers) {
    experts += layer.experts;
    scored_experts += layer.ranking() != nullptr ? layer.experts : 0;
  }
  data.scored = scored_experts > 0 && experts + scored_experts <= limits.features;
  if (experts == 0) return data;
  std::vector<LayerPart> parts(trace.layers.size());
  stats::parallel_for(parts.size(),
                      [&](std::size_t l) { parts[l] = read_part(trace.layers[l], tokens, data.scored); });
  const Columns masks(experts, limits.features);
  data.mask_features = masks.count();
  data.routing.features = masks.count() + (data.scored ? scored_experts : 0);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::size_t column = 0, score_column = masks.count();
    for (std::size_t l = 0; l < parts.size(); ++l) {
      const std::size_t n = trace.layers[l].experts;
      for (std::size_t e = 0; e < n; ++e, ++column) {
        if (parts[l].mask[i * n + e] != 0 && masks.keeps(column)) {
          data.routing.entries.emplace_back(masks.place(column), 1.0F);
        }
      }
      for (std::size_t e = 0; e < n && !parts[l].scores.empty(); ++e, ++score_column) {
        data.routing.entries.emplace_back(static_cast<std::uint32_t>(score_column),
                                          parts[l].scores[i * n + e]);
      }
    }
    data.routing.end_row();
    data.targets.push_back(
        static_cast<std::uint32_t>(static_cast<std::uint64_t>(trace.tokens[tokens[i] + 1]) % data.classes));
    data.sequence.push_back(tokens[i] / trace.layout.positions);
    data.batch.push_back(0);
  }
  return data;
}

void append(const DecodingData& batch, DecodingData& out) {
  const std::size_t first = out.sequence.empty() ? 0 : out.sequence.back() + 1;
  const std::size_t number = out.batch.empty() ? 0 : out.batch.back() + 1;
  if (out.priors.size() != out.classes)  // else one prior serves all samples
    out.priors.insert(out.priors.end(), batch.priors.begin(), batch.priors.end());
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    const auto row = batch.routing.row(i);
    out.routing.entries.insert(out.routing.entries.end(), row.begin(), row.end());
    out.routing.end_row();
    out.targets.push_back(batch.targets[i]);
    out.sequence.push_back(first + batch.sequence[i]);
    out.batch.push_back(number);
  }
  out.available += batch.available;
}

}  // namespace pastonly::losses

#include "run/agreement_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

namespace pastonly::run {
namespace {

using comparison::LayerAgreement;

/// Positions of the first recording that were compared, in parts of one width.
class PositionBins {
 public:
  PositionBins(const Trace& first, const comparison::Alignment& alignment)
      : positions_(first.layout.positions) {
    std::size_t least = positions_, end = 0;
    for (const auto& stretch : alignment.stretches) {
      if (stretch.count == 0) continue;
      least = std::min(least, stretch.first % positions_);
      end = std::max(end, stretch.first % positions_ + stretch.count);
    }
    from_ = std::min(least, end);
    end_ = end;
    width_ = std::max<std::size_t>(1, (end_ - from_ + most_position_bins - 1) / most_position_bins);
    tokens_.assign((end_ - from_ + width_ - 1) / width_, 0.0);
    for (const auto& stretch : alignment.stretches) {
      for (std::size_t s = 0; s < stretch.count; ++s) tokens_[bin(stretch.first + s)] += 1.0;
    }
  }

  std::size_t size() const { return tokens_.size(); }
  std::size_t width() const { return width_; }
  double middle(std::size_t bin) const {
    return static_cast<double>(start(bin)) + 0.5 * static_cast<double>(stop(bin) - start(bin) - 1);
  }
  std::string name(std::size_t bin) const {
    return stop(bin) - start(bin) == 1 ? fmt::format("{}", start(bin))
                                       : fmt::format("{}-{}", start(bin), stop(bin) - 1);
  }

  /// The share of the tokens of each part that are among these; NaN where none was compared.
  std::vector<double> shares(const std::vector<std::size_t>& tokens) const {
    std::vector<double> out(size(), 0.0);
    for (const std::size_t token : tokens) out[bin(token)] += 1.0;
    for (std::size_t i = 0; i < size(); ++i)
      out[i] = tokens_[i] > 0.0 ? out[i] / tokens_[i] : std::numeric_limits<double>::quiet_NaN();
    return out;
  }
  /// The share of these tokens in one quarter of the parts.
  double quarter(const std::vector<std::size_t>& tokens, bool last) const {
    const std::size_t count = std::max<std::size_t>(1, size() / 4);
    const std::size_t from = last ? size() - count : 0;
    double sum = 0.0, all = 0.0;
    for (std::size_t i = from; i < from + count; ++i) all += tokens_[i];
    for (const std::size_t token : tokens) {
      const std::size_t at = bin(token);
      sum += at >= from && at < from + count ? 1.0 : 0.0;
    }
    return all > 0.0 ? sum / all : 0.0;
  }

 private:
  std::size_t bin(std::size_t token) const { return (token % positions_ - from_) / width_; }
  std::size_t start(std::size_t bin) const { return from_ + bin * width_; }
  std::size_t stop(std::size_t bin) const { return std::min(end_, start(bin) + width_); }

  std::size_t positions_, from_ = 0, end_ = 0, width_ = 1;
  std::vector<double> tokens_;  // (parts) compared
};

/// Tokens that some layer names, ascending, each once.
std::vector<std::size_t> of_any_layer(const comparison::Agreement& agreement, std::size_t tokens,
                                      std::vector<std::size_t> LayerAgreement::*which) {
  std::vector<std::uint8_t> named(tokens, 0);
  for (const LayerAgreement& layer : agreement.layers) {
    for (const std::size_t token : layer.*which) named[token] = 1;
  }
  std::vector<std::size_t> out;
  for (std::size_t token = 0; token < tokens; ++token) {
    if (named[token] != 0) out.push_back(token);
  }
  return out;
}

Chart::Series series_of(std::string name, const PositionBins& bins, const std::vector<double>& shares) {
  Chart::Series out;
  out.name = std::move(name);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (!(shares[i] >= 0.0)) continue;
    out.x.push_back(bins.middle(i));
    out.y.push_back(shares[i]);
  }
  return out;
}

std::string cell_words(const PositionBins& bins) {
  return bins.width() == 1 ? "" : fmt::format(" Each point holds {} positions.", bins.width());
}

/// `near`: tokens at near ties alone.
Chart over_layers(const PositionBins& bins, const std::vector<std::size_t>& differing,
                  const std::vector<std::size_t>& near) {
  Chart chart;
  chart.id = "mismatch-by-position";
  chart.kind = Chart::Kind::lines;
  chart.title = "tokens with other experts, by position in the sequence";
  chart.x = "position";
  chart.y = "share of tokens";
  if (!differing.empty())
    chart.series.push_back(series_of("other experts in some layer", bins, bins.shares(differing)));
  if (!near.empty()) chart.series.push_back(series_of("at near ties alone", bins, bins.shares(near)));
  const double start = 100.0 * bins.quarter(differing, false), end = 100.0 * bins.quarter(differing, true);
  chart.about =
      differing.empty()
          ? "Near ties alone: what rounding may turn, wherever it stands."
          : fmt::format(
                "{:.3g}% of the tokens in the first quarter of the positions differ beyond near "
                "ties, {:.3g}% in the last. A level line says that the position does not matter. A "
                "rising one points at what grows with the sequence: a cache, positions, a capacity.",
                start, end);
  chart.about += cell_words(bins);
  return chart;
}

Chart by_layer(const comparison::Agreement& agreement, const PositionBins& bins) {
  Chart chart;
  chart.id = "mismatch-by-layer-and-position";
  chart.title = "tokens with other experts, by layer and position";
  chart.x = "position";
  chart.y = "layer";
  chart.unit = "of tokens";
  chart.neutral = 0.0;
  chart.about =
      "Near ties left out. The first coloured row is the layer to mend; rows below it may only "
      "pass its difference on." +
      cell_words(bins);
  for (std::size_t i = 0; i < bins.size(); ++i) chart.columns.push_back(bins.name(i));
  for (const LayerAgreement& layer : agreement.layers) {
    chart.rows.push_back(fmt::format("{}", raw(layer.index)));
    const auto shares = bins.shares(layer.differing);
    chart.values.insert(chart.values.end(), shares.begin(), shares.end());
  }
  return chart;
}

}  // namespace

std::vector<Chart> agreement_charts(const Trace& first, const comparison::Alignment& alignment,
                                    const comparison::Agreement& agreement) {
  const std::size_t tokens = first.layout.tokens();
  const auto differing = of_any_layer(agreement, tokens, &LayerAgreement::differing);
  const auto touched = of_any_layer(agreement, tokens, &LayerAgreement::near);
  std::vector<std::size_t> near;
  std::ranges::set_difference(touched, differing, std::back_inserter(near));
  if (alignment.tokens == 0 || (differing.empty() && near.empty())) return {};
  const PositionBins bins(first, alignment);
  if (bins.size() < 2) return {};
  std::vector<Chart> out{over_layers(bins, differing, near)};
  if (!differing.empty() && agreement.layers.size() > 1) out.push_back(by_layer(agreement, bins));
  return out;
}

}  // namespace pastonly::run

#include "comparison/record_hazards.h"

#include <fmt/format.h>

#include <algorithm>

#include "comparison/decided_tokens.h"

namespace pastonly::comparison {
namespace {

using Mask01 = std::vector<std::uint8_t>;

/// A record's masks and its control's, a stretch at a time.
class HazardScan {
 public:
  HazardScan(const Trace& record, const Alignment& alignment, bool swapped, std::string side)
      : record_(record), alignment_(alignment), swapped_(swapped), side_(std::move(side)) {
    zero_everywhere_.assign(alignment.layers.size(), true);
    control_routes_.assign(alignment.layers.size(), false);
  }

  std::vector<Hazard> run() {
    for (const Alignment::Stretch& stretch : alignment_.stretches) add(stretch);
    std::vector<Hazard> out;
    zero_layers(out);
    if (zeros_.count > 0 && out.empty())
      out.push_back(
          {"zero-rows",
           fmt::format("{} tokens of {} take expert 0 alone in every layer, and the other's do not: "
                       "rows filled with zeros",
                       zeros_.count, side_),
           zeros_.count,
           zeros_.token,
           {}});
    const double tokens = static_cast<double>(alignment_.tokens);
    // A collapsed router repeats itself wherever one looks, not only in the row before.
    const double usual = static_cast<double>(std::max(control_repeats_, far_repeats_) + 1) / (tokens + 1.0);
    if (static_cast<double>(stale_.count) > 10.0 * tokens * usual * usual * usual * usual && stale_.count > 0)
      out.push_back(
          {"stale-rows",
           fmt::format("{} tokens of {} have the very routes of the position before in every layer, "
                       "four in a row and more, and the other's do not: rows repeated",
                       stale_.count, side_),
           stale_.count,
           stale_.token,
           {}});
    shifted(out);
    wrapped(out);
    return out;
  }

 private:
  struct Seen {
    std::uint64_t count = 0;
    std::optional<std::size_t> token;
    void add(std::size_t at, std::uint64_t more = 1) {
      if (!token) token = at;
      count += more;
    }
  };
  static constexpr std::size_t least_run = 4;
  /// Consecutive tokens; single ones come about by chance.
  struct Run {
    std::size_t count = 0;
    void add(bool goes_on, std::size_t token, Seen& seen) {
      count = goes_on ? count + 1 : 0;
      if (count == least_run) seen.add(token - (least_run - 1), least_run);
      if (count > least_run) seen.add(token);
    }
  };
  static constexpr std::size_t bits8 = 256;

  const LayerRecord& record(std::size_t l) const {
    return swapped_ ? *alignment_.layers[l].first : *alignment_.layers[l].second;
  }
  const LayerRecord& control(std::size_t l) const {
    return swapped_ ? *alignment_.layers[l].second : *alignment_.layers[l].first;
  }

  /// Per token: what holds in all layers so far.
  struct InAll {
    bool zero = true, repeats = true, control_repeats = true, control_zero = true;
    bool far_repeats = true;  // the routes of a token half of the stretch away
  };

  void add(const Alignment::Stretch& stretch) {
    std::vector<InAll> all(stretch.count);
    all.front().repeats = false;
    const std::size_t half = stretch.count / 2;
    const std::size_t layers = alignment_.layers.size();
    Mask01 masks[2];
    for (std::size_t l = 0; l < layers; ++l) {
      const std::size_t experts = record(l).experts;
      for (auto& mask : masks) mask.resize(stretch.count * experts);
      read_mask(record(l), swapped_ ? stretch.first : stretch.second, stretch.count, masks[0]);
      read_mask(control(l), swapped_ ? stretch.second : stretch.first, stretch.count, masks[1]);
      for (std::size_t s = 0; s < stretch.count; ++s) {
        look(masks, experts, s, l, all[s]);
        const std::size_t far = (s + half) % stretch.count;
        all[s].far_repeats = all[s].far_repeats && half > 0 &&
                             std::equal(masks[0].begin() + static_cast<std::ptrdiff_t>(s * experts),
                                        masks[0].begin() + static_cast<std::ptrdiff_t>((s + 1) * experts),
                                        masks[0].begin() + static_cast<std::ptrdiff_t>(far * experts));
      }
    }
    Run zeros, repeats;
    for (std::size_t s = 0; s < stretch.count; ++s) {
      const std::size_t token = (swapped_ ? stretch.first : stretch.second) + s;
      control_repeats_ += all[s].control_repeats && s > 0 ? 1 : 0;
      far_repeats_ += all[s].far_repeats ? 1 : 0;
      zeros.add(all[s].zero && !all[s].control_zero, token, zeros_);
      repeats.add(all[s].repeats && !all[s].zero && !all[s].control_repeats && other_token(token), token,
                  stale_);
    }
  }

  /// Than the one before it, as far as is known.
  bool other_token(std::size_t token) const {
    return record_.tokens.empty() || token == 0 || record_.tokens[token] != record_.tokens[token - 1];
  }

  void look(const Mask01 (&masks)[2], std::size_t experts, std::size_t s, std::size_t l, InAll& all) {
    const auto row = [&](std::size_t side, std::size_t at) {
      return std::span<const std::uint8_t>(masks[side].data() + at * experts, experts);
    };
    const auto zero = [](std::span<const std::uint8_t> mask) {
      return mask[0] != 0 && std::ranges::count(mask, std::uint8_t{1}) == 1;
    };
    const auto none = [](std::span<const std::uint8_t> mask) {
      return std::ranges::count(mask, std::uint8_t{1}) == 0;
    };
    const auto mine = row(0, s), others = row(1, s);
    const bool is_zero = zero(mine);
    all.zero = all.zero && is_zero;
    all.control_zero = all.control_zero && zero(others);
    // Several zeros in one row count as no decision (is_placeholder).
    zero_everywhere_[l] = zero_everywhere_[l] && (is_zero || none(mine));
    control_routes_[l] = control_routes_[l] || !(zero(others) || none(others));
    if (s > 0) {
      all.repeats = all.repeats && std::ranges::equal(mine, row(0, s - 1));
      all.control_repeats = all.control_repeats && std::ranges::equal(others, row(1, s - 1));
      before_ += common(row(0, s - 1), others);
      after_ += common(mine, row(1, s - 1));
      here_ += common(mine, others);
      routes_ += common(others, others);
    }
    if (experts > bits8) add_wrapped(mine, others);
  }

  static std::uint64_t common(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other) {
    unsigned count = 0;
    for (std::size_t e = 0; e < one.size(); ++e) count += static_cast<unsigned>(one[e] & other[e]);
    return count;
  }

  void add_wrapped(std::span<const std::uint8_t> mine, std::span<const std::uint8_t> others) {
    Mask01 folded(mine.size(), 0);
    for (std::size_t e = 0; e < others.size(); ++e) {
      if (others[e] != 0) folded[e % bits8] = 1;
    }
    ++ids_;
    wrapped_ += std::ranges::equal(folded, mine) ? 1 : 0;
    changed_ += std::ranges::equal(mine, others) ? 0 : 1;
  }

  void zero_layers(std::vector<Hazard>& out) const {
    Hazard hazard{"zero-layer", "", 0, std::nullopt, {}};
    for (std::size_t l = 0; l < zero_everywhere_.size(); ++l) {
      if (zero_everywhere_[l] && control_routes_[l]) hazard.layers.push_back(record(l).index);
    }
    hazard.count = hazard.layers.size();
    hazard.message =
        fmt::format("{} layers of {} take expert 0 alone, or none, at every token: filled with zeros",
                    hazard.count, side_);
    if (hazard.count > 0 && alignment_.tokens >= least_run) out.push_back(std::move(hazard));
  }

  /// One position aside most routes agree, in place they do not.
  void shifted(std::vector<Hazard>& out) const {
    constexpr double most = 0.9, few = 0.6;
    if (swapped_ || routes_ == 0) return;
    const auto share = [&](std::uint64_t count) {
      return static_cast<double>(count) / static_cast<double>(routes_);
    };
    const double best = share(std::max(before_, after_));
    if (share(here_) > few || best < most) return;
    out.push_back(
        {"shifted-rows",
         fmt::format("the routes of {} are those of the {} position: {:.1f}% agree so, {:.1f}% in place",
                     side_, after_ > before_ ? "previous" : "next", 100.0 * best, 100.0 * share(here_)),
         alignment_.tokens,
         std::nullopt,
         {}});
  }

  void wrapped(std::vector<Hazard>& out) const {
    if (ids_ == 0 || changed_ == 0 || static_cast<double>(wrapped_) < 0.99 * static_cast<double>(ids_))
      return;
    out.push_back({"wrapped-ids",
                   fmt::format("expert ids of {} are the other's modulo 256: written in 8 bits", side_),
                   changed_,
                   std::nullopt,
                   {}});
  }

  const Trace& record_;
  const Alignment& alignment_;
  bool swapped_;
  std::string side_;
  std::vector<bool> zero_everywhere_;
  std::vector<bool> control_routes_;  // (layers) not by zeros alone
  Seen zeros_, stale_;
  std::uint64_t control_repeats_ = 0, far_repeats_ = 0;
  std::uint64_t before_ = 0, after_ = 0, here_ = 0, routes_ = 0;
  std::uint64_t ids_ = 0, wrapped_ = 0, changed_ = 0;
};

/// Tokens without a decision: marked, or the last of a row filled with zeros, as engines leave those they did
/// not run; more zeros in a row are a record that was never written.
void undecided(const Trace& trace, const std::string& side, std::vector<Hazard>& out) {
  const auto decided = decided_tokens(trace);
  Hazard left{"undecided-tokens", "", 0, std::nullopt, {}}, zeros{"zero-rows", "", 0, std::nullopt, {}};
  const auto count = [](Hazard& hazard, std::size_t token) {
    if (!hazard.token) hazard.token = token;
    ++hazard.count;
  };
  for (std::size_t token = 0; token < decided.size(); ++token) {
    if (decided[token] != 0 || !trace.is_real(token)) continue;
    const bool filled = is_zero_filled(trace, token);
    const bool last = (token + 1) % trace.layout.positions == 0 || !trace.is_real(token + 1);
    count(filled && !last ? zeros : left, token);
  }
  left.message = fmt::format(
      "{} tokens of {} are marked as never routed (negative ids, or a last row of zeros): they are left out",
      left.count, side);
  zeros.message =
      fmt::format("{} tokens of {} name expert 0 in every choice of every layer: rows filled with zeros",
                  zeros.count, side);
  if (left.count > 0) out.push_back(std::move(left));
  if (zeros.count > 0) out.push_back(std::move(zeros));
}

}  // namespace

std::vector<Hazard> record_hazards(const Trace& first, const Trace& second, const Alignment& alignment,
                                   bool swapped) {
  const std::string side = swapped ? "the first" : "the second";
  std::vector<Hazard> out;
  undecided(swapped ? first : second, side, out);
  for (Hazard& hazard : HazardScan(swapped ? first : second, alignment, swapped, side).run())
    out.push_back(std::move(hazard));
  return out;
}

}  // namespace pastonly::comparison

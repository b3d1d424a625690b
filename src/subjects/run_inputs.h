#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/layout.h"
#include "pastonly/trace.h"
#include "subjects/token_batch.h"

namespace pastonly::subjects {

/// Draws token ids, (sequences, positions): a function of the seed, independent between seeds. May be called
/// from several threads at once.
using DrawTokens = std::function<std::vector<std::int64_t>(std::uint64_t seed, std::size_t sequences,
                                                           std::size_t positions)>;

/// What a model is given in every run of a live subject; a function of the seed and the run alone.
/// - base: a batch drawn from (seed, run id), so a base of another id is another batch. Changed runs draw the
///   base of the run they change.
/// - suffix: rows are redrawn from (base, row, resample) in full and taken from the cut on: independent of
///   the prefix, nested in the cut. batch, length: likewise.
class RunInputs {
 public:
  /// `layout`: of the bases.
  RunInputs(DrawTokens draw, const Layout& layout, std::uint64_t seed)
      : draw_(std::move(draw)), layout_(layout), seed_(seed) {}

  /// The same with bases of another layout.
  RunInputs(const RunInputs& other, const Layout& layout) : RunInputs(other.draw_, layout, other.seed_) {}

  const Layout& layout() const noexcept { return layout_; }
  /// Usage error, which names the subject: draws of another size than asked for.
  Expected<void> check(const std::string& subject) const;
  /// Usage errors as `intervened`.
  Expected<TokenBatch> batch(const Intervention& run) const;
  /// What is known of a run's trace before it is run: its path, layout and tokens.
  Expected<Trace> outline(const Intervention& run, std::string path) const;
  /// The batch with which a run on a foreign batch has its tokens compete.
  TokenBatch foreign_batch(const Intervention& run) const;
  /// Seed of what routing draws by chance: the base's, whatever is changed, but for a redraw. What then
  /// changes is no chance.
  std::uint64_t chance(const Intervention& run) const;

 private:
  TokenBatch drawn(std::uint64_t seed) const;

  DrawTokens draw_;
  Layout layout_;
  std::uint64_t seed_;
};

}  // namespace pastonly::subjects

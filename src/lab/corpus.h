#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "input/text/token_stream.h"
#include "lab/experiment.h"
#include "pastonly/error.h"
#include "stats/token_source.h"

namespace pastonly::lab {

/// What an experiment trains and is evaluated on. May be used by several threads at once.
class Corpus {
 public:
  /// Opens what `tokens` names. Input errors: a file that cannot be read or holds fewer than ten rows of
  /// `positions` tokens.
  static Expected<Corpus> open(const Tokens& tokens, std::size_t positions);

  enum class Part { training, evaluation };
  /// Fills (sequences, positions): a function of the arguments. Sources are drawn from; of files, rows begin
  /// anywhere in the first nine tenths (training) or the last (evaluation). Input errors: ids outside the
  /// vocabulary.
  Expected<void> draw(Part part, std::uint64_t seed, const Layout& layout,
                      std::vector<std::int64_t>& out) const;

  /// nullptr for files: their entropy is not known.
  const stats::TokenSource* source() const noexcept { return source_ ? &*source_ : nullptr; }

 private:
  Corpus() = default;
  std::optional<stats::TokenSource> source_;
  std::optional<input::TokenStream> stream_;
};

}  // namespace pastonly::lab

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "routing/identify/offsets/group_choice.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// A token that a bias is fitted to.
struct SampledToken {
  std::shared_ptr<const RunView> view;
  std::size_t token;
};

/// Finds a bias under which sampled tokens follow group-limited selection, for shapes of which few can be
/// right. Every shape is tried briefly, on the first tokens; those that come nearest are fitted in full, as
/// many as a fixed number of scores allows. Tokens read: at most
/// shapes * first_epochs * first_tokens + max(fewest_fitted * epochs * tokens, most_scores / experts). Twice
/// as many experts make twice as many shapes and rows twice as long: the brief trials cost four times as
/// much, the fits in full no more than rows of that length.
class GroupBiasFit {
 public:
  static constexpr std::size_t first_epochs = 4, first_tokens = 512, epochs = 300;
  static constexpr std::size_t most_scores = std::size_t{1} << 24;  ///< read by fits in full
  static constexpr std::size_t fewest_fitted = 1;                   ///< shapes, whatever they read

  explicit GroupBiasFit(std::vector<SampledToken> tokens) : tokens_(std::move(tokens)) {}

  /// `start`: a bias that agrees with what is known, (experts).
  void add(GroupChoice shape, const std::vector<double>& start);
  /// Fits the nearest shapes in full, in the order in which they were added, until one follows and `accept`
  /// takes it. Says whether one did.
  bool run(const std::function<bool(GroupChoice&)>& accept);
  std::size_t reads() const noexcept { return reads_; }

 private:
  struct Shape {
    GroupChoice choice;
    std::vector<double> start;  // (experts)
    std::vector<double> bias;   // (experts)
    std::size_t wrong = 0;      ///< of the first tokens, after the first epochs
    std::size_t place = 0;      ///< in the order of adding
  };
  std::size_t epoch(Shape& shape, int number, std::size_t tokens);
  bool follows(Shape& shape);

  std::vector<SampledToken> tokens_;
  std::vector<Shape> shapes_;
  std::size_t places_ = 0, reads_ = 0;
};

}  // namespace pastonly::routing::hypotheses

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/layout.h"
#include "pastonly/mask.h"
#include "pastonly/matrix_view.h"
#include "pastonly/value.h"

namespace pastonly {

/// What a rule's outcome may depend on, beyond the token's own scores and its own past.
struct Dependence {
  bool future = false;  ///< later tokens of the same sequence, same length
  bool batch = false;   ///< other sequences of the batch
  bool order = false;   ///< the order in which the sequences stand; implies batch
  bool length = false;  ///< tokens or padding appended
  bool random = false;  ///< a random draw
  friend bool operator==(const Dependence&, const Dependence&) = default;
};

/// The parameters of a rule, by the keys that reports, plans, metadata and `--rule` share:
/// k, chunk, capacity, capacity_factor, capacity_formula, min_capacity, scope, order, bias, groups,
/// topk_groups, ...; always an object.
using Parameters = Value::Object;

/// What a selection may read besides the scores.
struct RoutingContext {
  Layout layout;                         ///< layout.tokens() == scores.rows()
  std::uint64_t seed = 0;                ///< of chance rules; equal seeds give equal outcomes
  std::span<const std::int64_t> tokens;  ///< token ids in router order; empty where unknown
  std::span<const std::uint8_t> valid;   ///< 0 = padding, router order; empty = all valid
};

/// One routed layer: the choice before capacity drops and the outcome after them.
struct Routing {
  Mask selected;  // (tokens, experts) before drops
  Mask mask;      // (tokens, experts) after drops; a subset of selected
};

/// One routing rule with its parameters fixed. Immutable while routing: `select` is a pure function
/// of scores, context and the state that `learn` last left behind, so one instance may serve several
/// threads. Non-finite scores rank below every finite one (NaN as -inf), so no outcome is undefined.
class RoutingRule {
 public:
  RoutingRule() = default;
  RoutingRule(const RoutingRule&) = delete;
  RoutingRule& operator=(const RoutingRule&) = delete;
  virtual ~RoutingRule() = default;

  virtual std::string_view id() const noexcept = 0;
  /// The parameters in force, complete: feeding them back to make_rule gives the same rule.
  virtual Parameters parameters() const = 0;
  /// Of these parameters, for this batch layout.
  virtual Dependence dependence(const Layout& layout, std::size_t experts) const = 0;
  /// Scores in router order, (tokens, experts), higher is better. Writes both masks of `out`.
  virtual void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const = 0;
  /// Updates state (bias, centroids, thresholds) from what has been routed; stateless rules ignore it.
  virtual void learn(const Mask& routed) { static_cast<void>(routed); }
  /// The same for state that is learned from the scores as well, (tokens, experts) in router order.
  virtual void learn(MatrixView<const float> scores, const Mask& routed) {
    static_cast<void>(scores);
    learn(routed);
  }
};

/// A row of the table of rules: what `pastonly rules` lists and `pastonly explain` prints.
struct RuleInfo {
  std::string_view id;
  std::string_view title;      ///< the name in the field
  std::string_view semantics;  ///< what it does, one paragraph
  std::string_view used_in;    ///< frameworks and the option that selects it
  std::string_view why;        ///< why it is or is not causal
  std::string_view instead;    ///< what to use instead; "" where nothing is wrong
  std::string_view ties;       ///< who wins among equal scores
  std::string_view keys;       ///< its parameters, space-separated, with defaults: "k=2 chunk"
  /// The dependence of its usual parameters on a batch-major batch of several sequences.
  Dependence usual;
  Expected<std::unique_ptr<RoutingRule>> (*make)(const Parameters&);
};

/// All rules, in the order of the documentation. The only list.
std::span<const RuleInfo> routing_rules() noexcept;
/// nullptr where no rule has that id.
const RuleInfo* find_rule(std::string_view id) noexcept;
/// Unknown ids and unknown, missing or contradictory parameters are usage errors naming the key.
Expected<std::unique_ptr<RoutingRule>> make_rule(std::string_view id, const Parameters& parameters);
/// "expert-choice,chunk=512,order=sequence-major" -> id and parameters. Numbers become numbers;
/// "bias=[0.1;-0.2]" becomes an array.
struct RuleSpec {
  std::string id;
  Parameters parameters;
};
Expected<RuleSpec> parse_rule(std::string_view text);
/// Whether the rule exists and takes these parameters; k may be left out, which the model it is for may have.
Expected<void> check_rule(const RuleSpec& spec);
/// The text that parse_rule reads back. Parameters that are null or objects are left out.
std::string format_rule(const RuleSpec& spec);

}  // namespace pastonly

#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "routing/dependence.h"
#include "routing/selection/admission.h"
#include "routing/selection/capacity.h"
#include "routing/selection/group.h"

namespace pastonly::routing {

/// What token choice with a capacity is told.
struct CappedOptions {
  std::size_t k = 1;
  Capacity capacity;
  GroupingOptions grouping;
};
CappedOptions read_capped(ParameterReader& reader, std::optional<std::size_t> default_k,
                          bool per_sequence = false);

/// Token choice with a capacity: every token chooses its k best, `admit` says who stays.
class CappedRule : public GroupedRule {
 public:
  CappedRule(std::string_view id, CappedOptions options, Precedence precedence)
      : GroupedRule(options.grouping), id_(id), options_(options), precedence_(precedence) {}

  std::string_view id() const noexcept override { return id_; }
  Parameters parameters() const override;

 protected:
  const CappedOptions& options() const noexcept { return options_; }
  /// C of a group.
  std::size_t slots(const Group& group) const noexcept;
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override;

 private:
  void route(const Group& group, Routing& out) const override;
  virtual void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const = 0;

  std::string_view id_;
  CappedOptions options_;
  Precedence precedence_;
};

}  // namespace pastonly::routing

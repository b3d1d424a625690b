#pragma once

#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// A rule put around another one: id, parameters and dependence are that rule's. Keeps a reference to it.
class RuleWrapper : public RoutingRule {
 public:
  explicit RuleWrapper(const RoutingRule& rule) : rule_(rule) {}

  std::string_view id() const noexcept override { return rule_.id(); }
  Parameters parameters() const override { return rule_.parameters(); }
  Dependence dependence(const Layout& layout, std::size_t experts) const override {
    return rule_.dependence(layout, experts);
  }

 protected:
  const RoutingRule& rule() const noexcept { return rule_; }

 private:
  const RoutingRule& rule_;
};

}  // namespace pastonly::routing

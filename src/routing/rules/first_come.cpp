#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/capped.h"

namespace pastonly::routing {

namespace {

class FirstCome final : public CappedRule {
 public:
  FirstCome(std::string_view id, CappedOptions options, bool reroutes)
      : CappedRule(id, options, Precedence::first_come), reroutes_(reroutes) {}

  Parameters parameters() const override {
    Parameters parameters = CappedRule::parameters();
    if (reroutes_) parameters.emplace_back("overflow", "next");
    return parameters;
  }

 private:
  void admit(const Group& group, const Choices& choices, std::size_t slots, Routing& out) const override {
    if (reroutes_) {
      admit_next_free(group, choices.k, slots, out);
    } else {
      admit_token_major(group, choices, slots, out);
    }
  }

  bool reroutes_;  ///< a full expert is passed over for the next best that has room
};

bool read_overflow(ParameterReader& reader) { return reader.choice("overflow", {"dropped", "next"}, 0) == 1; }

}  // namespace

Made make_switch_capacity(const Parameters& parameters) {
  ParameterReader reader(ids::switch_capacity, parameters);
  const auto options = read_capped(reader, 1);
  const bool reroutes = read_overflow(reader);
  if (options.k != 1) reader.reject("parameter 'k' must be 1; token-major-capacity takes more choices");
  return finished(reader, std::make_unique<FirstCome>(ids::switch_capacity, options, reroutes));
}

Made make_token_major_capacity(const Parameters& parameters) {
  ParameterReader reader(ids::token_major_capacity, parameters);
  const auto options = read_capped(reader, std::nullopt);
  const bool reroutes = read_overflow(reader);
  return finished(reader, std::make_unique<FirstCome>(ids::token_major_capacity, options, reroutes));
}

Made make_fixed_capacity(const Parameters& parameters) {
  ParameterReader reader(ids::fixed_capacity, parameters);
  const auto options = read_capped(reader, 1, true);
  const bool reroutes = read_overflow(reader);
  if (!options.capacity.literal) {
    reader.reject(
        "parameter 'capacity' must be the number of slots; switch-capacity and token-major-capacity "
        "derive it from the number of tokens");
  }
  return finished(reader, std::make_unique<FirstCome>(ids::fixed_capacity, options, reroutes));
}

}  // namespace pastonly::routing

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "catch.h"
#include "pastonly/routing_rule.h"
#include "routing/rule_traits.h"
#include "stats/random.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

std::string refusal(std::string_view text) {
  const auto spec = parse_rule(text);
  if (!spec) return spec.error().message;
  const auto rule = make_rule(spec->id, spec->parameters);
  REQUIRE_FALSE(rule.has_value());
  CHECK(rule.error().kind == Error::Kind::usage);
  return rule.error().message;
}

/// Whether the parameters are refused with a message that holds all of that.
bool refused(std::string_view text, std::initializer_list<std::string_view> parts) {
  const std::string message = refusal(text);
  INFO(message);
  return std::all_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return message.find(part) != std::string::npos; });
}

Routing route(std::string_view text, const std::vector<float>& scores, std::size_t experts, Layout layout,
              std::uint64_t seed = 0, std::span<const std::uint8_t> valid = {}) {
  Routing out;
  RoutingContext context;
  context.layout = layout;
  context.seed = seed;
  context.valid = valid;
  made(text)->select({scores.data(), layout.tokens(), experts}, context, out);
  return out;
}

std::vector<float> normal_scores(std::size_t count, std::uint64_t seed, bool ties = false) {
  stats::CounterRng rng(seed);
  std::vector<float> scores(count);
  for (float& score : scores) {
    const double value = rng.normal();
    score = static_cast<float>(ties ? std::round(value) : value);
  }
  return scores;
}

std::vector<std::size_t> loads(const Mask& mask) {
  std::vector<std::size_t> load(mask.experts(), 0);
  for (std::size_t t = 0; t < mask.tokens(); ++t) {
    for (std::size_t e = 0; e < mask.experts(); ++e) load[e] += mask(t, e);
  }
  return load;
}

// One usable set of parameters for every rule.
constexpr std::string_view examples[] = {
    "top-k,k=2",
    "biased-top-k,k=2,bias=[0.5;-0.25;0;0.125],update_rate=0.01",
    "biased-top-k(same-batch),k=2,updates=3",
    "group-limited-top-k,k=2,groups=2,topk_groups=1,group_score=max,group_mask=zero,bias=[1;0;0;0]",
    "noisy-top-k,k=2,noise=-1.5",
    "switch-capacity,capacity_factor=1.25,min_capacity=4,capacity_formula=deepspeed",
    "token-major-capacity,k=2,capacity_factor=0.5,order=sequence-major",
    "fixed-capacity,k=2,capacity=5",
    "gshard-top-2,k=3,capacity_formula=tutel",
    "gshard-top-2(random-second),capacity=3,threshold=0.2",
    "batch-priority,capacity=3",
    "drop-by-score,k=2,capacity=3,rank=renormalised",
    "random-token,capacity=3",
    "unstable-capacity,capacity=3",
    "expert-choice,k=1.5,order=batch-major",
    "expert-choice(shuffled),k=2,chunk=4",
    "expert-choice(streaming),k=2",
    "expert-threshold,thresholds=[0;0.5;1;-1]",
    "sinkhorn,k=2,tolerance=0,iterations=7,input=probabilities",
    "assignment",
    "next-choice,capacity=3",
    "mixture-of-depths,capacity_factor=0.25,strict=true",
    "mixture-of-depths(predictor),threshold=0.5",
    "column-normalised-gate",
    "soft-moe",
    "quantile-balancing,k=2,thresholds=[0.5;0;0;0]",
    "k-means,k=2",
    "k-means(same-batch),k=2",
    "expert-autonomy,k=2",
    "hash,k=2,table=[0;1;2;3;1;3]",
    "biased-top-k(prefix),k=2,bias=[0.5;-0.25;0;0.125]",
    "rank-capacity,k=2,ranks=2,capacity_factor=1",
    "sequence-top-k,k=1",
    "sequence-top-k(streaming),k=1",
};

}  // namespace

TEST_CASE("the table: unique ids, every field written, usual dependence reached", "[routing]") {
  std::set<std::string_view> ids, shown;
  std::set<int> simplicity, sweep;
  for (const RuleInfo& info : routing_rules()) {
    INFO(info.id);
    CHECK(ids.insert(info.id).second);
    for (const auto field : {info.title, info.semantics, info.used_in, info.why, info.ties, info.keys}) {
      if (info.id != "soft-moe") CHECK_FALSE(field.empty());
    }
    const bool clean = info.usual == Dependence{} || info.usual == Dependence{.random = true};
    CHECK(info.instead.empty() == clean);
    CHECK(find_rule(info.id) == &info);
    const routing::RuleTraits& traits = routing::rule_traits(info.id);
    CHECK((traits.simplicity == 0 || simplicity.insert(traits.simplicity).second));
    CHECK((traits.sweep.place == 0 || sweep.insert(traits.sweep.place).second));
    CHECK((traits.sweep.place == 0 || info.usual.future));
  }
  for (const auto text : examples) {
    INFO(text);
    const RuleInfo* info = find_rule(parse_rule(text)->id);
    shown.insert(info->id);
    CHECK(made(text)->dependence({4, 64}, 4) == info->usual);
  }
  CHECK(shown == ids);
  CHECK(find_rule("no-such-rule") == nullptr);
  CHECK(routing::rule_traits("no-such-rule").simplicity == 0);
}

TEST_CASE("parameters go round", "[routing]") {
  for (const auto text : examples) {
    INFO(text);
    const auto rule = made(text);
    const auto again = make_rule(rule->id(), rule->parameters());
    REQUIRE(again.has_value());
    CHECK((*again)->parameters() == rule->parameters());
    const auto scores = normal_scores(24 * 4, 5);
    RoutingContext context;
    context.layout = {3, 8};
    Routing first, second;
    rule->select({scores.data(), 24, 4}, context, first);
    (*again)->select({scores.data(), 24, 4}, context, second);
    CHECK(first.mask == second.mask);
    CHECK(first.selected == second.selected);
  }
}

TEST_CASE("rules on the command line", "[routing]") {
  const auto spec =
      parse_rule("expert-choice, chunk=512, k=1.5 ,order=sequence-major,strict=true,bias=[0.1;-2]");
  REQUIRE(spec.has_value());
  CHECK(spec->id == "expert-choice");
  CHECK(spec->parameters == Parameters{{"chunk", 512},
                                       {"k", 1.5},
                                       {"order", "sequence-major"},
                                       {"strict", true},
                                       {"bias", Value::Array{0.1, -2}}});
  CHECK(parse_rule("expert-choice(shuffled)")->id == "expert-choice(shuffled)");
  for (const auto text : {"", ",k=2", "top-k,k", "top-k,=2", "top-k,k=", "top-k,b=[1;2", "top-k,b=[1;;2]",
                          "top-k,b=[1;]", "top-k,"}) {
    INFO(text);
    CHECK_FALSE(parse_rule(text).has_value());
  }
}

TEST_CASE("what is wrong with parameters is named", "[routing]") {
  CHECK(refused("no-such-rule", {"no-such-rule"}));
  CHECK(refused("top-k", {"top-k", "'k' is missing"}));
  CHECK(refused("top-k,k=0", {"at least 1"}));
  CHECK(refused("top-k,k=1.5", {"whole number"}));
  CHECK(refused("top-k,k=2,chunk=4", {"unknown parameter 'chunk'"}));
  CHECK(refused("top-k,k=2,k=3", {"twice"}));
  CHECK(refused("gshard-top-2", {"'capacity' is missing"}));
  CHECK(refused("gshard-top-2,capacity=3,capacity_factor=1", {"excludes"}));
  CHECK(refused("gshard-top-2,k=1,capacity=3", {"at least 2"}));
  CHECK(refused("gshard-top-2,capacity_formula=mystery", {"deepspeed, megatron"}));
  CHECK(refused("drop-by-score,k=2,capacity=3,rank=best", {"'rank'"}));
  CHECK(refused("fixed-capacity,capacity_factor=1", {"capacity"}));
  CHECK(refused("expert-choice,k=2,capacity=4", {"excludes k"}));
  CHECK(refused("expert-choice,k=nan", {"'k'"}));
  CHECK(refused("expert-threshold", {"'thresholds' is missing"}));
  CHECK(refused("biased-top-k,k=1,bias=[a]", {"'bias'"}));
  CHECK(refused("group-limited-top-k,k=1,groups=2,topk_groups=3", {"topk_groups"}));
  CHECK(refused("token-major-capacity,k=1,capacity=2,scope=row", {"batch, sequence"}));
  CHECK(refused("token-major-capacity,k=1,capacity=2,padding=maybe", {"'padding'", "skipped, counts"}));
  CHECK(refused("token-major-capacity,k=1,capacity_factor=0", {"'capacity_factor'", "above 0"}));
  CHECK(refused("expert-choice,k=0", {"'k'", "above 0"}));
  CHECK(refused("expert-choice,k=2,scope=document", {"'separator' is missing"}));
  CHECK(refused("expert-choice,k=2,scope=document,separator=-1", {"'separator'", "at least 0"}));
  CHECK(refused("expert-choice,k=2,separator=3", {"'separator' has no meaning"}));
  CHECK(refused("expert-threshold,mass=1.5", {"'mass'", "share"}));
  CHECK(refused("biased-top-k,k=1,bias=[1e39]", {"'bias'", "finite"}));
}

TEST_CASE("what is wrong is named before what is missing", "[routing]") {
  CHECK(refused("rank-capacity,ranks=0", {"'ranks'", "at least 1"}));
  CHECK(refused("rank-capacity,rank=2", {"unknown parameter 'rank'"}));
  CHECK(refused("rank-capacity,ranks=2", {"'k' is missing"}));
}

TEST_CASE("a rule's text may leave out k, and nothing else", "[routing]") {
  const auto good = [](std::string_view text) { return check_rule(*parse_rule(text)).has_value(); };
  CHECK(good("expert-choice,chunk=512"));
  CHECK(good("gshard-top-2,capacity_factor=1"));
  CHECK(good("switch-capacity,capacity=4"));
  CHECK_FALSE(good("expert-choice,chunk=0"));
  CHECK_FALSE(good("top-k,k=2,k=3"));
  CHECK_FALSE(good("group-limited-top-k,groups=4"));
  CHECK_FALSE(good("no-such-rule"));
}

TEST_CASE("kept is selected, padding is not routed, any score is survived", "[routing]") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  std::vector<float> scores = normal_scores(24 * 4, 9, true);
  for (std::size_t i = 0; i < scores.size(); i += 7) scores[i] = i % 3 == 0 ? nan : (i % 3 == 1 ? inf : -inf);
  std::vector<std::uint8_t> valid(24, 1);
  for (std::size_t t = 0; t < 24; t += 5) valid[t] = 0;
  for (const auto text : examples) {
    for (const auto order : {TokenOrder::batch_major, TokenOrder::sequence_major}) {
      INFO(text);
      const Routing out = route(text, scores, 4, {3, 8, order}, 1, valid);
      REQUIRE(out.mask.tokens() == 24);
      for (std::size_t t = 0; t < 24; ++t) {
        for (std::size_t e = 0; e < 4; ++e) {
          CHECK(out.mask(t, e) <= out.selected(t, e));
          CHECK(out.selected(t, e) <= valid[t]);
        }
      }
    }
    CHECK(route(text, {}, 4, {0, 0}).mask.tokens() == 0);
    CHECK(route(text, {1.0F, nan, 2.0F, 0.0F}, 4, {1, 1}).mask.tokens() == 1);
    CHECK(route(text, {1.0F}, 1, {1, 1}).mask.tokens() == 1);  // fewer experts than k
    const std::vector<std::uint8_t> nobody(24, 0);
    const auto none = loads(route(text, scores, 4, {3, 8}, 1, nobody).mask);
    CHECK(std::all_of(none.begin(), none.end(), [](std::size_t load) { return load == 0; }));
  }
}

TEST_CASE("non-finite scores rank below finite ones, -0 equals 0", "[routing]") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto out = route("top-k,k=1", {inf, -5.0F, nan, -inf, -0.0F, 0.0F, nan, inf}, 4, {1, 2});
  CHECK(out.mask(0, 1) == 1);
  CHECK(out.mask(1, 0) == 1);
}

TEST_CASE("groups walk the batch in their own order", "[routing]") {
  // Two sequences of three; slot for one token: whoever comes first in the rule's order.
  const std::vector<float> scores(6, 1.0F);
  const auto first_of = [&](std::string_view text, TokenOrder order) {
    const auto mask = route(text, scores, 1, {2, 3, order}).mask;
    std::vector<std::size_t> kept;
    for (std::size_t t = 0; t < 6; ++t) {
      if (mask(t, 0) != 0) kept.push_back(t);
    }
    return kept;
  };
  using Rows = std::vector<std::size_t>;
  CHECK(first_of("switch-capacity,capacity=2", TokenOrder::batch_major) == Rows{0, 1});
  CHECK(first_of("switch-capacity,capacity=2", TokenOrder::sequence_major) == Rows{0, 1});
  // The order of the rule against the order of the scores: row index stays the router's.
  CHECK(first_of("switch-capacity,capacity=2,order=sequence-major", TokenOrder::batch_major) == Rows{0, 3});
  CHECK(first_of("switch-capacity,capacity=2,order=batch-major", TokenOrder::sequence_major) == Rows{0, 2});
  CHECK(first_of("switch-capacity,capacity=1,scope=sequence", TokenOrder::batch_major) == Rows{0, 3});
  CHECK(first_of("switch-capacity,capacity=1,scope=sequence", TokenOrder::sequence_major) == Rows{0, 1});
}

TEST_CASE("bias and thresholds learn from what was routed", "[routing]") {
  const auto biased = made("biased-top-k,k=1,update_rate=0.5");
  Mask routed(4, 2);
  for (std::size_t t = 0; t < 3; ++t) routed(t, 0) = 1;
  routed(3, 1) = 1;
  biased->learn(routed);
  CHECK(biased->parameters()[1] == std::pair<std::string, Value>{"bias", Value::Array{-0.5, 0.5}});

  // The dual step on six tokens, four experts, k = 2, worked out by hand for the first column: thresholds
  // start at 0, so alpha is each row's third largest score and the target load is 6 * 2 / 4 = 3.
  const auto quantile = made("quantile-balancing,k=2");
  const std::vector<float> scores{0.1F, 0.5F, 0.2F, 0.0F, 0.7F, 0.3F, 0.4F, 0.2F, 0.6F, 0.9F, 0.1F, 0.8F,
                                  0.2F, 0.4F, 0.6F, 0.3F, 0.9F, 0.0F, 0.5F, 0.7F, 0.3F, 0.8F, 0.7F, 0.4F};
  quantile->learn(MatrixView<const float>(scores.data(), 6, 4), Mask(6, 4));
  // s - alpha of column 0: 0, 0.4, 0, -0.1, 0.4, -0.1; its fourth largest is 0.
  const auto parameters = quantile->parameters();
  const auto* thresholds = parameters[1].second.array();
  REQUIRE(thresholds != nullptr);
  CHECK(*(*thresholds)[0].number() == Approx(0.0).margin(1e-6));
}

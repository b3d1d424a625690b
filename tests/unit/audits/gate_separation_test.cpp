#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

toy::Recipe gated(toy::ModelRecipe::Gates gates, DType type = DType::f32) {
  toy::Recipe recipe = toy_recipe("biased-top-k,k=2,bias=[0.2;-0.1;0.05;0;-0.2;0.1;0.15;-0.05]");
  recipe.model.score = toy::ModelRecipe::Score::sigmoid;
  recipe.model.gates = gates;
  recipe.record.type = type;
  recipe.plan.plan = false;
  return recipe;
}

/// The same trace without the recorded bias.
class Unbiased final : public Subject {
 public:
  explicit Unbiased(const toy::Recipe& recipe) : inner_(*toy::ToySubject::make(recipe)) {}
  const SubjectInfo& info() const noexcept override { return inner_->info(); }
  Capabilities capabilities() const noexcept override { return inner_->capabilities(); }
  const std::vector<Intervention>& interventions() const noexcept override { return inner_->interventions(); }
  const std::vector<Intervention>& missing() const noexcept override { return inner_->missing(); }
  Expected<Trace> observe(const Intervention& run) override {
    auto trace = inner_->observe(run);
    if (trace) {
      for (LayerRecord& layer : trace->layers) layer.bias.clear();
    }
    return trace;
  }

 private:
  std::unique_ptr<toy::ToySubject> inner_;
};

}  // namespace

TEST_CASE("gate-separation accepts gates of unbiased scores", "[audits][gate-separation]") {
  for (const auto gates : {toy::ModelRecipe::Gates::raw, toy::ModelRecipe::Gates::renormalised}) {
    for (const DType type : {DType::f32, DType::bf16}) {
      const Ran result = ran(run_check(audits::gate_separation_check, gated(gates, type)));
      CHECK(result.claims.empty());
      CHECK(*measured(result, "gates_explained_by_score", 0) >= 0.999);
    }
  }
}

TEST_CASE("gate-separation finds gates that carry the bias", "[audits][gate-separation]") {
  const toy::Recipe recipe = gated(toy::ModelRecipe::Gates::biased);
  const Ran recorded = ran(run_check(audits::gate_separation_check, recipe));
  const Claim* claim = find_claim(recorded, "biased-gate");
  REQUIRE(claim != nullptr);
  CHECK(claim->layers.size() == 3);
  CHECK(find_claim(recorded, "unexplained") == nullptr);
  CHECK(claim->message.find("as recorded") != std::string::npos);
  // The witness can be checked by hand.
  const double score = *claim->witness.number("score");
  const double bias = *claim->witness.number("bias");
  CHECK(*claim->witness.number("gate") == Approx(score + bias).epsilon(1e-4));

  Unbiased subject(recipe);
  evidence::Observations observations(subject);
  const Policy policy;
  const Ran recovered = ran(audits::gate_separation_check.run({observations, policy, 0}));
  const Claim* again = find_claim(recovered, "biased-gate");
  REQUIRE(again != nullptr);
  CHECK(again->message.find("recovered from the gates") != std::string::npos);
}

TEST_CASE("gate-separation without gates or scores is skipped", "[audits][gate-separation]") {
  CHECK(std::holds_alternative<Skipped>(
      run_check(audits::gate_separation_check, gated(toy::ModelRecipe::Gates::none))));
}

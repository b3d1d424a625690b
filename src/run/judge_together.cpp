#include <fmt/format.h>

#include <algorithm>

#include "run/judge.h"

namespace pastonly::run {
namespace {

/// "" where both can be of one model.
std::string contradiction(const Report& first, const Report& other) {
  const auto differ = [&](std::string_view what, auto a, auto b) {
    return fmt::format("{} has {} {}, {} has {}: they are not of one model", first.subject.name, a, what,
                       other.subject.name, b);
  };
  if (first.layers.size() != other.layers.size())
    return differ("routed layers", first.layers.size(), other.layers.size());
  for (std::size_t l = 0; l < first.layers.size(); ++l) {
    const auto &a = first.layers[l], &b = other.layers[l];
    if (a.index != b.index)
      return differ(fmt::format("as layer {} of its routed layers", l), a.index, b.index);
    if (a.experts != b.experts)
      return differ(fmt::format("experts in layer {}", a.index), a.experts, b.experts);
  }
  if (first.subject.vocab && other.subject.vocab && first.subject.vocab != other.subject.vocab)
    return differ("tokens in its vocabulary", *first.subject.vocab, *other.subject.vocab);
  return "";
}

void join(const Report& report, const Outcomes& outcomes, Company& company) {
  for (const auto& [check, outcome] : outcomes) {
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) continue;
    company.checks.push_back(check);
    for (const Claim& claim : ran->claims) {
      if (claim.basis == Claim::Basis::statistical && claim.p_value)
        company.p_values.push_back(*claim.p_value);
    }
  }
  company.modes.push_back(report.subject.mode);
  company.tokens = std::max(company.tokens, report.subject.tokens);
}

/// fail > error > inconclusive > pass.
int badness(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return 0;
    case Verdict::inconclusive:
      return 1;
    case Verdict::error:
      return 2;
    case Verdict::fail:
      break;
  }
  return 3;
}

}  // namespace

Expected<void> judge_together(const Policy& policy, std::string_view today, Report& report) {
  std::vector<Report*> all{&report};
  for (Report& other : report.beside) {
    if (auto why = contradiction(report, other); !why.empty()) return input_error(std::move(why));
    all.push_back(&other);
  }
  std::vector<Outcomes> outcomes;
  outcomes.reserve(all.size());
  for (const Report* one : all) outcomes.push_back(outcomes_of(*one));
  for (std::size_t i = 0; i < all.size(); ++i) {
    Company company;
    for (std::size_t j = 0; j < all.size(); ++j) {
      if (j != i) join(*all[j], outcomes[j], company);
    }
    judge(outcomes[i], policy, today, *all[i], company);
  }
  const auto worst =
      std::ranges::max_element(all, {}, [](const Report* one) { return badness(one->verdict); });
  const Verdict verdict = (*worst)->verdict;
  std::vector<std::string> reasons;
  for (const Report* one : all) {
    if (one->verdict != verdict) continue;
    for (const std::string& reason : one->verdict_reasons)
      reasons.push_back(fmt::format("{}: {}", one->subject.name, reason));
  }
  report.verdict = verdict;
  report.verdict_reasons = std::move(reasons);
  return {};
}

}  // namespace pastonly::run

#include <fmt/format.h>

#include "fuzz/broken_case.h"

namespace pastonly::fuzz {

namespace {

std::string plan_of(std::string_view runs) {
  return fmt::format(R"({{"schema": "pastonly.plan/1", "runs": [{}]}})", runs);
}
constexpr std::string_view base = R"({"id": 0, "kind": "base"}, )";

std::string policy_of(std::string_view keys) {
  return fmt::format(R"({{"schema": "pastonly.policy/1", {}}})", keys);
}

}  // namespace

std::vector<BrokenCase> broken_plans() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string text, std::vector<std::string> mentions) {
    cases.push_back(
        {"plan-" + name, BrokenCase::Reader::plan, {{"plan.json", std::move(text)}}, std::move(mentions)});
    cases.back().mentions.push_back("plan.json");
  };
  const auto run = [&](std::string name, std::string_view second, std::vector<std::string> mentions) {
    add(std::move(name), plan_of(std::string(base) + std::string(second)), std::move(mentions));
  };
  cases.push_back({"plan-absent", BrokenCase::Reader::plan, {{"notes.txt", "nothing"}}, {"plan.json"}});
  add("empty", "", {"JSON"});
  add("no-json", "runs: []", {"JSON"});
  add("trailing", plan_of(base.substr(0, base.size() - 2)) + "]", {"JSON"});
  add("nul", plan_of(base.substr(0, base.size() - 2)) + std::string(1, '\0'), {"NUL"});
  add("comment", "// no comments here\n" + plan_of(base.substr(0, base.size() - 2)), {"JSON"});
  add("list", "[]", {"object"});
  add("schema", R"({"schema": "pastonly.plan/2", "runs": []})", {"schema"});
  add("no-schema", R"({"runs": []})", {"schema"});
  add("key-unknown", R"({"schema": "pastonly.plan/1", "runs": [], "run": []})", {"'run'"});
  add("runs-object", R"({"schema": "pastonly.plan/1", "runs": {}})", {"'runs'"});
  add("no-base", plan_of(""), {"base"});
  add("model-key", R"({"schema": "pastonly.plan/1", "runs": [], "model": {"layer": 1}})", {"'layer'"});
  add("key-twice", R"({"schema": "pastonly.plan/1", "schema": "pastonly.plan/1", "runs": []})",
      {"'schema'", "twice"});
  add("nested", plan_of(std::string(200'000, '[')), {"levels"});
  add("large", plan_of(std::string(9 * 1024 * 1024, ' ')), {"bytes"});
  run("run-is-number", "7", {"runs[1]"});
  run("kind-unknown", R"({"id": 1, "kind": "swap", "base": 0})", {"runs[1]", "'swap'"});
  run("no-kind", R"({"id": 1, "base": 0})", {"runs[1]", "kind"});
  run("no-id", R"({"kind": "repeat", "base": 0})", {"runs[1]", "'id'"});
  run("id-negative", R"({"id": -1, "kind": "repeat", "base": 0})", {"runs[1]", "'id'"});
  run("id-huge", R"({"id": 4294967296, "kind": "repeat", "base": 0})", {"runs[1]", "'id'"});
  run("id-twice", R"({"id": 0, "kind": "repeat", "base": 0})", {"run 0", "twice"});
  run("base-missing", R"({"id": 1, "kind": "repeat"})", {"'base'"});
  run("base-dangling", R"({"id": 1, "kind": "repeat", "base": 5})", {"run 1", "5"});
  run("base-of-base", R"({"id": 1, "kind": "repeat", "base": 0}, {"id": 2, "kind": "repeat", "base": 1})",
      {"run 2", "1"});
  run("base-itself", R"({"id": 1, "kind": "repeat", "base": 1})", {"run 1"});
  run("key-superfluous", R"({"id": 1, "kind": "repeat", "base": 0, "cut": 3})", {"'cut'", "repeat"});
  run("cut-missing", R"({"id": 1, "kind": "suffix", "base": 0, "rows": [0], "resample": 0})", {"'cut'"});
  run("cut-zero", R"({"id": 1, "kind": "suffix", "base": 0, "cut": 0, "rows": [0], "resample": 0})",
      {"'cut'"});
  run("rows-empty", R"({"id": 1, "kind": "suffix", "base": 0, "cut": 3, "rows": [], "resample": 0})",
      {"'rows'"});
  run("rows-some", R"({"id": 1, "kind": "suffix", "base": 0, "cut": 3, "rows": "some", "resample": 0})",
      {"'rows'"});
  run("rows-descending", R"({"id": 1, "kind": "suffix", "base": 0, "cut": 3, "rows": [4, 2], "resample": 0})",
      {"'rows'"});
  run("rows-fraction", R"({"id": 1, "kind": "suffix", "base": 0, "cut": 3, "rows": [0.5], "resample": 0})",
      {"'rows'"});
  run("permutation-repeats", R"({"id": 1, "kind": "order", "base": 0, "permutation": [0, 0]})",
      {"'permutation'"});
  run("permutation-gap", R"({"id": 1, "kind": "order", "base": 0, "permutation": [0, 2]})",
      {"'permutation'"});
  run("append-zero", R"({"id": 1, "kind": "length", "base": 0, "append": 0})", {"'append'"});
  run("append-huge", R"({"id": 1, "kind": "length", "base": 0, "append": 1e30})", {"'append'"});
  run("seed-text", R"({"id": 1, "kind": "shuffle", "base": 0, "seed": "7"})", {"'seed'"});
  run("rule-empty", R"({"id": 1, "kind": "reroute", "base": 0, "rule": ""})", {"'rule'"});
  return cases;
}

std::vector<BrokenCase> broken_policies() {
  std::vector<BrokenCase> cases;
  const auto add = [&](std::string name, std::string text, std::vector<std::string> mentions) {
    cases.push_back({"policy-" + name + ".json",
                     BrokenCase::Reader::policy,
                     {{"", std::move(text)}},
                     std::move(mentions),
                     Error::Kind::usage});
  };
  const auto keys = [&](std::string name, std::string_view text, std::vector<std::string> mentions) {
    add(std::move(name), policy_of(text), std::move(mentions));
  };
  cases.push_back({"policy-absent.json", BrokenCase::Reader::policy, {}, {"release"}, Error::Kind::usage});
  add("empty", "", {"JSON"});
  add("list", "[]", {"object"});
  add("no-schema", "{}", {"schema"});
  add("schema", R"({"schema": "pastonly.policy/9"})", {"schema"});
  add("key-twice", R"({"schema": "pastonly.policy/1", "alpha": 0.1, "alpha": 0.2})", {"'alpha'", "twice"});
  keys("key-unknown", R"("fail-on": "error")", {"'fail-on'", "fail_on, require"});
  keys("fail-on", R"("fail_on": "always")", {"fail_on"});
  keys("require-text", R"("require": "causal-mask")", {"require"});
  keys("require-unknown", R"("require": ["causal-masks"])", {"require", "'causal-masks'", "causal-mask, "});
  keys("mode-unknown", R"("require_mode": ["training"])", {"require_mode"});
  keys("limit-unknown", R"("limits": {"bits": 1})", {"limits.bits"});
  keys("limit-negative", R"("limits": {"leak_bits": -1})", {"limits.leak_bits"});
  keys("limit-text", R"("limits": {"drop_rate": "0.1"})", {"limits.drop_rate"});
  keys("limit-above-one", R"("limits": {"trial_rate": 1.5})", {"limits.trial_rate"});
  keys("alpha-zero", R"("alpha": 0)", {"alpha"});
  keys("alpha-one", R"("alpha": 1.0)", {"alpha"});
  keys("tokens-negative", R"("min_tokens": -1)", {"min_tokens"});
  keys("tokens-fraction", R"("min_tokens": 10.5)", {"min_tokens"});
  keys("source-number", R"("source": 64)", {"source"});
  keys("source-text", R"("source": "uniform:")", {"source"});
  keys("source-kind", R"("source": {"kind": "bigram", "vocab": 64})", {"source.kind"});
  keys("source-order", R"("source": {"kind": "markov", "vocab": 64, "order": -1})", {"source.order"});
  keys("source-table", R"("source": {"kind": "markov", "vocab": 4096, "order": 3})", {"source"});
  keys("source-successors", R"("source": {"kind": "markov", "vocab": 16, "successors": 17})", {"source"});
  keys("source-vocab", R"("source": {"kind": "uniform"})", {"source", "vocab"});
  keys("source-key", R"("source": {"kind": "uniform", "vocab": 64, "order": 1})", {"source.order"});
  keys("severity-level", R"("severity": {"causal-mask": "fatal"})", {"severity.causal-mask"});
  keys("severity-check", R"("severity": {"causality": "error"})", {"severity", "'causality'"});
  keys("severity-claim", R"("severity": {"causal-mask/": "error"})", {"severity", "'causal-mask/'"});
  keys("ignore-object", R"("ignore": {})", {"ignore"});
  keys("ignore-no-reason", R"("ignore": [{"check": "causal-mask", "expires": "2999-01-01"}])",
       {"ignore[0]", "reason"});
  keys("ignore-blank-reason",
       R"("ignore": [{"check": "causal-mask", "reason": " ", "expires": "2999-01-01"}])", {"reason"});
  keys("ignore-no-date", R"("ignore": [{"check": "causal-mask", "reason": "known"}])",
       {"ignore[0]", "expires"});
  keys("ignore-no-day", R"("ignore": [{"check": "causal-mask", "reason": "known", "expires": "2027-02-30"}])",
       {"expires"});
  keys("ignore-no-check", R"("ignore": [{"reason": "known", "expires": "2999-01-01"}])", {"check"});
  keys("ignore-layers",
       R"("ignore": [{"check": "causal-mask", "layers": 3, "reason": "known", "expires": "2999-01-01"}])",
       {"layers"});
  keys("ignore-past", R"("ignore": [{"check": "causal-mask", "reason": "known", "expires": "2020-01-01"}])",
       {"ignore[0]", "2020-01-01"});
  return cases;
}

std::vector<BrokenCase> broken_cases() {
  std::vector<BrokenCase> all;
  for (const auto make : {broken_safetensors, broken_traces, broken_npy, broken_npz, broken_torch,
                          broken_records, broken_plans, broken_policies, broken_token_streams}) {
    auto cases = make();
    all.insert(all.end(), std::make_move_iterator(cases.begin()), std::make_move_iterator(cases.end()));
  }
  return all;
}

}  // namespace pastonly::fuzz

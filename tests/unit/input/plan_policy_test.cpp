#include <set>

#include "catch.h"
#include "input/files/hash.h"
#include "input/plan/plan.h"
#include "input/policy/policy.h"
#include "input/policy/source_text.h"
#include "pastonly/check.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

TEST_CASE("a written plan reads back as it was", "[input]") {
  using Kind = Intervention::Kind;
  input::Plan plan;
  plan.model = input::Plan::Model{{0, 2}, 8, 2, 64, {0, 63}};
  for (const Kind kind : {Kind::base, Kind::repeat, Kind::suffix, Kind::suffix, Kind::batch, Kind::order,
                          Kind::length, Kind::shuffle, Kind::reroute, Kind::redraw}) {
    Intervention run;
    run.id = static_cast<std::uint32_t>(plan.runs.size());
    run.kind = kind;
    if (kind != Kind::base) run.base = 0;
    plan.runs.push_back(run);
  }
  plan.runs[2].cut = 19;
  plan.runs[2].all_rows = true;
  plan.runs[3].cut = 7;
  plan.runs[3].rows = {1, 4};
  plan.runs[3].resample = 3;
  plan.runs[4].keep = {0};
  plan.runs[5].permutation = {2, 0, 1};
  plan.runs[6].append = 32;
  plan.runs[7].seed = ~std::uint64_t{0};
  plan.runs[8].rule = "expert-choice,chunk=64";
  plan.runs[9].seed = 3;
  plan.remarks = {{"own-code", "names code of its own"}, {"unread-keys", "x"}};
  const TemporaryDirectory directory;
  REQUIRE(input::write_plan(directory.path() / "plan", plan));
  const auto read = input::read_plan(directory.path() / "plan");
  REQUIRE(read);
  CHECK(read->runs == plan.runs);
  CHECK(read->remarks == plan.remarks);
  CHECK(read->model->experts == 8u);
  CHECK(read->model->layers == std::vector<std::uint32_t>{0, 2});
  CHECK(input::input_name(7) == "0007.in.safetensors");
  CHECK(input::output_name(12345) == "12345.out.safetensors");
}

TEST_CASE("the reading of a long plan stops when asked to", "[input]") {
  std::string text = R"({"schema": "pastonly.plan/1", "runs": [{"id": 0, "kind": "base"})";
  for (int i = 1; i < 20'000; ++i)
    text += R"(, {"id": )" + std::to_string(i) + R"(, "kind": "repeat", "base": 0})";
  text += "]}";
  int looks = 0;
  REQUIRE(input::parse_plan(text, "plan.json", [&] { return ++looks < 0; }));
  const int all = looks;
  CHECK(all > 30);  // every few thousand values of the document, then every thousand runs
  for (const int last : {1, all / 2, all - 1}) {
    looks = 0;
    const auto plan = input::parse_plan(text, "plan.json", [&] { return ++looks >= last; });
    REQUIRE_FALSE(plan);
    CHECK(plan.error().kind == Error::Kind::interrupted);
  }
}

TEST_CASE("what is wrong with a plan's remarks", "[input]") {
  for (const char* remarks : {R"({})", R"(["x"])", R"([{"id": "a"}])", R"([{"id": "", "message": "x"}])",
                              R"([{"id": "A b", "message": "x"}])", R"([{"id": "a", "message": 1}])",
                              R"([{"id": "a", "message": "x", "more": 1}])"}) {
    const auto plan = input::parse_plan(
        std::string(R"({"schema": "pastonly.plan/1", "runs": [{"id": 0, "kind": "base"}], "remarks": )") +
            remarks + "}",
        "plan.json");
    REQUIRE_FALSE(plan);
    CHECK(plan.error().message.find("'remarks' is not a list of") != std::string::npos);
  }
}

TEST_CASE("a plan's word on its model does not contradict itself", "[input]") {
  const auto parsed = [](const std::string& model) {
    return input::parse_plan(
        R"({"schema": "pastonly.plan/1", "runs": [{"id": 0, "kind": "base"}], "model": )" + model + "}",
        "plan.json");
  };
  CHECK(parsed(R"({"experts": 8, "top_k": 8, "vocab": 64, "layers": [0, 2], "special": [0, 63]})"));
  for (const auto& [model, mention] : std::vector<std::pair<std::string, std::string>>{
           {R"({"vocab": 64, "special": [64]})", "'model.special' names token 64, 'model.vocab' is 64"},
           {R"({"special": [64], "vocab": 64})", "'model.special' names token 64"},
           {R"({"special": [-1]})", "'model.special'"},
           {R"({"experts": 8, "top_k": 9})", "'model.top_k' is 9, more than the 8"},
           {R"({"experts": 0})", "'model.experts' is not a whole number of at least 1"},
           {R"({"layers": [0, 0]})", "'model.layers' names a layer twice"}}) {
    CAPTURE(model);
    const auto refused = parsed(model);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(mention) != std::string::npos);
  }
}

TEST_CASE("the rule of a rerouted run is one", "[input]") {
  const auto parsed = [](const std::string& rule) {
    return input::parse_plan(R"({"schema": "pastonly.plan/1", "runs": [{"id": 0, "kind": "base"},
        {"id": 1, "kind": "reroute", "base": 0, "rule": ")" +
                                 rule + "\"}]}",
                             "plan.json");
  };
  CHECK(parsed("top-k,k=2"));
  CHECK(parsed("expert-choice,chunk=64"));
  for (const char* rule : {"top-k,k=0", "top-kk,k=2", "top-k,k=2,"}) {
    CAPTURE(rule);
    const auto refused = parsed(rule);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("runs[1] (id 1): 'rule': ") != std::string::npos);
  }
}

TEST_CASE("a policy's rule takes its parameters, and its severities are of findings", "[input]") {
  const auto parsed = [](const std::string& keys) {
    return input::parse_policy(R"({"schema": "pastonly.policy/1", )" + keys + "}", "ours");
  };
  CHECK(parsed(R"("rule": "expert-choice,chunk=512")"));
  CHECK(parsed(R"("severity": {"causal-mask/flip": "warning"})"));
  for (const auto& [keys, mention] : std::vector<std::pair<std::string, std::string>>{
           {R"("rule": "expert-choice,chunk=0")", "'chunk' must be"},
           {R"("rule": "expert-choice,chunks=512")", "unknown parameter 'chunks'"},
           {R"("severity": {"causal-mask/flipp": "error"})", "unknown finding 'causal-mask/flipp'"},
           {R"("severity": {"causal-mask/": "error"})", "unknown finding 'causal-mask/'"},
           {R"("ignore": [{"check": "causal-mask", "layers": [], "reason": "x", "expires": "9999-12-31"}])",
            "leave it out for all layers"},
           {R"("ignore": [{"check": "causal-mask/flips", "reason": "x", "expires": "9999-12-31"}])",
            "unknown finding 'causal-mask/flips'"}}) {
    CAPTURE(keys);
    const auto refused = parsed(keys);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(mention) != std::string::npos);
  }
}

TEST_CASE("a suffix run may cut every row elsewhere", "[input]") {
  const auto parsed = [](const std::string& keys) {
    return input::parse_plan(R"({"schema": "pastonly.plan/1", "runs": [{"id": 0, "kind": "base"},
        {"id": 1, "kind": "suffix", "base": 0, "resample": 0, )" +
                                 keys + "}]}",
                             "plan.json");
  };
  const auto plan = parsed(R"("cuts": [9, 4, 7], "rows": [0, 2, 5])");
  REQUIRE(plan);
  const Intervention& run = plan->runs[1];
  CHECK(run.cuts == std::vector<std::size_t>{9, 4, 7});
  CHECK(cut_of(run, 2) == 4);
  CHECK(cut_of(run, 5) == 7);
  CHECK_FALSE(cut_of(run, 1));
  const TemporaryDirectory directory;
  REQUIRE(input::write_plan(directory.path() / "plan", *plan));
  CHECK(input::read_plan(directory.path() / "plan")->runs == plan->runs);
  // One row with a cut of its own is an ordinary run.
  const auto one = parsed(R"("cuts": [9], "rows": [3])");
  REQUIRE(one);
  CHECK(one->runs[1].cut == 9);
  CHECK(one->runs[1].cuts.empty());
  for (const auto& [keys, mention] : std::vector<std::pair<std::string, std::string>>{
           {R"("cuts": [9, 4], "rows": [0])", "'cuts' has 2 entries for 1 rows"},
           {R"("cuts": [9, 4], "rows": "all")", "'rows' as a list"},
           {R"("cuts": [9, 0], "rows": [0, 1])", "'cuts' holds 0"},
           {R"("cuts": [], "rows": [0])", "'cuts'"},
           {R"("cuts": 9, "rows": [0])", "'cuts'"},
           {R"("cuts": [9, -1], "rows": [0, 1])", "'cuts'"},
           {R"("cut": 9, "cuts": [9], "rows": [0])", "both 'cut' and 'cuts'"},
           {R"("rows": [0])", "needs 'cut'"}}) {
    CAPTURE(keys);
    const auto refused = parsed(keys);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(mention) != std::string::npos);
  }
}

TEST_CASE("a policy may require coverage", "[input]") {
  const auto parsed = [](const std::string& coverage) {
    return input::parse_policy(R"({"schema": "pastonly.policy/1", "coverage": )" + coverage + "}", "ours");
  };
  const auto policy = parsed(R"({"positions": 0.5, "pairs": 0.25, "after_first_token": true})");
  REQUIRE(policy);
  CHECK(policy->coverage.positions == 0.5);
  CHECK(policy->coverage.next_token == 0.0);
  CHECK(policy->coverage.pairs == 0.25);
  CHECK(policy->coverage.after_first_token);
  for (const char* wrong :
       {"1", R"({"positions": 1.5})", R"({"after_first_token": 1})", R"({"depth": 0.5})"}) {
    const auto refused = parsed(wrong);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("coverage") != std::string::npos);
  }
}

TEST_CASE("the ready policies say what the documentation says", "[input]") {
  const auto ci = input::read_policy("ci"), release = input::read_policy("release");
  REQUIRE(ci);
  REQUIRE(release);
  CHECK(ci->require == std::vector<std::string>{"causal-mask"});
  CHECK(release->require == std::vector<std::string>{"causal-mask", "batch-isolation"});
  CHECK(release->require_mode == std::vector<std::string>{"train"});
  CHECK(release->severity.at("batch-isolation") == Severity::error);
  CHECK(ci->severity.at("batch-isolation") == Severity::warning);
  CHECK(ci->severity.at("rule-identification/unexplained") == Severity::note);
  CHECK(release->severity.at("rule-identification/unexplained") == Severity::warning);
}

TEST_CASE("a policy stands on ci and may carry comments", "[input]") {
  const auto policy = input::parse_policy(
      "{\"schema\": \"pastonly.policy/1\", // ours\n \"severity\": {\"length-invariance\": \"warning\"},"
      "\"ignore\": [{\"check\": \"batch-isolation\", \"layers\": [0], \"reason\": \"known\", \"expires\": "
      "\"2027-01-31\"}],"
      "\"source\": {\"kind\": \"uniform\", \"vocab\": 64}, \"fail_on\": \"never\"}",
      "ours.json", "2027-01-31");
  REQUIRE(policy);
  CHECK(policy->name == "ours.json");
  CHECK(policy->severity.at("length-invariance") == Severity::warning);
  CHECK(policy->severity.at("causal-mask") == Severity::error);
  CHECK(policy->require == std::vector<std::string>{"causal-mask"});
  CHECK(policy->fail_on == Severity::none);
  CHECK(policy->source->vocab == 64);
  CHECK(policy->ignore.front().layers == std::vector<std::uint32_t>{0});
}

TEST_CASE("sources are named as kind and vocabulary", "[input]") {
  REQUIRE(input::parse_source("uniform:64"));
  CHECK(input::parse_source("uniform:64")->vocab == 64);
  const auto chain = input::parse_source("markov:vocab=16,order=2,seed=7");
  REQUIRE(chain);
  CHECK(*chain == Source{"markov", 16, 2, 4, 7});
  CHECK(name(*chain) == "markov:vocab=16,order=2,successors=4,seed=7");
  CHECK(*input::parse_source(name(*chain)) == *chain);
  CHECK(*input::parse_source("markov:3") == Source{"markov", 3, 1, 3, 0});
  for (const char* text : {"", "uniform", "uniform:", "uniform:1", "uniform:-3", "uniform:64x", "zipf:3",
                           "uniform:vocab=64,order=1", "markov:1", "markov:vocab=16,order=4",
                           "markov:vocab=16,successors=17", "markov:vocab=4096,order=3",
                           "markov:vocab=16,"
                           "order=x",
                           "markov:vocab=16,width=2", "markov:vocab=16,vocab=17", "markov:vocab=16,",
                           "markov:vocab=16,,order=1"}) {
    const auto refused = input::parse_source(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("a policy may name every check of the catalogue, and no other", "[input]") {
  for (const Check& check : all_checks()) {
    INFO(check.id);
    const auto text = R"({"schema": "pastonly.policy/1", "require": [")" + std::string(check.id) + R"("]})";
    CHECK(input::parse_policy(text, "ours.json"));
    const auto refused =
        input::parse_policy(R"({"schema": "pastonly.policy/1", "require": ["none"]})", "ours.json");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(check.id) != std::string::npos);
  }
}

TEST_CASE("hashes are SHA-256", "[input]") {
  // FIPS 180-4 examples.
  CHECK(input::sha256_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(input::sha256_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const TemporaryDirectory directory;
  std::vector<FileRecord> files{{directory.write("a", "abc").string(), 0, ""},
                                {directory.write("b", std::string(3'000'000, 'x')).string(), 0, ""}};
  REQUIRE(input::hash_files(files));
  CHECK(files[0].sha256 == input::sha256_text("abc"));
  CHECK(files[1].sha256 == input::sha256_text(std::string(3'000'000, 'x')));
  CHECK(files[1].bytes == 3'000'000);
  files.push_back({(directory.path() / "absent").string(), 0, ""});
  CHECK_FALSE(input::hash_files(files));
}

}  // namespace
}  // namespace pastonly

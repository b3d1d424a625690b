#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.h"
#include "golden_table.h"
#include "identify_cases.h"
#include "input/trace/trace_file.h"
#include "shared.h"

using namespace pastonly;

namespace {

/// Listed itself, or named as an equivalent of what is listed (a bias that moved nothing is top-k).
bool names(const routing::Identification& found, const std::string& id) {
  return std::ranges::any_of(found.rule.candidates, [&](const RuleCandidate& one) {
    return one.id == id || std::ranges::find(one.equivalents, id) != one.equivalents.end();
  });
}

std::vector<std::filesystem::path> vectors_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".npz") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// What `audit FILE --map scores=scores,mask=assign,gates=gates` sees.
Expected<Trace> read_mapped(const std::filesystem::path& path) {
  input::TraceOptions options;
  options.map = {{"scores", "scores"}, {"mask", "assign"}, {"gates", "gates"}};
  return input::read_trace(path, options);
}

}  // namespace

TEST_CASE("Every framework's rule is identified from its recorded vectors", "[identify][golden]") {
  const auto golden = shared_data("golden");
  if (!golden) return;
  for (const auto& golden_case : golden_cases()) {
    const auto spec = parse_rule(golden_case.rule);
    REQUIRE(spec);
    for (const auto& file : vectors_of(*golden / golden_case.folder)) {
      INFO(file.string());
      const auto trace = read_mapped(file);
      REQUIRE(trace);
      const auto found = identify_traces({*trace});
      REQUIRE(found.not_judged.empty());
      std::string listed;
      for (const auto& candidate : found.rule.candidates) listed += candidate.id + " ";
      INFO("listed: " << listed);
      CHECK(names(found, spec->id));
    }
  }
}

TEST_CASE("Golden vectors of leaky rules that contradict causal ones are called not causal",
          "[identify][golden]") {
  const auto golden = shared_data("golden");
  if (!golden) return;
  for (const auto* name : {"ds_top2_gshard/rand_T64_N8", "flax_tokens_choose_masked_bpr/skew_T128_N8",
                           "mg_drop_probs/skew_T128_N8", "ds_top1_rts/rand_T64_N8", "vmoe_bpr/rand_T64_N8"}) {
    INFO(name);
    const auto trace = read_mapped(*golden / (std::string(name) + ".npz"));
    REQUIRE(trace);
    const auto found = identify_traces({*trace});
    CHECK(found.rule.causal == false);
    CHECK_FALSE(found.rejected.empty());
  }
}

#include "input/plan/plan_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "pastonly/routing_rule.h"

namespace pastonly::input {

namespace {

using RunKind = Intervention::Kind;

struct KindKeys {
  RunKind kind;
  std::array<std::string_view, 4>
      keys;  // besides id and kind; "" ends the list; of a suffix, "cut" or "cuts"
};
constexpr std::array<KindKeys, 10> kind_keys{{
    {RunKind::base, {}},
    {RunKind::repeat, {"base"}},
    {RunKind::redraw, {"base", "seed"}},
    {RunKind::suffix, {"base", "cut", "rows", "resample"}},
    {RunKind::batch, {"base", "keep"}},
    {RunKind::order, {"base", "permutation"}},
    {RunKind::length, {"base", "append"}},
    {RunKind::shuffle, {"base", "seed"}},
    {RunKind::reroute, {"base", "rule"}},
    {RunKind::stream, {"base", "rows", "every"}},
}};

/// Reads one run; what is wrong stands in `problem`, "" while nothing is.
class RunReader {
 public:
  explicit RunReader(const Json& json) : json_(json) {}

  Intervention read();
  const std::string& problem() const noexcept { return problem_; }

 private:
  void fail(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }
  bool has(std::string_view key) const { return json_.contains(key); }
  std::uint64_t number(std::string_view key, std::uint64_t least, std::uint64_t most);
  std::vector<std::size_t> list(std::string_view key, bool ascending);
  void read_kind(Intervention& run);
  void check_keys(const Intervention& run);
  void read_rows(Intervention& run);
  void read_cuts(Intervention& run);
  void check_cuts(Intervention& run);
  void read_permutation(Intervention& run);
  void check_reroute(const std::string& rule);

  const Json& json_;
  std::string problem_;
};

std::uint64_t RunReader::number(std::string_view key, std::uint64_t least, std::uint64_t most) {
  if (!problem_.empty()) return least;
  const auto at = json_.find(key);
  if (at == json_.end() || !at->is_number_unsigned() || at->get<std::uint64_t>() < least ||
      at->get<std::uint64_t>() > most) {
    constexpr auto unlimited = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    fail(most >= unlimited ? fmt::format("'{}' is not a whole number of at least {}", key, least)
                           : fmt::format("'{}' is not a whole number from {} to {}", key, least, most));
    return least;
  }
  return at->get<std::uint64_t>();
}

std::vector<std::size_t> RunReader::list(std::string_view key, bool ascending) {
  std::vector<std::size_t> numbers;
  if (!problem_.empty()) return numbers;
  const auto& array = json_[std::string(key)];
  if (!array.is_array() || array.empty()) {
    fail(fmt::format("'{}' is not a list of sequence numbers", key));
    return numbers;
  }
  for (const auto& entry : array) {
    if (!entry.is_number_unsigned()) {
      fail(fmt::format("'{}' holds something that is not a sequence number", key));
      return {};
    }
    numbers.push_back(entry.get<std::size_t>());
  }
  if (ascending &&
      std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) != numbers.end()) {
    fail(fmt::format("'{}' is not in ascending order without repetitions", key));
  }
  return numbers;
}

void RunReader::read_kind(Intervention& run) {
  if (!has("kind") || !json_["kind"].is_string()) return fail("has no kind");
  const auto& text = json_["kind"].get_ref<const std::string&>();
  for (const auto& [kind, keys] : kind_keys) {
    if (name(kind) != text) continue;
    run.kind = kind;
    return;
  }
  fail(fmt::format("unknown kind '{}'", text.substr(0, 40)));
}

void RunReader::check_keys(const Intervention& run) {
  if (!problem_.empty()) return;
  const auto& keys = std::find_if(kind_keys.begin(), kind_keys.end(), [&](const auto& entry) {
                       return entry.kind == run.kind;
                     })->keys;
  const bool own_cuts = run.kind == RunKind::suffix && has("cuts");
  if (own_cuts && has("cut")) return fail("has both 'cut' and 'cuts'");
  for (const auto& [key, value] : json_.items()) {
    if (key == "id" || key == "kind" || (own_cuts && key == "cuts")) continue;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return fail(fmt::format("a run of kind {} has no key '{}'", name(run.kind), key.substr(0, 40)));
    }
  }
  for (const auto key : keys) {
    if (!key.empty() && !has(key) && !(own_cuts && key == "cut"))
      return fail(fmt::format("a run of kind {} needs '{}'", name(run.kind), key));
  }
}

void RunReader::read_rows(Intervention& run) {
  if (!problem_.empty()) return;
  if (json_["rows"].is_string()) {
    run.all_rows = json_["rows"] == "all";
    if (!run.all_rows) fail("'rows' is neither a list nor \"all\"");
    return;
  }
  run.rows = list("rows", true);
}

/// One for all rows, or one for each.
void RunReader::read_cuts(Intervention& run) {
  if (!has("cuts")) {
    run.cut = static_cast<std::size_t>(number("cut", 1, 0x7fff'ffff'ffff'ffffu));
    return;
  }
  run.cuts = list("cuts", false);
  if (std::ranges::find(run.cuts, std::size_t{0}) != run.cuts.end())
    fail("'cuts' holds 0: a cut leaves at least one token before it");
}

/// One row with a cut of its own is a run with one cut.
void RunReader::check_cuts(Intervention& run) {
  if (run.cuts.empty()) return;
  if (run.all_rows) return fail("'cuts' needs 'rows' as a list, one row for each cut");
  if (run.cuts.size() != run.rows.size())
    return fail(fmt::format("'cuts' has {} entries for {} rows", run.cuts.size(), run.rows.size()));
  if (run.cuts.size() > 1) return;
  run.cut = run.cuts.front();
  run.cuts.clear();
}

void RunReader::read_permutation(Intervention& run) {
  run.permutation = list("permutation", false);
  auto sorted = run.permutation;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != i)
      return fail(fmt::format("'permutation' does not hold each of 0 to {} once", sorted.size() - 1));
  }
}

void RunReader::check_reroute(const std::string& rule) {
  if (!problem_.empty()) return;
  const auto spec = parse_rule(rule);
  const auto good = spec ? check_rule(*spec) : tl::unexpected(spec.error());
  if (!good) fail(fmt::format("'rule': {}", good.error().message));
}

Intervention RunReader::read() {
  constexpr std::uint64_t u32 = 0xffff'ffffu, u63 = 0x7fff'ffff'ffff'ffffu, u64 = ~std::uint64_t{0};
  Intervention run;
  if (!json_.is_object()) {
    fail("is not an object");
    return run;
  }
  run.id = static_cast<std::uint32_t>(number("id", 0, u32));
  read_kind(run);
  check_keys(run);
  if (run.kind != RunKind::base) run.base = static_cast<std::uint32_t>(number("base", 0, u32));
  switch (run.kind) {
    case RunKind::suffix:
      read_cuts(run);
      run.resample = static_cast<std::uint32_t>(number("resample", 0, u32));
      read_rows(run);
      check_cuts(run);
      break;
    case RunKind::batch:
      run.keep = list("keep", true);
      break;
    case RunKind::order:
      read_permutation(run);
      break;
    case RunKind::length:
      run.append = number("append", 1, u63);
      break;
    case RunKind::redraw:
    case RunKind::shuffle:
      run.seed = number("seed", 0, u64);
      break;
    case RunKind::reroute:
      if (problem_.empty() && json_["rule"].is_string()) run.rule = json_["rule"].get<std::string>();
      if (run.rule.empty()) fail("'rule' is not a rule such as \"top-k,k=2\"");
      check_reroute(run.rule);
      break;
    case RunKind::stream:
      run.every = number("every", 1, u63);
      read_rows(run);
      break;
    case RunKind::base:
    case RunKind::repeat:
    case RunKind::foreign_batch:
      break;
  }
  return run;
}

}  // namespace

std::string read_run(const Json& json, Intervention& run) {
  RunReader reader(json);
  run = reader.read();
  return reader.problem();
}

}  // namespace pastonly::input

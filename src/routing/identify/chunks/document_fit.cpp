#include "routing/identify/chunks/document_fit.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "routing/identify/chunks/chunk_capacity.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

/// Tokens of a row from one border to the next.
class Stretch {
 public:
  explicit Stretch(std::size_t experts) : counts_(experts), lowest_(experts), highest_(experts) { clear(); }

  void clear() {
    std::ranges::fill(counts_, 0U);
    std::ranges::fill(lowest_, highest_key);
    std::ranges::fill(highest_, lowest_key);
    tokens_ = 0;
  }
  void add(std::span<const float> scores, std::span<const std::uint8_t> mask) {
    for (std::size_t e = 0; e < counts_.size(); ++e) {
      const std::int32_t key = order_key(scores[e]);
      counts_[e] += mask[e];
      if (mask[e] != 0) lowest_[e] = std::min(lowest_[e], key);
      if (mask[e] == 0) highest_[e] = std::max(highest_[e], key);
    }
    ++tokens_;
  }
  bool balanced() const {
    return std::ranges::all_of(counts_, [&](std::uint32_t count) { return count == counts_.front(); });
  }
  bool unbroken() const {
    for (std::size_t e = 0; e < counts_.size(); ++e) {
      if (lowest_[e] < highest_[e]) return false;
    }
    return true;
  }
  std::size_t taken() const noexcept { return counts_.front(); }
  std::size_t tokens() const noexcept { return tokens_; }
  /// Whether experts had to choose.
  bool contested() const noexcept { return taken() > 0 && taken() < tokens_; }

 private:
  std::vector<std::uint32_t> counts_;           // (experts)
  std::vector<std::int32_t> lowest_, highest_;  // (experts) order keys: taken, left out
  std::size_t tokens_ = 0;
};

/// What the finest division of all rows shows.
struct Borders {
  bool possible = true;
  std::size_t stretches = 0, rows = 0, contested_tokens = 0;
  std::map<std::int64_t, std::size_t> ends;  ///< token ids that stand at borders alone, and how often
  std::optional<Counterexample> at;
};

/// Divides rows wherever the counts are even: who divides at fewer places explains no more.
Borders finest(const RunSet& runs) {
  Borders out;
  std::map<std::int64_t, bool> inside;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Layout& layout = view->layout();
    const auto& ids = runs.run(i).tokens;
    Stretch stretch(runs.experts());
    for (std::size_t row = 0; row < layout.sequences; ++row, ++out.rows) {
      stretch.clear();
      for (std::size_t position = 0; position < layout.positions; ++position) {
        const std::size_t token = layout.token(row, position);
        if (!view->routed(token)) continue;
        stretch.add(view->scores().row(token), view->mask().row(token));
        const bool border = stretch.balanced();
        if (ids.size() == view->tokens()) {
          if (border) ++out.ends[ids[token]];
          if (!border) inside[ids[token]] = true;
        }
        if (!border) continue;
        if (!stretch.unbroken()) {
          out.possible = false;
          out.at =
              place(*view, token, "no division of the row into documents explains the tokens up to here");
          return out;
        }
        ++out.stretches;
        if (stretch.contested()) out.contested_tokens += stretch.tokens();
        stretch.clear();
      }
      if (stretch.tokens() == 0) continue;
      out.possible = false;
      out.at = place(*view, layout.token(row, layout.positions - 1),
                     "the experts took unequal numbers of tokens of the row's last document");
      return out;
    }
  }
  std::erase_if(out.ends, [&](const auto& one) { return inside.contains(one.first); });
  return out;
}

/// C by size of the documents that this separator ends; nullopt where one of them contradicts.
std::optional<Capacities> documents_of(const RunSet& runs, std::int64_t separator) {
  Capacities capacity;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Layout& layout = view->layout();
    Stretch document(runs.experts());
    for (std::size_t row = 0; row < layout.sequences; ++row) {
      document.clear();
      for (std::size_t position = 0; position < layout.positions; ++position) {
        const std::size_t token = layout.token(row, position);
        if (view->routed(token)) document.add(view->scores().row(token), view->mask().row(token));
        const bool ends = position + 1 == layout.positions || runs.run(i).tokens[token] == separator;
        if (!ends || document.tokens() == 0) continue;
        if (!document.balanced() || !document.unbroken()) return std::nullopt;
        const auto [known, added] = capacity.try_emplace(document.tokens(), document.taken());
        if (!added && known->second != document.taken()) return std::nullopt;
        document.clear();
      }
    }
  }
  return capacity;
}

}  // namespace

void try_document_expert_choice(const RunSet& runs, Findings& findings) {
  const bool explained = findings.accepted(ids::expert_choice) || findings.accepted(ids::top_k) ||
                         findings.accepted(ids::expert_threshold);
  if (explained || runs.experts() < 2 || runs.smallest_count() == runs.largest_count()) return;
  const Borders borders = finest(runs);
  // Stretches in which nobody had to choose would divide any rows.
  if (!borders.possible || borders.stretches <= borders.rows || 2 * borders.contested_tokens < runs.tokens())
    return;
  Value::Object parameters{{"scope", "document"}};
  for (const auto& [id, count] : borders.ends) {
    if (id < 0 || count < 2) continue;
    const auto capacity = documents_of(runs, id);
    if (!capacity || (!common_capacity(*capacity) && !common_k(*capacity, runs.experts()))) continue;
    parameters.emplace_back("separator", id);
    write_capacity(*capacity, runs.experts(), parameters);
    findings.accept(ids::expert_choice, std::move(parameters));
    return;
  }
  parameters.emplace_back("documents", Value::Object{{"max", borders.stretches}});
  findings.accept(ids::expert_choice, std::move(parameters));
}

}  // namespace pastonly::routing::hypotheses

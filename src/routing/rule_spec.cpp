#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "pastonly/routing_rule.h"
#include "routing/rule_facts.h"

namespace pastonly {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// A number, true, false, or the text itself.
Value to_value(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto [at, error] = std::from_chars(text.data(), end, whole); error == std::errc() && at == end) {
    return whole;
  }
  double real = 0.0;
  if (const auto [at, error] = std::from_chars(text.data(), end, real);
      error == std::errc() && at == end && std::isfinite(real)) {
    return real;  // "inf" is a word that some rule takes
  }
  return std::string(text);
}

Expected<Value> parse_value(std::string_view key, std::string_view text) {
  if (text.empty())
    return usage_error(fmt::format("rule parameter '{}' has no value: write {}=VALUE", key, key));
  if (text.front() != '[') return to_value(text);
  if (text.back() != ']')
    return usage_error(fmt::format("rule parameter '{}': the array lacks its ']'", key));
  text = text.substr(1, text.size() - 2);
  Value::Array items;
  while (!text.empty()) {
    const auto end = std::min(text.find(';'), text.size());
    const auto item = trimmed(text.substr(0, end));
    if (item.empty())
      return usage_error(fmt::format("rule parameter '{}': the array has an empty item", key));
    items.push_back(to_value(item));
    if (end + 1 == text.size())
      return usage_error(fmt::format("rule parameter '{}': the array ends in ';'", key));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Value(std::move(items));
}

}  // namespace

Expected<RuleSpec> parse_rule(std::string_view text) {
  auto end = std::min(text.find(','), text.size());
  RuleSpec spec{std::string(trimmed(text.substr(0, end))), {}};
  if (spec.id.empty()) return usage_error("a rule is written ID,KEY=VALUE,...: the id is missing");
  while (end < text.size()) {
    text.remove_prefix(end + 1);
    end = std::min(text.find(','), text.size());
    const auto pair = text.substr(0, end);
    const auto equals = pair.find('=');
    const auto key = trimmed(pair.substr(0, std::min(equals, pair.size())));
    if (key.empty() || equals == std::string_view::npos) {
      return usage_error(fmt::format("rule {}: '{}' is not a parameter: write KEY=VALUE", spec.id, pair));
    }
    auto value = parse_value(key, trimmed(pair.substr(equals + 1)));
    if (!value) return tl::unexpected<Error>(value.error());
    spec.parameters.emplace_back(std::string(key), std::move(*value));
  }
  return spec;
}

namespace {

/// "" where there is nothing to write.
std::string to_text(const Value& value) {
  if (const auto flag = value.flag()) return *flag ? "true" : "false";
  if (const auto whole = value.integer()) return fmt::format("{}", *whole);
  if (const auto real = value.number()) return fmt::format("{}", *real);
  if (const auto* text = value.text()) return *text;
  const auto* items = value.array();
  if (items == nullptr) return "";
  std::string out = "[";
  for (const Value& item : *items) out += (out.size() > 1 ? ";" : "") + to_text(item);
  return out + "]";
}

}  // namespace

std::string format_rule(const RuleSpec& spec) {
  std::string out = spec.id;
  for (const auto& [key, value] : spec.parameters) {
    if (const std::string text = to_text(value); !text.empty()) out += fmt::format(",{}={}", key, text);
  }
  return out;
}

const RuleInfo* find_rule(std::string_view id) noexcept {
  for (const RuleInfo& info : routing_rules()) {
    if (info.id == id) return &info;
  }
  return nullptr;
}

Expected<std::unique_ptr<RoutingRule>> make_rule(std::string_view id, const Parameters& parameters) {
  const RuleInfo* info = find_rule(id);
  if (info == nullptr)
    return usage_error(fmt::format("no routing rule '{}'{}", id, routing::instead_of_unknown(id)));
  return info->make(parameters);
}

Expected<void> check_rule(const RuleSpec& spec) {
  const auto made = make_rule(spec.id, spec.parameters);
  if (made) return {};
  Parameters with_k = spec.parameters;
  with_k.emplace_back("k", std::int64_t{2});  // every rule that takes k takes two, or has a k of its own
  if (make_rule(spec.id, with_k)) return {};
  return tl::unexpected<Error>(made.error());
}

}  // namespace pastonly

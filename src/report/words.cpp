#include "report/words.h"

#include <fmt/format.h>

#include "input/text/value_json.h"

namespace pastonly::report {

std::string spaced(std::string key) {
  for (char& c : key) {
    if (c == '_') c = ' ';
  }
  return key;
}

std::string in_words(const Value& value) {
  if (const auto* text = value.text()) return *text;
  if (const auto whole = value.integer()) return fmt::format("{}", *whole);
  if (const auto number = value.number()) return fmt::format("{:.6g}", *number);
  if (const auto* array = value.array()) {
    if (array->size() > 8) return fmt::format("[{} values]", array->size());
    std::string out = "[";
    for (const Value& element : *array) out += (out.size() > 1 ? ", " : "") + in_words(element);
    return out + "]";
  }
  if (const auto* object = value.object()) {
    std::string out;
    for (const auto& [key, member] : *object) {
      if (!out.empty()) out += ", ";
      out += spaced(key) + " " + in_words(member);
    }
    return "(" + out + ")";
  }
  return input::json_of(value).dump();
}

std::string parameters_in_words(const Value& parameters) {
  std::string out;
  const auto* object = parameters.object();
  if (object == nullptr) return out;
  for (const auto& [key, member] : *object) {
    const bool nested = member.array() || member.object();
    out += (out.empty() ? "" : ", ") + key + (nested ? "" : "=" + in_words(member));
  }
  return out;
}

std::string rule_in_words(const LayerFacts::Rule& rule) {
  if (!rule.id) return "unexplained";
  const std::string parameters = parameters_in_words(rule.parameters);
  return parameters.empty() ? *rule.id : *rule.id + " " + parameters;
}

std::string subject_in_words(const Report::SubjectEntry& subject) {
  if (subject.kind == "configuration" || subject.kind == "logs") return subject.kind;
  return fmt::format("{}; mode {}, stage {}; {} token positions", subject.kind, subject.mode, subject.stage,
                     grouped(subject.tokens));
}

std::string placed_message(const Report::Finding& finding) {
  if (!finding.place) return finding.message;
  return fmt::format("{}:{}: {}", finding.place->file, finding.place->line, finding.message);
}

std::string ranges_of(const std::vector<std::uint32_t>& layers) {
  std::string out;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t last = i;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) ++last;
    if (!out.empty()) out += ", ";
    out += last > i ? fmt::format("{}-{}", layers[i], layers[last]) : fmt::format("{}", layers[i]);
    i = last + 1;
  }
  return out;
}

std::string layers_in_words(const std::vector<std::uint32_t>& layers) {
  if (layers.empty()) return "";
  return (layers.size() > 1 ? "layers " : "layer ") + ranges_of(layers);
}

std::string signed_bits(double value) {
  const std::string text = fmt::format("{:+.3f}", value);
  return text == "-0.000" ? "+0.000" : text;
}

std::string grouped(std::uint64_t count) {
  std::string digits = fmt::format("{}", count);
  for (std::size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

}  // namespace pastonly::report

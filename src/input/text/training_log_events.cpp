#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "input/text/training_log_points.h"

// A TensorBoard event file is a TFRecord file: records of an eight-byte length, four bytes of its check sum,
// the message, and four bytes of its check sum. A message is an Event of tensorflow/core/util/event.proto:
// field 2 the step, field 3 the file's version, field 5 a Summary; of a Summary field 1 its values; of a
// value field 1 the tag, field 2 a scalar, field 8 a tensor (dtype 1, float_val 5, tensor_content 4).

namespace pastonly::input {
namespace {

constexpr std::string_view version = "brain.Event:";
constexpr std::size_t records_between_questions = 4096;

std::uint64_t little(std::string_view bytes, std::size_t count) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; ++i)
    out |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return out;
}

/// The fields of one message of protocol buffers, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  std::uint64_t field = 0, number = 0;  ///< the number: of varints and fixed types
  std::string_view bytes;               ///< of lengths

  /// False at the end, or where the message is none: then `broken`.
  bool next() {
    bytes = {};
    if (rest_.empty()) return false;
    const auto key = varint();
    if (!key) return fail();
    field = *key >> 3U;
    switch (*key & 7U) {
      case 0: {
        const auto value = varint();
        if (!value) return fail();
        number = *value;
        return true;
      }
      case 1:
        return fixed(8);
      case 5:
        return fixed(4);
      case 2: {
        const auto size = varint();
        if (!size || *size > rest_.size()) return fail();
        bytes = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
        return true;
      }
      default:
        return fail();
    }
  }
  bool broken = false;

 private:
  bool fail() {
    broken = true;
    return false;
  }
  bool fixed(std::size_t size) {
    if (rest_.size() < size) return fail();
    number = little(rest_, size);
    rest_.remove_prefix(size);
    return true;
  }
  std::optional<std::uint64_t> varint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80U) return out;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

double as_float(std::uint64_t bits) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
}

/// A tensor of one float.
std::optional<double> scalar_of_tensor(std::string_view message) {
  Fields fields(message);
  std::optional<double> out;
  bool is_float = false;
  while (fields.next()) {
    if (fields.field == 1) is_float = fields.number == 1;
    if (fields.field == 5 && fields.bytes.size() == 4) out = as_float(little(fields.bytes, 4));
    if (fields.field == 5 && fields.bytes.empty()) out = as_float(fields.number);
    if (fields.field == 4 && fields.bytes.size() == 4) out = as_float(little(fields.bytes, 4));
  }
  return is_float && !fields.broken ? out : std::nullopt;
}

struct Points {
  std::vector<std::pair<double, double>> values;  // step, value
};

void add_summary(std::string_view summary, double step, std::map<std::string, Points, std::less<>>& tags) {
  Fields values(summary);
  while (values.next()) {
    if (values.field != 1) continue;
    Fields value(values.bytes);
    std::string tag;
    std::optional<double> scalar;
    while (value.next()) {
      if (value.field == 1) tag = value.bytes;
      if (value.field == 2) scalar = as_float(value.number);
      if (value.field == 8) scalar = scalar_of_tensor(value.bytes);
    }
    constexpr std::size_t most_tags = 10'000;
    if (scalar && (tags.size() < most_tags || tags.contains(tag)))
      tags[tag].values.emplace_back(step, *scalar);
  }
}

/// The tag that was told, or that is called as losses are.
std::optional<std::string> chosen(const std::map<std::string, Points, std::less<>>& tags,
                                  const LogOptions& options) {
  if (!options.loss.empty()) return tags.contains(options.loss) ? std::optional(options.loss) : std::nullopt;
  for (const std::string_view name : names_of_loss) {
    if (tags.contains(name)) return std::string(name);
  }
  return std::nullopt;
}

}  // namespace

bool is_event_file(std::string_view text) {
  // The first event names the version of the format.
  constexpr std::size_t head = 12;
  return text.size() > head && little(text, 8) < 256 &&
         text.substr(head, 64).find(version) != std::string_view::npos;
}

void read_event_file(std::string_view text, LogPoints& out) {
  std::map<std::string, Points, std::less<>> tags;
  std::size_t place = 0, count = 0;
  // What is being written ends in the middle of a record.
  while (place + 16 <= text.size()) {
    if (++count % records_between_questions == 0 && out.stop()) {
      out.interrupted = true;
      return;
    }
    const std::uint64_t size = little(text.substr(place), 8);
    if (size > text.size() - place - 16) break;
    Fields event(text.substr(place + 12, size));
    double step = 0.0;
    std::vector<std::string_view> summaries;
    while (event.next()) {
      if (event.field == 2) step = static_cast<double>(static_cast<std::int64_t>(event.number));
      if (event.field == 5) summaries.push_back(event.bytes);
    }
    if (event.broken) {
      out.fail(fmt::format("record {} at byte {}", count, place), "is no event of TensorBoard");
      return;
    }
    for (const std::string_view summary : summaries) add_summary(summary, step, tags);
    place += 16 + size;
  }
  const auto tag = chosen(tags, out.options);
  if (!tag) {
    std::vector<std::string> names(tags.size());
    std::ranges::transform(tags, names.begin(),
                           [](const auto& tag_and_points) { return tag_and_points.first; });
    out.fail("the events",
             fmt::format("no scalar is called {}; there are {}; --map loss=NAME names one",
                         out.options.loss.empty() ? fmt::format("{}", fmt::join(names_of_loss, ", "))
                                                  : out.options.loss,
                         fmt::format("{}", fmt::join(names, ", ")).substr(0, 300)));
    return;
  }
  out.log.step_key = "step";
  out.log.loss_key = *tag;
  for (const auto& [step, value] : tags.find(*tag)->second.values) {
    if (!out.add(step, value, fmt::format("{} at step {:g}", *tag, step))) return;
  }
}

}  // namespace pastonly::input

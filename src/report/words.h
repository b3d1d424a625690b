#pragma once

#include <string>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::report {

/// Values and report parts as a person reads them, on one line.
std::string in_words(const Value& value);
/// Underscores as spaces.
std::string spaced(std::string key);
/// "k=2, chunk=64"; of lists the key alone.
std::string parameters_in_words(const Value& parameters);
/// "rule k=2, chunk=64", or what is known instead.
std::string rule_in_words(const LayerFacts::Rule& rule);
/// "trace; mode eval, stage dispatched; 12,356 token positions"; of configurations their kind alone.
std::string subject_in_words(const Report::SubjectEntry& subject);
/// The message, after FILE:LINE where the finding has a place.
std::string placed_message(const Report::Finding& finding);
/// What a witness of type flip or change shows, in a sentence; "" for others, whose figures stand in the
/// finding's message.
std::string witness_in_words(const Value& witness);
/// "0-5, 7", "" for none.
std::string ranges_of(const std::vector<std::uint32_t>& layers);
/// "layer 3", "layers 0-5, 7", "" for none.
std::string layers_in_words(const std::vector<std::uint32_t>& layers);
/// "+0.250", three decimals; never "-0.000".
std::string signed_bits(double value);
/// 34816 -> "34,816"
std::string grouped(std::uint64_t count);

}  // namespace pastonly::report

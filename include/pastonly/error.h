#pragma once

#include <string>
#include <utility>

// The one third-party header of the contract: std::expected's stand-in until C++23.
#include <tl/expected.hpp>

namespace pastonly {

/// An expected failure. `message` names the file, tensor, layer or key, what was expected, and what
/// the reader can do; it is shown to the user as it stands.
struct Error {
  enum class Kind {
    input,         ///< bytes that do not say what they should: exit 2
    usage,         ///< arguments, policy or configuration: exit 4
    not_recorded,  ///< the subject does not hold the run that was asked for: the check is skipped
    interrupted,   ///< exit 130
  };
  Kind kind = Kind::input;
  std::string message;
};

template <class T>
using Expected = tl::expected<T, Error>;

inline tl::unexpected<Error> input_error(std::string message) {
  return tl::unexpected<Error>(Error{Error::Kind::input, std::move(message)});
}
inline tl::unexpected<Error> usage_error(std::string message) {
  return tl::unexpected<Error>(Error{Error::Kind::usage, std::move(message)});
}
inline tl::unexpected<Error> not_recorded(std::string message) {
  return tl::unexpected<Error>(Error{Error::Kind::not_recorded, std::move(message)});
}

}  // namespace pastonly

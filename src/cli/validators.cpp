#include "cli/validators.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/elementary.h"

namespace pastonly::cli {

CLI::Validator positive_whole() {
  return {[](std::string& text) -> std::string {
            std::int64_t number = 0;
            const char* end = text.data() + text.size();
            const auto read = std::from_chars(text.data(), end, number);
            const bool good = read.ec == std::errc() && read.ptr == end && number >= 1;
            return good ? "" : "'" + text + "' is not a whole number from 1 to 2^63 - 1";
          },
          ""};
}

CLI::Validator share_of_trials() {
  return {[](std::string& text) -> std::string {
            double number = 0.0;
            const char* end = text.data() + text.size();
            const auto read = std::from_chars(text.data(), end, number);
            const bool bits = std::string_view(read.ptr, static_cast<std::size_t>(end - read.ptr)) == "bits";
            if (bits) number = 1.0 - kernels::exp2(-number);
            const bool good =
                read.ec == std::errc() && (read.ptr == end || bits) && number >= 1e-5 && number <= 0.5;
            if (!good)
              return "'" + text + "' is not a share from 0.00001 to 0.5, or bits from 0.00002bits to 1bits";
            if (bits) text = fmt::format("{:.17g}", number);
            return "";
          },
          ""};
}

CLI::Validator finite() {
  return {[](std::string& text) -> std::string {
            double number = 0.0;
            const bool good = CLI::detail::lexical_cast(text, number) && std::isfinite(number);
            return good ? "" : "'" + text + "' is not a finite number";
          },
          ""};
}

CLI::Validator not_empty() {
  return {[](std::string& text) -> std::string { return text.empty() ? "is empty" : ""; }, ""};
}

}  // namespace pastonly::cli

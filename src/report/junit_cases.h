#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pastonly/report.h"

namespace pastonly::report {

struct JunitCase {
  enum class Result { passed, skipped, failed, error };
  std::string name;  ///< unique within the suite, printable
  Result result = Result::passed;
  std::string message;  ///< of any result; "" where there is nothing to say
  double seconds = 0.0;
};
struct JunitSuite {
  std::string name;  ///< unique in the report
  std::vector<JunitCase> cases;
};
std::vector<JunitSuite> junit_suites(const Report& report);

}  // namespace pastonly::report

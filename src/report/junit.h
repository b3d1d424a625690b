#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// JUnit XML, as servers of continuous integration read it: a suite for each recording and arm, a case for
/// the verdict and for each check and layer, passes included. What was not assessed is skipped, what fails
/// the policy is a failure, and a check that could not be completed an error. Below 30 MB: passes are left
/// out first, and how many is said.
std::string write_junit(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/report.h"
#include "pastonly/subject.h"
#include "pastonly/watch.h"

namespace pastonly {

/// What `pastonly audit SUBJECT` is told. The defaults are the command's.
struct AuditRequest {
  std::string subject;              ///< trace file, plan directory, or Hugging Face checkpoint directory
  std::string policy = "ci";        ///< a policy file, or the name of an embedded one: ci, release
  std::vector<std::string> checks;  ///< ids; empty = all
  std::string rule;                 ///< checkpoint: the rule it was trained under; "" = what it declares
  std::string tokens;               ///< checkpoint: FORMAT:FILE of token ids; "" = drawn
  std::string text;           ///< checkpoint: text in UTF-8 instead, read by its tokenizer.json; "" = none
  std::size_t batch = 0;      ///< sequences of a flattened array, or of a checkpoint's batch; 0 = default
  std::size_t positions = 0;  ///< checkpoint: of a row; 0 = by the size of the model
  std::uint64_t seed = 0;
  unsigned threads = 0;  ///< 0 = one per hardware thread
  Watch watch;
};

/// Opens the subject, runs the checks and judges. exit_code(report.verdict) is what the command exits with.
/// Errors: input (a file that cannot be read), usage (an unknown policy, check or rule), interrupted.
/// One audit at a time: the number of threads is the process's.
Expected<Report> audit(const AuditRequest& request);

/// The same of a subject of your own, whatever answers its interventions. Of the request, only policy,
/// checks, seed, threads and watch count; files that its SubjectInfo names are not hashed.
Expected<Report> audit(Subject& subject, const AuditRequest& request);

/// The report as the command writes it with `-o FORMAT` (docs/reports.md): text, json, html, ... Usage error:
/// an unknown format.
Expected<std::string> format_report(const Report& report, std::string_view format);

}  // namespace pastonly

// The example of docs/library.md: audits the subject named on the command line.

#include <cstdio>

#include "pastonly/audit.h"

int main(int argc, char** argv) {
  if (argc != 2) return 4;
  pastonly::AuditRequest request;
  request.subject = argv[1];
  request.policy = "release";
  const auto report = pastonly::audit(request);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().message.c_str());
    return 2;
  }
  for (const auto& finding : report->findings)
    std::printf("%s/%s: %s\n", finding.check.c_str(), finding.claim.c_str(), finding.message.c_str());
  std::printf("%s", pastonly::format_report(*report, "text").value_or("").c_str());
  return pastonly::exit_code(report->verdict);
}

#include <algorithm>
#include <cmath>
#include <string_view>

#include "input/text/training_log.h"
#include "lab/experiment.h"
#include "pastonly/routing_rule.h"
#include "report/json.h"
#include "report/writer.h"

/// Whatever the text, every reader of documents answers; what it accepts keeps its promises.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pastonly;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto log = input::parse_training_log(text, "fuzz", input::LossUnit::nats)) {
    const bool ascending = std::ranges::is_sorted(log->steps, std::less_equal<>()) || log->steps.size() < 2;
    const bool finite = std::ranges::all_of(log->losses, [](double loss) { return std::isfinite(loss); });
    if (!ascending || !finite || log->steps.size() != log->losses.size() || log->steps.empty()) std::abort();
  }
  if (const auto experiment = lab::parse_experiment(text, "fuzz"); experiment && experiment->arms.empty())
    std::abort();
  if (const auto read = report::parse_report(text, "fuzz")) {
    if (!report::parse_report(report::write_json(*read), "again")) std::abort();
  }
  if (const auto spec = parse_rule(text)) static_cast<void>(make_rule(spec->id, spec->parameters));
  return 0;
}

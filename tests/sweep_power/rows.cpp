#include "sweep_power/rows.h"

#include <fmt/format.h>

namespace pastonly::sweep_power {

std::vector<Row> rows() {
  using enum Row::Kind;
  const Source markov{"markov", 16, 1, 6, 1};
  std::vector<Row> out{{"top-k,k=2", 32, causal},
                       {"top-k,k=2", 8, causal},
                       {"top-k,k=1", 32, causal, 1},
                       {"biased-top-k,k=2,update_rate=0.01", 32, causal},
                       {"group-limited-top-k,k=2,groups=4,topk_groups=2", 32, causal},
                       {"fixed-capacity,k=2,capacity=5", 16, causal},
                       {"token-major-capacity,k=2,capacity_factor=1", 32, causal},
                       {"expert-choice(streaming),k=2,chunk=8", 32, causal},
                       {"top-k,k=2", 32, causal, 2, markov}};
  for (const std::size_t chunk : {8, 16, 64})
    out.push_back({fmt::format("expert-choice,k=2,chunk={}", chunk)});
  out.push_back({"expert-choice,k=2"});
  const Row windowed[] = {{"drop-by-score,k=2,capacity_factor=1"},
                          {"batch-priority,k=2,capacity_factor=1"},
                          {"gshard-top-2,k=2,capacity_factor=1"},
                          {"next-choice,k=2,capacity_factor=1"},
                          {"sinkhorn,k=2"},
                          {"assignment", 32, tried, 1},
                          {"biased-top-k(same-batch),k=2,update_rate=0.01,updates=10", 32, untried}};
  for (const Row& row : windowed) {
    for (const std::size_t width : {8, 16, 64}) {
      Row& in_sequences = out.emplace_back(row);
      in_sequences.rule += ",scope=sequence";
      in_sequences.positions = width;
    }
    out.push_back(row);
  }
  for (const std::size_t width : {8, 16, 64}) out.push_back({"sequence-top-k,k=2", width});
  out.push_back({"sequence-top-k,k=2,scope=batch"});
  for (const int ranks : {2, 4})
    out.push_back({fmt::format("rank-capacity,k=2,ranks={},capacity_factor=1", ranks)});
  for (const char* rule :
       {"expert-choice,k=2,chunk=8", "expert-choice,k=2,chunk=16",
        "drop-by-score,k=2,capacity_factor=1,scope=sequence",
        "batch-priority,k=2,capacity_factor=1,scope=sequence", "sinkhorn,k=2,scope=sequence"}) {
    const bool in_sequences = std::string_view(rule).ends_with("sequence");
    out.push_back({rule, in_sequences ? std::size_t{16} : std::size_t{32}, tried, 2, markov});
  }
  return out;
}

std::vector<Row> causal_rows() {
  std::vector<Row> out;
  const Source sources[] = {
      {"markov", 16, 1, 6, 1}, {"markov", 16, 1, 3, 1}, {"markov", 16, 2, 4, 1}, {"uniform", 16}};
  for (const Source& source : sources) {
    for (const char* rule :
         {"top-k,k=2", "biased-top-k,k=2,update_rate=0.01", "group-limited-top-k,k=2,groups=4,topk_groups=2",
          "expert-choice(streaming),k=2,chunk=8", "fixed-capacity,k=2,capacity=10"})
      out.push_back({rule, 32, Row::Kind::causal, 2, source});
    out.push_back({"top-k,k=1", 32, Row::Kind::causal, 1, source});
  }
  return out;
}

}  // namespace pastonly::sweep_power

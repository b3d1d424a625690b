#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pastonly/outcome.h"
#include "pastonly/policy.h"
#include "pastonly/subject.h"

namespace pastonly {

enum class Verdict { pass, fail, error, inconclusive };
std::string_view name(Verdict verdict) noexcept;
/// 0 pass, 1 fail, 2 error, 3 inconclusive.
int exit_code(Verdict verdict) noexcept;

/// An audit report, pastonly.report/1: the struct mirrors docs/report.schema.json key by key.
struct Report {
  struct Tool {
    std::string name, version, commit;
  };
  struct Run {
    std::string started;  ///< UTC, ISO 8601
    double seconds = 0.0;
    std::uint64_t seed = 0;
    std::uint64_t threads = 0;
    std::vector<std::string> arguments;
    std::string target;  ///< the instructions that kernels ran on; empty in older reports
  };
  struct SubjectEntry {
    std::string kind, name, mode, stage;
    std::vector<FileRecord> files;
    std::uint64_t tokens = 0;                 ///< token positions over all distinct runs
    std::optional<std::uint64_t> run_tokens;  ///< token positions of the base run; not in older reports
    std::optional<std::uint64_t> vocab;
    Value options;  ///< what the command line said of the files (batch, layout, map, ...), an object
  };
  struct Layer {
    std::uint32_t index = 0;
    std::uint64_t experts = 0;
    std::optional<double> top_k;     ///< mean experts per token
    std::optional<double> sparsity;  ///< R = K / N
    LayerFacts facts;                ///< bound, rule, leak, origin
  };
  struct Totals {
    std::optional<double> floor_bits, capacity_bits, limit_bits, leak_bits;
    std::optional<std::uint64_t> successors_identifiable;
  };
  struct CheckEntry {
    std::string id;
    std::string status;  ///< ran | skipped | error
    std::string reason;
    double seconds = 0.0;
    std::vector<Measurement> measurements;
    std::vector<Chart> charts = {};
  };
  /// How a finding stands to the baseline that the audit was given.
  struct Standing {
    std::string state;  ///< new | worse | accepted
    std::string why;    ///< of "worse": what grew, a sentence
  };
  /// An earlier report: what it found is accepted, as it was there.
  struct Baseline {
    struct Entry {
      std::string check, claim;
      std::vector<std::uint32_t> layers;
      std::vector<std::string> rules;  ///< of these layers, "" where none is known
      std::string fingerprint;
      Severity severity = Severity::none;  ///< none: it was within the limits of its policy
      std::vector<Measurement> figures;    ///< that must not grow
      std::string message;                 ///< without figures: that must be the same; "" where withheld
      std::string state;                   ///< found | gone | not assessed
    };
    std::string name, sha256;     ///< the file's path, and the hash of its bytes
    std::string version, policy;  ///< of the program that wrote it; the policy's name there
    std::string problem;          ///< "" or why nothing of it can be accepted
    std::vector<Entry> entries;
  };
  /// What was taken out of a report (docs/privacy.md).
  struct Redaction {
    std::string digest;  ///< SHA-256 over the hashes of all files of the recording, in their order
    std::vector<std::string> withheld;  ///< keys of subject.options that are not stated
  };
  /// Where a finding stands in a file that was read.
  struct Place {
    std::string file;        ///< as in subject.files
    std::uint64_t line = 1;  ///< from 1
  };
  struct Finding {
    std::string check;
    std::string claim;  ///< Claim::id
    Severity severity = Severity::note;
    std::optional<double> confidence;  ///< 1 for proofs; 1 - adjusted p for statistics
    std::string message;
    std::vector<std::uint32_t> layers;
    Value witness;
    std::string
        fingerprint;  ///< stable over runs: hash of check, claim, layers, rules and the amount's label
    std::string help;
    std::optional<std::string> suppressed;  ///< the reason of the ignore that hides it
    Claim::Basis basis = Claim::Basis::proof;
    std::optional<double> p_value;  ///< as the check stated it, before correction
    std::optional<Measurement> amount;
    std::optional<Place> place = {};        ///< of `pastonly lint`
    std::optional<Standing> standing = {};  ///< where a baseline was given; accepted ones are suppressed too
  };
  /// A claim that became no finding: not significant over the whole run, or within the limits. Kept so
  /// that a report can be judged again under another policy.
  struct Dismissed {
    std::string check;
    Claim claim;
    std::string reason;
  };
  struct NotAssessed {
    std::string check;
    std::string reason;
  };
  /// What `pastonly lab` trained and measured. Losses in bits per token, on tokens drawn after training.
  struct Experiment {
    struct Source {
      std::string kind;  ///< uniform | markov, or the format of a file
      std::uint64_t vocab = 0;
      std::string name;                  ///< as --source takes it, or the file's path
      std::optional<double> floor_bits;  ///< entropy of the predicted tokens, where it is known
    };
    struct Evaluated {
      double in_order = 0.0;            ///< by the arm's rule, without the arm's own shuffle and drops
      std::optional<double> shuffled;   ///< by that rule on tokens in random order
      std::optional<double> streaming;  ///< with nothing visible but the row's tokens so far: in_order plus
                                        ///< the difference on streaming_tokens
      std::optional<double> top_k;
    };
    /// What expert choice of the arm's shape can carry, bits per token over all layers.
    struct Carried {
      std::optional<double> floor_bits, capacity_bits, limit_bits;
    };
    /// What the routers learned. Figures are means; absent where nothing could be measured.
    struct Routers {
      /// Over the MoE layers, at the points of the curve and before the first step.
      struct Point {
        std::uint64_t step = 0;
        double epsilon = 0.0;          ///< min_j |R_i - R_j| / (2 |R_i|), mean over experts
        double cosine = 0.0;           ///< between router rows, mean over pairs
        double absolute_cosine = 0.0;  ///< its magnitude
        double coupling = 0.0;         ///< expert-router coupling loss at alpha 1, without noise
      };
      /// A fixed batch's routes of one layer at early steps against those of the trained model.
      struct Fixation {
        std::uint32_t layer = 0;
        std::uint64_t settled = 0;  ///< from this step on the agreement stays at 0.9 and above
        std::vector<std::pair<std::uint64_t, double>> agreement;  ///< (step, 1 the same, 0 chance)
      };
      /// Of one layer of the trained model, on a batch drawn after training.
      struct Frozen {
        std::uint32_t layer = 0;
        /// Magnitude of the cosine between the loss gradient of a router row and the leading right singular
        /// direction of the gradient of its expert's gate weights; and of another expert's, all pairs.
        std::optional<double> alignment, alignment_other;
        /// Share of the row's squared gradient in the fewest singular directions that hold 90% of the gate
        /// gradient's square; in another expert's; how many directions those are.
        std::optional<double> share, share_other, directions;
        /// Correlation of router score and norm of the expert's activation over tokens, mean over experts:
        /// over the tokens routed to it, and over all.
        std::optional<double> activation_routed, activation_all;
      };
      std::vector<Point> training;
      std::vector<Fixation> fixation;
      std::vector<Frozen> frozen;
    };
    struct Arm {
      std::string name;
      std::string group;  ///< the name without the seed
      std::string rule;   ///< "expert-choice,k=2,chunk=8"
      std::optional<std::uint64_t> chunk;
      bool shuffled = false;
      double drop_rate = 0.0;
      std::uint64_t seed = 0;
      std::uint64_t steps = 0;
      double loss_bits = 0.0;  ///< routed as trained
      double lower = 0.0, upper = 0.0;
      std::optional<double> leak_bits;     ///< source's loss on the same tokens - loss_bits
      std::optional<double> log2_e_value;  ///< against "no better than the source"
      std::optional<Carried> bound;        ///< of expert choice
      Evaluated evaluated;
      std::uint64_t tokens = 0;  ///< predicted, in each evaluation but streaming
      std::uint64_t streaming_tokens = 0;
      std::string weights;                                  ///< SHA-256 of the frozen state
      std::uint64_t evaluation_seed = 0;                    ///< of the tokens, derived from it
      std::vector<std::pair<std::uint64_t, double>> curve;  ///< training loss: (step, bits)
      Routers routers;
      std::vector<CheckEntry> checks;                 ///< run on the arm as a live subject
      std::optional<DetectionLimit> detection_limit;  ///< of its interventions, where they ran
    };
    std::string name;
    Source source;
    std::vector<Arm> arms;
  };

  Tool tool;
  Run run;
  SubjectEntry subject;
  Verdict verdict = Verdict::inconclusive;
  std::vector<std::string>
      verdict_reasons;  ///< why it is no pass, or what a baseline accepted; a sentence each
  std::optional<DetectionLimit> detection_limit;
  std::vector<Layer> layers;
  Totals totals;
  std::vector<CheckEntry> checks;
  std::vector<Finding> findings;
  std::vector<Dismissed> dismissed;
  std::vector<NotAssessed> not_assessed;
  std::optional<Experiment> experiment;  ///< of `pastonly lab` alone
  std::optional<Baseline> baseline;
  std::optional<Redaction> redaction;
  /// Of further recordings of the same model that were judged with this one, in another mode: the verdict is
  /// that of all of them, and each of the reasons begins with the name of its subject. One level deep.
  std::vector<Report> beside;
  Policy policy;  ///< the policy that judged
};

}  // namespace pastonly

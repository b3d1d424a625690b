#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "session/audit_session.h"

namespace pastonly::session {

/// A checkpoint opened for an audit, and its twin where one was named. The subject refers to both.
struct CheckpointSubject {
  std::unique_ptr<checkpoint::Checkpoint> checkpoint, causal_baseline;
  std::unique_ptr<Subject> subject;
};

/// Opens a checkpoint as its options say: rule and precision.
Expected<checkpoint::Checkpoint> open_directory(const std::string& path, const CheckpointOptions& options);

/// Opens the request's directory as a live subject. Tokens drawn from a source make it the policy's. Errors
/// as of opening the checkpoint; usage errors: options that belong to recorded subjects, --text beside
/// --tokens.
Expected<CheckpointSubject> open_checkpoint(const AuditRequest& request, Policy& policy);

}  // namespace pastonly::session

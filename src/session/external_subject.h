#pragma once

#include <memory>

#include "external/external_model.h"
#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "session/audit_session.h"

namespace pastonly::session {

/// A program with a model, asked as a subject, which refers to it.
struct ExternalSubject {
  std::unique_ptr<external::ExternalModel> model;
  std::unique_ptr<Subject> subject;
};

/// Starts the request's program, or takes up the pipes of one that runs, and hears what it holds. Errors as
/// of ExternalModel; usage errors: options that belong to other subjects, batches beyond what it takes.
Expected<ExternalSubject> open_external(const AuditRequest& request, Policy& policy, const Watch& watch);

}  // namespace pastonly::session

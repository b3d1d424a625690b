#pragma once

#include "pastonly/subject.h"
#include "recording/recording_folder.h"
#include "session/audit_session.h"

namespace pastonly::session {

/// All that the runs of a checkpoint depend on, for --record: program, files with their lengths and times of
/// last change, how the checkpoint is run, on what. `policy`: with the source that open_checkpoint settled.
Expected<recording::RecordingIdentity> identity_of(const AuditRequest& request, const Policy& policy,
                                                   Subject& subject);

}  // namespace pastonly::session

#pragma once

namespace pastonly::cli {

/// The program: parses the command line, runs one command, returns the exit code. 0 pass, 1 the policy
/// failed, 2 the audit could not be completed, 3 inconclusive, 4 wrong usage or configuration,
/// 130 interrupted.
int run(int argc, char** argv);

}  // namespace pastonly::cli

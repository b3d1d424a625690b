#include "cli/interrupt.h"

#include <csignal>

namespace pastonly::cli {
namespace {

// The one mutable global: a signal handler has nothing else to write to.
volatile std::sig_atomic_t interrupted = 0;

extern "C" void on_interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = 0;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  // Under nohup it is ignored, and stays so.
  hangs_up_ = std::signal(SIGHUP, on_interrupt) != SIG_IGN;
  if (!hangs_up_) std::signal(SIGHUP, SIG_IGN);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (hangs_up_) std::signal(SIGHUP, SIG_DFL);
}

bool Interrupt::requested() noexcept { return interrupted != 0; }

}  // namespace pastonly::cli

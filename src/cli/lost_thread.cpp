#include "cli/lost_thread.h"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>

#include "cli/messages.h"

namespace pastonly::cli {
namespace {

[[noreturn]] void on_terminate() {
  const auto lost = std::current_exception();
  if (lost == nullptr) std::abort();
  try {
    std::rethrow_exception(lost);
  } catch (const std::bad_alloc&) {
    tell("pastonly: not enough memory\n");
  } catch (const std::exception& error) {
    tell("pastonly: a thread was lost: ");
    tell(error.what());
    tell("; use fewer --threads, or allow more memory or processes\n");
  } catch (...) {
    std::abort();
  }
  ::_exit(2);
}

}  // namespace

void install_lost_thread_handler() { std::set_terminate(on_terminate); }

}  // namespace pastonly::cli

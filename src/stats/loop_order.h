#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PASTONLY_TOLD_ORDER
#include <sanitizer/tsan_interface.h>
#endif
#endif

namespace pastonly::stats {

/// Tells the thread sanitizer what a parallel loop orders, which it cannot see: libtbb is not built with it.
/// What precedes the loop comes before every iteration, and every iteration before what follows. Iterations
/// stay unordered among themselves. Does nothing in other builds (.ci/threads).
class LoopOrder {
 public:
#ifdef PASTONLY_TOLD_ORDER
  LoopOrder() { __tsan_release(&before_); }
  ~LoopOrder() { __tsan_acquire(&after_); }
  /// Lives as long as one iteration.
  class Iteration {
   public:
    explicit Iteration(LoopOrder& loop) : loop_(loop) { __tsan_acquire(&loop.before_); }
    ~Iteration() { __tsan_release(&loop_.after_); }
    Iteration(const Iteration&) = delete;
    Iteration& operator=(const Iteration&) = delete;

   private:
    LoopOrder& loop_;
  };

 private:
  char before_ = 0, after_ = 0;  // their addresses count
#else
  LoopOrder() = default;
  struct Iteration {
    explicit Iteration(LoopOrder&) {}
  };
#endif
 public:
  LoopOrder(const LoopOrder&) = delete;
  LoopOrder& operator=(const LoopOrder&) = delete;
};

}  // namespace pastonly::stats

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace pastonly::external {

/// A file descriptor that is closed with its owner; -1 = none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }
  int get() const noexcept { return number_; }
  int release() noexcept;
  void close() noexcept;

 private:
  int number_ = -1;
};

/// Lines to and from another program over two pipes.
class Channel {
 public:
  enum class Outcome { done, closed, late, too_long, interrupted };
  struct Received {
    Outcome outcome = Outcome::done;
    std::string line;  ///< without its end
  };
  static constexpr std::size_t longest_line = std::size_t{1} << 20;

  Channel(Descriptor from, Descriptor to) : from_(std::move(from)), to_(std::move(to)) {}

  /// Waits until the line is written, no longer than `limit`; adds the end of the line.
  Outcome send(std::string line, std::chrono::milliseconds limit, const std::function<bool()>& stop);
  Received receive(std::chrono::milliseconds limit, const std::function<bool()>& stop);
  /// The other side reads the end of its input.
  void close_sending() noexcept { to_.close(); }

 private:
  Descriptor from_, to_;
  std::string read_;  // beyond the last line
};

}  // namespace pastonly::external

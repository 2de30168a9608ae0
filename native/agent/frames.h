// Frames between the agent and the host, over one virtio-serial port. A frame is a length of four bytes, a type, a channel
// of four bytes and at most maxPayload bytes; numbers are little-endian. src/stages/boot/machine/frames.ts is the other end.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

constexpr size_t kHeader = 9;
constexpr size_t kMaxPayload = 65536;
// Bytes of a channel that may be on their way in each direction before the receiver has used them.
constexpr uint32_t kWindow = 262144;

struct Frame {
  char type;
  uint32_t channel;
  std::string payload;
};

class Port {
 public:
  explicit Port(int fd) : fd_(fd) {}
  int fd() const { return fd_; }
  // Waits until the host has taken it.
  void Send(char type, uint32_t channel, std::string_view payload) const;
  // What has arrived; waits for at least one byte. Frames that are not complete stay.
  std::vector<Frame> Receive();

 private:
  int fd_;
  std::string rest_;
};

std::string Packed(uint32_t value);
std::string Packed(uint64_t value);
uint32_t Unpacked(std::string_view bytes);

// Key and value, key and value, each ended by NUL.
std::vector<std::pair<std::string, std::string>> Pairs(std::string_view text);

[[noreturn]] void PowerOff();
uint64_t Nanoseconds();

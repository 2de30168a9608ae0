#include "frames.h"

#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace {

template <typename Number>
std::string LittleEndian(Number value) {
  std::string bytes;
  for (size_t at = 0; at < sizeof value; ++at) bytes += static_cast<char>(value >> (8 * at));
  return bytes;
}

}  // namespace

std::string Packed(uint32_t value) { return LittleEndian(value); }
std::string Packed(uint64_t value) { return LittleEndian(value); }

uint32_t Unpacked(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t at = 0; at < sizeof value && at < bytes.size(); ++at) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at])) << (8 * at);
  }
  return value;
}

void Port::Send(char type, uint32_t channel, std::string_view payload) const {
  std::string frame = Packed(static_cast<uint32_t>(payload.size()));
  frame += type;
  frame += Packed(channel);
  frame += payload;
  for (size_t at = 0; at < frame.size();) {
    const ssize_t written = write(fd_, frame.data() + at, frame.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) PowerOff();
    at += static_cast<size_t>(written);
  }
}

std::vector<Frame> Port::Receive() {
  char bytes[kMaxPayload];
  const ssize_t got = read(fd_, bytes, sizeof bytes);
  // Without the host there is nothing left to do.
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) PowerOff();
  if (got > 0) rest_.append(bytes, static_cast<size_t>(got));
  std::vector<Frame> frames;
  size_t at = 0;
  while (rest_.size() - at >= kHeader) {
    const std::string_view left = std::string_view(rest_).substr(at);
    const size_t length = Unpacked(left);
    if (length > kMaxPayload) PowerOff();
    if (left.size() < kHeader + length) break;
    frames.push_back({left[4], Unpacked(left.substr(5)), std::string(left.substr(kHeader, length))});
    at += kHeader + length;
  }
  rest_.erase(0, at);
  return frames;
}

std::vector<std::pair<std::string, std::string>> Pairs(std::string_view text) {
  std::vector<std::string> words;
  for (size_t end; (end = text.find('\0')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    words.emplace_back(text.substr(0, end));
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t at = 0; at + 1 < words.size(); at += 2) pairs.emplace_back(words[at], words[at + 1]);
  return pairs;
}

void PowerOff() {
  reboot(RB_POWER_OFF);
  _exit(1);
}

uint64_t Nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000U + static_cast<uint64_t>(now.tv_nsec);
}

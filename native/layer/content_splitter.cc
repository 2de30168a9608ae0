#include "content_splitter.h"

#include <algorithm>
#include <cstring>

namespace layer {

namespace {

constexpr uint32_t splitMask = (1 << 16) - 1;
constexpr uint64_t minHole = 1024;
// An upper bound, because the sum may never match, and a chunk is held in memory.
constexpr size_t maxChunk = 4 << 20;

}  // namespace

void ContentSplitter::Split(const uint8_t* bytes, size_t length, const OnChunk& onChunk) {
  for (size_t at = 0; at < length; at++) {
    if (bytes[at] == 0) {
      zeros_++;
      continue;
    }
    if (zeros_ > 0) ReleaseZeros(onChunk);
    Add(bytes[at], onChunk);
  }
}

void ContentSplitter::Finish(const OnChunk& onChunk) {
  ReleaseZeros(onChunk);
  if (!chunk_.empty()) Cut(false, onChunk);
  Reset();
}

// The rolling sum of bup and rsync. Returns whether the content is split after this byte.
bool ContentSplitter::Roll(uint8_t byte) {
  const uint8_t dropped = window_[at_];
  s1_ += byte - dropped;
  s2_ += s1_ - static_cast<uint32_t>(windowSize) * (dropped + charOffset);
  window_[at_] = byte;
  at_ = (at_ + 1) % windowSize;
  return (s2_ & splitMask) == splitMask;
}

void ContentSplitter::Add(uint8_t byte, const OnChunk& onChunk) {
  const bool isCut = Roll(byte);
  chunk_.push_back(static_cast<char>(byte));
  if (isCut || chunk_.size() == maxChunk) Cut(false, onChunk);
}

void ContentSplitter::ReleaseZeros(const OnChunk& onChunk) {
  if (zeros_ < minHole) {
    for (; zeros_ > 0; zeros_--) Add(0, onChunk);
    return;
  }
  if (!chunk_.empty()) Cut(false, onChunk);
  // Once the window holds only zeros, more of them do not change the sum.
  for (size_t rolled = 0; rolled < windowSize; rolled++) Roll(0);
  while (zeros_ > 0) {
    const size_t count = std::min<uint64_t>(zeros_, maxChunk);
    chunk_.assign(count, '\0');
    zeros_ -= count;
    Cut(true, onChunk);
  }
}

void ContentSplitter::Cut(bool isZeros, const OnChunk& onChunk) {
  onChunk(std::string_view(chunk_.data(), chunk_.size()), isZeros);
  chunk_.clear();
}

void ContentSplitter::Reset() {
  memset(window_, 0, sizeof window_);
  at_ = 0;
  s1_ = windowSize * charOffset;
  s2_ = windowSize * (windowSize - 1) * charOffset;
}

}  // namespace layer

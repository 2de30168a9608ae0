// Splits a file's content into chunks whose boundaries depend on the content, as containers/storage does
// (pkg/chunked/compressor: a rolling sum over 64 bytes, 16 bits, and separate runs of zeros). So equal bytes give equal
// chunks wherever they are.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace layer {

class ContentSplitter {
 public:
  // The chunk is valid until the call returns. The second tells whether it holds only zeros, which a client need not
  // fetch.
  using OnChunk = std::function<void(std::string_view, bool)>;

  void Split(const uint8_t* bytes, size_t length, const OnChunk& onChunk);

  // The end of a file: gives what is left, and begins anew.
  void Finish(const OnChunk& onChunk);

 private:
  static constexpr size_t windowSize = 64;
  static constexpr int32_t charOffset = 31;

  bool Roll(uint8_t byte);
  void Add(uint8_t byte, const OnChunk& onChunk);
  void ReleaseZeros(const OnChunk& onChunk);
  void Cut(bool isZeros, const OnChunk& onChunk);
  void Reset();

  uint8_t window_[windowSize] = {};
  size_t at_ = 0;
  uint32_t s1_ = windowSize * charOffset;
  uint32_t s2_ = windowSize * (windowSize - 1) * charOffset;
  std::vector<char> chunk_;
  // Zeros that are held back until it is known whether they are a hole.
  uint64_t zeros_ = 0;
};

}  // namespace layer

// A reserve of free space that large writes must leave: records, locks and databases need it to report what went wrong.
// As in src/lib/host/reserve.ts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace layer {

class Reserve {
 public:
  // `path`: what is written, for the failure.
  Reserve(int file, std::string path) : file_(file), path_(std::move(path)) {}

  // Call it before writing that many bytes. Throws LayerFailure DISK_FULL before the reserve is used.
  void Spend(size_t length);

 private:
  const int file_;
  const std::string path_;
  // Bytes that may be written before the free space is looked at again.
  uint64_t granted_ = 0;
};

}  // namespace layer

// The bytes of a package's payload, decompressed as they are read.
#pragma once
#include <memory>

#include "../system/openssl.h"
#include "segments.h"

namespace layer {

class Source {
 public:
  virtual ~Source() = default;
  // Returns 0 at the end alone.
  virtual size_t Read(uint8_t* to, size_t room) = 0;
};

// A range of a file. A shorter file is refused.
std::unique_ptr<Source> OpenRange(const std::string& path, uint64_t offset, uint64_t size);

// A whole file, whose bytes go into the digest as they are read.
std::unique_ptr<Source> OpenFile(const std::string& path, Digest* digest);

// Throws LayerFailure PACKAGE_INVALID for bytes that cannot be decompressed, at the first of them.
std::unique_ptr<Source> Decompress(Package::Compressor compressor, std::unique_ptr<Source> compressed);

std::unique_ptr<Source> OpenPayload(const Package& package);

}  // namespace layer

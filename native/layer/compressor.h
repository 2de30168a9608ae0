// Compresses pieces of a layer, each to a frame or member of its own. Concatenated ones are one stream (RFC 8878, 3; RFC
// 1952, 2.2). Every piece is decompressed again and compared: bytes that no client could read would otherwise show only
// at theirs.
#pragma once
#include <memory>
#include <string_view>

#include "decompress.h"

namespace layer {

class Compressor {
 public:
  virtual ~Compressor() = default;

  // Valid until the next call. Throws LayerFailure LAYERS_DIFFER.
  virtual std::string_view Compress(std::string_view piece) = 0;

  // What reads its output.
  virtual Package::Compressor Reader() const = 0;
};

// `step`: bytes of output for each call of zstd; 0 for all at once. Blocks are divided differently where the output is
// not taken in one step.
std::unique_ptr<Compressor> ZstdCompressor(int level, size_t step = 0);
std::unique_ptr<Compressor> GzipCompressor(int level);

}  // namespace layer

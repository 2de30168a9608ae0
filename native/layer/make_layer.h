// Makes a layer from its segments, in one pass on the calling thread: payloads or files of a tree, tar, compression, digests.
#pragma once
#include <optional>

#include "failure.h"
#include "segments.h"

namespace layer {

struct LayerOptions {
  std::string segments;
  // Where to write the layer, and one line of JSON for each entry of its tar stream.
  std::string layer;
  std::string listing;
  // zstd, gzip, zstd:chunked.
  std::string compression;
  int level;
};

struct MadeSegment {
  // In the layer.
  uint64_t offset;
  uint64_t size;
  // For zstd:chunked, JSON.
  std::string index;
};

struct MadeLayer {
  // One for each of the input, then the end of the archive.
  std::vector<MadeSegment> segments;
  // sha256, hexadecimal: of the layer, and of its tar stream.
  std::string digest;
  std::string diffId;
  std::optional<LayerFailure> failure;
};

MadeLayer MakeLayer(const LayerOptions& options);

struct ListedLayer {
  // sha256, hexadecimal: of the layer, and of its tar stream.
  std::string digest;
  std::string diffId;
  std::optional<LayerFailure> failure;
};

// Reads a layer that MakeLayer has made, and writes its listing.
ListedLayer ListLayer(const std::string& layer, const std::string& listing, bool isGzip);

}  // namespace layer

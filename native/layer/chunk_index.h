// The index of a segment of zstd:chunked: entries for the table of contents and for tar-split, as JSON. Offsets count from
// the segment's beginning.
#pragma once
#include <string>
#include <string_view>

#include "segments.h"

namespace layer {

class ChunkIndex {
 public:
  // Call it behind Wrote of the header's frame.
  void Begin(const TarEntry& entry, const std::string& header);

  // Call it before Wrote of the chunk's frame.
  void Chunk(std::string_view bytes, bool isZeros, const std::string& sha256);

  // The end of an entry with content, and of one without.
  void End(const std::string& sha256);
  void EndEmpty();

  // Bytes of the stream that belong to no entry.
  void Rest(const std::string& bytes);

  void Wrote(size_t length) { size_ += length; }

  // Begins anew.
  std::string Take();

 private:
  void Split(const std::string& json);

  std::string toc_;
  std::string split_;
  uint64_t size_ = 0;
  // Of the entry that was begun: its own fields, those of its first chunk, and the entries of further chunks.
  std::string entry_;
  std::string name_;
  std::string first_;
  std::string others_;
  uint64_t offset_ = 0;
  uint64_t done_ = 0;
  uint64_t crc_ = 0;
};

}  // namespace layer

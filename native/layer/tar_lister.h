// Lists the entries of a layer from its tar stream. An image is checked against these listings, so that the check starts
// from the written bytes, not from the intended ones. It reads what tar_header.cc writes, and nothing else.
#pragma once
#include "../system/openssl.h"
#include "segments.h"

namespace layer {

class TarLister {
 public:
  // The stream in pieces of any size. Throws LayerFailure LAYERS_DIFFER.
  void Update(const uint8_t* bytes, size_t length);

  // Throws LayerFailure LAYERS_DIFFER unless the stream is whole.
  void Finish() const;

  uint64_t size() const { return size_; }

  // Where the content of entries went since the last call: digests by path, raw, for files alone.
  using OnFile = void (*)(void*, const std::string& path, const std::string& sha256);
  void Watch(OnFile onFile, void* with) {
    onFile_ = onFile;
    with_ = with;
  }

  // One JSON value per line, in UTF-8, where each byte of a path is one character.
  std::string listing;

 private:
  size_t Take(const uint8_t* bytes, size_t length);
  void ReadHeader(const uint8_t* block);
  void ReadPax();
  void Begin(uint64_t size);
  void EndBody();
  void List(const std::string& sha256);

  std::string header_;
  // Bytes of content or of an extended header to come, and of padding behind it.
  uint64_t left_ = 0;
  uint64_t padding_ = 0;
  bool isInBody_ = false;
  bool isExtension_ = false;
  std::string extension_;
  // The entry with what its extended header says; isNamed_ tells which.
  TarEntry entry_{};
  bool hasPath_ = false, hasTarget_ = false, hasSize_ = false, hasUid_ = false, hasGid_ = false, hasTime_ = false;
  Digest content_{"sha256"};
  int zeros_ = 0;
  uint64_t size_ = 0;
  OnFile onFile_ = nullptr;
  void* with_ = nullptr;
};

}  // namespace layer

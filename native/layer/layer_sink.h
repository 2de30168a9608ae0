// Where the members of a layer go, one after another.
#pragma once
#include "compressor.h"
#include "failure.h"
#include "layer_file.h"
#include "tar_lister.h"

namespace layer {

// What a layer's clients get: the digest of the tar stream, and its entries.
struct LayerContent {
  TarLister lister;
  Digest digest{"sha256"};

  void Update(std::string_view tar) {
    lister.Update(reinterpret_cast<const uint8_t*>(tar.data()), tar.size());
    digest.Update(tar.data(), tar.size());
  }

  // The digest of the whole stream, raw. Clients compare it, and nothing before them: so it has to be of the very bytes
  // that were listed. Throws LayerFailure LAYERS_DIFFER.
  std::string Finish() {
    lister.Finish();
    if (digest.size() != lister.size()) RefuseStream("the digest of a layer's tar stream is not of all of it");
    return digest.Finish();
  }
};

class LayerSink {
 public:
  virtual ~LayerSink() = default;

  virtual void Begin(const TarEntry& entry) = 0;

  // Room for content of the entry that was begun, and how much of it was filled.
  virtual uint8_t* Room(size_t& room) = 0;
  virtual void Filled(size_t count) = 0;

  virtual void End(const TarEntry& entry) = 0;

  // The bytes up to here can be laid behind those of another layer.
  virtual void EndSegment() = 0;

  // std::string_view that an earlier layer holds.
  virtual void Copy(const Stored& stored) = 0;

  // Writes the end of the archive.
  virtual void Finish() = 0;

  // For zstd:chunked the index of the last segment, as JSON.
  virtual std::string TakeIndex() { return {}; }
};

// Throws LayerFailure for bytes that are not what was stored.
void CopyStored(const Stored& stored, const Compressor& compressor, LayerFile& file, LayerContent& content);

std::unique_ptr<LayerSink> ChunkedLayer(LayerFile& file, LayerContent& content, int level);

std::unique_ptr<LayerSink> PlainLayer(LayerFile& file, LayerContent& content, std::unique_ptr<Compressor> compressor);

}  // namespace layer

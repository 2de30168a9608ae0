// zstd:chunked (containers/storage, docs/containers-storage-zstd-chunked.md): a zstd stream with a table of contents
// behind the data. A client finds each chunk of each file in it, and fetches only the chunks that it lacks. What is
// written here is the stream; src/stages/layer/compress/chunked/trailer.ts makes the table of these indexes.
#include <cstring>
#include <vector>

#include "chunk_index.h"
#include "content_splitter.h"
#include "layer_sink.h"
#include "tar_header.h"

namespace layer {

namespace {

constexpr size_t bufferSize = 1 << 20;

class Chunked final : public LayerSink {
 public:
  Chunked(LayerFile& file, LayerContent& content, std::unique_ptr<Compressor> compressor)
      : file_(file), content_(content), compressor_(std::move(compressor)), buffer_(bufferSize) {}

  void Begin(const TarEntry& entry) override {
    const std::string header = TarHeader(entry);
    content_.Update(header);
    Frame(header);
    index_.Begin(entry, header);
    hasContent_ = entry.size > 0;
  }

  uint8_t* Room(size_t& room) override {
    room = bufferSize;
    return buffer_.data();
  }

  void Filled(size_t count) override {
    content_.Update(std::string_view(reinterpret_cast<char*>(buffer_.data()), count));
    digest_.Update(buffer_.data(), count);
    splitter_.Split(buffer_.data(), count, [&](std::string_view chunk, bool isZeros) { Chunk(chunk, isZeros); });
  }

  void End(const TarEntry& entry) override {
    if (!hasContent_) return index_.EndEmpty();
    splitter_.Finish([&](std::string_view chunk, bool isZeros) { Chunk(chunk, isZeros); });
    index_.End(Hex(digest_.Finish()));
    const std::string padding(TarPadding(entry.size), '\0');
    if (padding.empty()) return;
    content_.Update(padding);
    Frame(padding);
    index_.Rest(padding);
  }

  void EndSegment() override {}

  void Copy(const Stored& stored) override { CopyStored(stored, *compressor_, file_, content_); }

  void Finish() override {
    const std::string end(tarEnd, '\0');
    content_.Update(end);
    Frame(end);
    index_.Rest(end);
  }

  std::string TakeIndex() override { return index_.Take(); }

 private:
  void Frame(std::string_view bytes) {
    const auto frame = compressor_->Compress(bytes);
    file_.Write(frame);
    index_.Wrote(frame.size());
  }

  void Chunk(std::string_view bytes, bool isZeros) {
    if (!isZeros || bytes.size() != zeros_.length) {
      const auto frame = compressor_->Compress(bytes);
      chunkDigest_.Update(bytes.data(), bytes.size());
      const std::string sha256 = Hex(chunkDigest_.Finish());
      if (isZeros) zeros_ = {bytes.size(), std::string(frame), sha256};
      index_.Chunk(bytes, isZeros, sha256);
      file_.Write(frame);
      index_.Wrote(frame.size());
      return;
    }
    index_.Chunk(bytes, isZeros, zeros_.sha256);
    file_.Write(zeros_.frame);
    index_.Wrote(zeros_.frame.size());
  }

  // A hole is a repeated chunk of zeros, which is compressed and summed only once.
  struct Zeros {
    size_t length = 0;
    std::string frame;
    std::string sha256;
  };

  LayerFile& file_;
  LayerContent& content_;
  std::unique_ptr<Compressor> compressor_;
  std::vector<uint8_t> buffer_;
  ContentSplitter splitter_;
  ChunkIndex index_;
  Digest digest_{"sha256"};
  Digest chunkDigest_{"sha256"};
  Zeros zeros_;
  bool hasContent_ = false;
};

}  // namespace

std::unique_ptr<LayerSink> ChunkedLayer(LayerFile& file, LayerContent& content, int level) {
  // Node's default for the output of one step, on which the bytes of zstd depend.
  return std::make_unique<Chunked>(file, content, ZstdCompressor(level, 16 * 1024));
}

}  // namespace layer

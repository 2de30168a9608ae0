// Layers of plain zstd or gzip: each segment in pieces of one size, so that the bytes depend only on the tar stream.
#include <algorithm>
#include <cstring>
#include <vector>

#include "layer_sink.h"
#include "tar_header.h"

namespace layer {

namespace {

// std::string_view of the stream for each frame or member. One call for a piece is faster than a stream, and matches further back
// are rare.
constexpr size_t pieceSize = 8 << 20;

class Plain final : public LayerSink {
 public:
  Plain(LayerFile& file, LayerContent& content, std::unique_ptr<Compressor> compressor)
      : file_(file), content_(content), compressor_(std::move(compressor)), piece_(pieceSize) {}

  void Begin(const TarEntry& entry) override { Append(TarHeader(entry)); }

  uint8_t* Room(size_t& room) override {
    room = pieceSize - filled_;
    return piece_.data() + filled_;
  }

  void Filled(size_t count) override {
    filled_ += count;
    if (filled_ == pieceSize) Flush();
  }

  void End(const TarEntry& entry) override { Append(std::string_view(zeros_, TarPadding(entry.size))); }

  void EndSegment() override {
    if (filled_ > 0) Flush();
  }

  void Copy(const Stored& stored) override { CopyStored(stored, *compressor_, file_, content_); }

  void Finish() override {
    Append(std::string_view(zeros_, tarEnd));
    EndSegment();
  }

 private:
  void Append(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t count = std::min(bytes.size(), pieceSize - filled_);
      memcpy(piece_.data() + filled_, bytes.data(), count);
      bytes.remove_prefix(count);
      Filled(count);
    }
  }

  void Flush() {
    const std::string_view piece(reinterpret_cast<char*>(piece_.data()), filled_);
    content_.Update(piece);
    file_.Write(compressor_->Compress(piece));
    filled_ = 0;
  }

  static constexpr char zeros_[tarEnd] = {};

  LayerFile& file_;
  LayerContent& content_;
  std::unique_ptr<Compressor> compressor_;
  std::vector<uint8_t> piece_;
  size_t filled_ = 0;
};

}  // namespace

void CopyStored(const Stored& stored, const Compressor& compressor, LayerFile& file, LayerContent& content) {
  // A package without files has no bytes, which no decompressor takes for a stream.
  if (stored.size == 0) return;
  std::vector<uint8_t> buffer(1 << 20);
  const auto text = [&](size_t count) { return std::string_view(reinterpret_cast<char*>(buffer.data()), count); };
  // Read twice: files of the store are never written again.
  auto tar = Decompress(compressor.Reader(), OpenRange(stored.path, stored.offset, stored.size));
  while (const size_t count = tar->Read(buffer.data(), buffer.size())) content.Update(text(count));
  auto packed = OpenRange(stored.path, stored.offset, stored.size);
  while (const size_t count = packed->Read(buffer.data(), buffer.size())) file.Write(text(count));
}

std::unique_ptr<LayerSink> PlainLayer(LayerFile& file, LayerContent& content, std::unique_ptr<Compressor> compressor) {
  return std::make_unique<Plain>(file, content, std::move(compressor));
}

}  // namespace layer

#include "decompress.h"

#include <bzlib.h>
#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "../system/system_error.h"
#include "failure.h"
#include "node_libraries.h"

namespace layer {

namespace {

class Range final : public Source {
 public:
  Range(const std::string& path, uint64_t offset, uint64_t size)
      : path_(path), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)), at_(offset), left_(size) {
    if (file_ < 0) Fail("open", path);
  }
  Range(const std::string& path, Digest* digest) : Range(path, 0, 0) {
    struct stat status;
    if (fstat(file_, &status)) Fail("fstat", path);
    left_ = status.st_size;
    digest_ = digest;
  }
  ~Range() override { close(file_); }

  size_t Read(uint8_t* to, size_t room) override {
    const size_t wanted = std::min<uint64_t>(room, left_);
    if (wanted == 0) return 0;
    const ssize_t count = pread(file_, to, wanted, at_);
    if (count < 0) Fail("pread", path_);
    if (count == 0) RefusePackage("is cut short");
    at_ += count;
    left_ -= count;
    if (digest_) digest_->Update(to, count);
    return count;
  }

 private:
  std::string path_;
  int file_;
  uint64_t at_;
  uint64_t left_;
  Digest* digest_ = nullptr;
};

[[noreturn]] void Corrupt(const std::string& why) { RefusePackage("has a corrupt payload (" + why + ")"); }

// What a decompressor has not used yet of its source.
class Input {
 public:
  explicit Input(std::unique_ptr<Source> source) : source_(std::move(source)), buffer_(256 * 1024) {}

  // False at the end.
  bool Fill() {
    if (size > 0) return true;
    next = buffer_.data();
    size = source_->Read(buffer_.data(), buffer_.size());
    return size > 0;
  }

  void Use(size_t count) {
    next += count;
    size -= count;
  }

  uint8_t* next = nullptr;
  size_t size = 0;

 private:
  std::unique_ptr<Source> source_;
  std::vector<uint8_t> buffer_;
};

class Zstd final : public Source {
 public:
  explicit Zstd(std::unique_ptr<Source> source) : input_(std::move(source)), context_(ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
  }
  ~Zstd() override { ZSTD_freeDCtx(context_); }

  size_t Read(uint8_t* to, size_t room) override {
    ZSTD_outBuffer out{to, room, 0};
    while (out.pos == 0) {
      const bool hasMore = input_.Fill();
      // Without input there may still be output that found no room.
      if (!hasMore && isAtEnd_) return 0;
      ZSTD_inBuffer in{input_.next, input_.size, 0};
      const size_t left = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(left)) Corrupt(ZSTD_getErrorName(left));
      input_.Use(in.pos);
      isAtEnd_ = left == 0;
      if (!hasMore && out.pos == 0 && !isAtEnd_) Corrupt("it is cut short");
    }
    return out.pos;
  }

 private:
  Input input_;
  ZSTD_DCtx* context_;
  // Between two frames.
  bool isAtEnd_ = false;
};

class Gzip final : public Source {
 public:
  explicit Gzip(std::unique_ptr<Source> source) : input_(std::move(source)) {
    // 15 bits of window, and 16 for gzip's header alone.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Gzip() override { inflateEnd(&stream_); }

  size_t Read(uint8_t* to, size_t room) override {
    stream_.next_out = to;
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(room, 1u << 30));
    const size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && !isAtEnd_) {
      if (!input_.Fill()) Corrupt("it is cut short");
      stream_.next_in = input_.next;
      stream_.avail_in = static_cast<uInt>(input_.size);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      input_.Use(input_.size - stream_.avail_in);
      if (result == Z_STREAM_END) EndMember();
      else if (result != Z_OK && result != Z_BUF_ERROR) Corrupt(stream_.msg ? stream_.msg : "it is no gzip");
    }
    return wanted - stream_.avail_out;
  }

 private:
  // Members may follow one another (RFC 1952, 2.2); anything else behind one is no part of the payload.
  void EndMember() {
    if (!input_.Fill() || input_.next[0] != 0x1f) isAtEnd_ = true;
    else if (inflateReset(&stream_) != Z_OK) Corrupt("it is no gzip");
  }

  Input input_;
  z_stream stream_{};
  bool isAtEnd_ = false;
};

// xz, and lzma's older format.
class Lzma final : public Source {
 public:
  Lzma(std::unique_ptr<Source> source, bool isXz) : input_(std::move(source)) {
    // The bound that rpm sets itself.
    constexpr uint64_t maxMemory = 100 << 20;
    const lzma_ret result = isXz ? lzma_stream_decoder(&stream_, maxMemory, LZMA_CONCATENATED)
                                 : lzma_alone_decoder(&stream_, maxMemory);
    if (result != LZMA_OK) throw std::bad_alloc();
  }
  ~Lzma() override { lzma_end(&stream_); }

  size_t Read(uint8_t* to, size_t room) override {
    stream_.next_out = to;
    stream_.avail_out = room;
    while (stream_.avail_out == room && !isAtEnd_) {
      const bool hasMore = input_.Fill();
      stream_.next_in = input_.next;
      stream_.avail_in = input_.size;
      const lzma_ret result = lzma_code(&stream_, hasMore ? LZMA_RUN : LZMA_FINISH);
      input_.Use(input_.size - stream_.avail_in);
      if (result == LZMA_STREAM_END) isAtEnd_ = true;
      else if (result == LZMA_BUF_ERROR) Corrupt("it is cut short");
      else if (result == LZMA_MEMLIMIT_ERROR) Corrupt("it needs more memory than rpm allows");
      else if (result != LZMA_OK) Corrupt("liblzma's error " + std::to_string(result));
    }
    return room - stream_.avail_out;
  }

 private:
  Input input_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool isAtEnd_ = false;
};

class Bzip2 final : public Source {
 public:
  explicit Bzip2(std::unique_ptr<Source> source) : input_(std::move(source)) {
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
  }
  ~Bzip2() override { BZ2_bzDecompressEnd(&stream_); }

  size_t Read(uint8_t* to, size_t room) override {
    stream_.next_out = reinterpret_cast<char*>(to);
    stream_.avail_out = static_cast<unsigned>(std::min<size_t>(room, 1u << 30));
    const size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && !isAtEnd_) {
      if (!input_.Fill()) Corrupt("it is cut short");
      stream_.next_in = reinterpret_cast<char*>(input_.next);
      stream_.avail_in = static_cast<unsigned>(input_.size);
      const int result = BZ2_bzDecompress(&stream_);
      input_.Use(input_.size - stream_.avail_in);
      if (result == BZ_STREAM_END) isAtEnd_ = true;
      else if (result != BZ_OK) Corrupt("libbz2's error " + std::to_string(result));
    }
    return wanted - stream_.avail_out;
  }

 private:
  Input input_;
  bz_stream stream_{};
  bool isAtEnd_ = false;
};

// rpm reads a payload without a named compressor as gzip, and its gzip reader passes plain bytes through.
Package::Compressor Sniff(const Package& package) {
  uint8_t magic[2] = {};
  auto source = OpenRange(package.path, package.offset, std::min<uint64_t>(package.size, sizeof magic));
  for (size_t have = 0; have < sizeof magic;) {
    const size_t count = source->Read(magic + have, sizeof magic - have);
    if (count == 0) break;
    have += count;
  }
  return magic[0] == 0x1f && magic[1] == 0x8b ? Package::kGzip : Package::kNone;
}

}  // namespace

std::unique_ptr<Source> OpenRange(const std::string& path, uint64_t offset, uint64_t size) {
  return std::make_unique<Range>(path, offset, size);
}

std::unique_ptr<Source> OpenFile(const std::string& path, Digest* digest) {
  return std::make_unique<Range>(path, digest);
}

std::unique_ptr<Source> Decompress(Package::Compressor compressor, std::unique_ptr<Source> compressed) {
  switch (compressor) {
    case Package::kGzip: return std::make_unique<Gzip>(std::move(compressed));
    case Package::kZstd: return std::make_unique<Zstd>(std::move(compressed));
    case Package::kXz: return std::make_unique<Lzma>(std::move(compressed), true);
    case Package::kLzma: return std::make_unique<Lzma>(std::move(compressed), false);
    case Package::kBzip2: return std::make_unique<Bzip2>(std::move(compressed));
    default: return compressed;
  }
}

std::unique_ptr<Source> OpenPayload(const Package& package) {
  if (package.size == 0) RefusePackage("has no payload");
  const auto compressor = package.compressor == Package::kSniff ? Sniff(package) : package.compressor;
  return Decompress(compressor, OpenRange(package.path, package.offset, package.size));
}

}  // namespace layer

#include "compressor.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "failure.h"
#include "node_libraries.h"

namespace layer {

namespace {

void CheckSame(std::string_view piece, const std::vector<char>& again, size_t length) {
  if (length != piece.size() || memcmp(again.data(), piece.data(), length) != 0) {
    RefuseStream("the compressed form of a layer does not decompress to it");
  }
}

class Zstd final : public Compressor {
 public:
  Zstd(int level, size_t step) : step_(step), compressor_(ZSTD_createCCtx()), reader_(ZSTD_createDCtx()) {
    if (!compressor_ || !reader_) throw std::bad_alloc();
    Check(ZSTD_CCtx_setParameter(compressor_, ZSTD_c_compressionLevel, level));
    Check(ZSTD_CCtx_setParameter(compressor_, ZSTD_c_checksumFlag, 1));
  }
  ~Zstd() override {
    ZSTD_freeCCtx(compressor_);
    ZSTD_freeDCtx(reader_);
  }

  std::string_view Compress(std::string_view piece) override {
    const size_t bound = ZSTD_compressBound(piece.size());
    if (output_.size() < bound) output_.resize(bound);
    Check(ZSTD_CCtx_reset(compressor_, ZSTD_reset_session_only));
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    ZSTD_outBuffer out{output_.data(), output_.size(), 0};
    // All of the input in one call: zstd then knows its size, on which the bytes depend.
    for (size_t left = 1; left != 0;) {
      out.size = step_ == 0 ? output_.size() : std::min(output_.size(), out.pos + step_);
      left = Check(ZSTD_compressStream2(compressor_, &out, &in, ZSTD_e_end));
      if (left != 0 && out.pos == output_.size()) throw std::runtime_error("zstd needs more room than it said");
    }
    if (again_.size() < piece.size()) again_.resize(piece.size());
    const size_t length =
        Check(ZSTD_decompressDCtx(reader_, again_.data(), piece.size(), output_.data(), out.pos));
    CheckSame(piece, again_, length);
    return std::string_view(output_.data(), out.pos);
  }

  Package::Compressor Reader() const override { return Package::kZstd; }

 private:
  static size_t Check(size_t result) {
    if (ZSTD_isError(result)) throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(result));
    return result;
  }

  const size_t step_;
  ZSTD_CCtx* compressor_;
  ZSTD_DCtx* reader_;
  std::vector<char> output_;
  std::vector<char> again_;
};

class Gzip final : public Compressor {
 public:
  explicit Gzip(int level) {
    // 15 bits of window, 16 for gzip's header, and zlib's default for memory.
    constexpr int window = 15 + 16;
    constexpr int memory = 8;
    if (deflateInit2(&compressor_, level, Z_DEFLATED, window, memory, Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&reader_, window) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Gzip() override {
    deflateEnd(&compressor_);
    inflateEnd(&reader_);
  }

  std::string_view Compress(std::string_view piece) override {
    if (deflateReset(&compressor_) != Z_OK) throw std::runtime_error("zlib cannot begin a member");
    const size_t bound = deflateBound(&compressor_, piece.size());
    if (output_.size() < bound) output_.resize(bound);
    SetBuffers(compressor_, piece, output_);
    if (deflate(&compressor_, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("zlib cannot compress");
    const std::string_view packed(output_.data(), output_.size() - compressor_.avail_out);
    if (inflateReset(&reader_) != Z_OK) throw std::runtime_error("zlib cannot begin to read");
    if (again_.size() < piece.size() + 1) again_.resize(piece.size() + 1);
    SetBuffers(reader_, packed, again_);
    if (inflate(&reader_, Z_FINISH) != Z_STREAM_END) RefuseStream("the compressed form of a layer cannot be read");
    CheckSame(piece, again_, again_.size() - reader_.avail_out);
    return packed;
  }

  Package::Compressor Reader() const override { return Package::kGzip; }

 private:
  static void SetBuffers(z_stream& stream, std::string_view in, std::vector<char>& out) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
  }

  z_stream compressor_{};
  z_stream reader_{};
  std::vector<char> output_;
  std::vector<char> again_;
};

}  // namespace

std::unique_ptr<Compressor> ZstdCompressor(int level, size_t step) {
  return std::make_unique<Zstd>(level, step);
}

std::unique_ptr<Compressor> GzipCompressor(int level) { return std::make_unique<Gzip>(level); }

}  // namespace layer

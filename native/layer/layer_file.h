// The file that a layer is written to.
#pragma once
#include <string>
#include <string_view>

#include "../system/openssl.h"
#include "reserve.h"

namespace layer {

class LayerFile {
 public:
  // A new file, of mode 0600.
  explicit LayerFile(const std::string& path);
  ~LayerFile();
  LayerFile(const LayerFile&) = delete;
  LayerFile& operator=(const LayerFile&) = delete;

  // Throws SystemError, and LayerFailure DISK_FULL before the reserve is used.
  void Write(std::string_view bytes);

  uint64_t size() const { return size_; }

  // sha256 of what was to be written, raw. The file's own is compared with it: a piece that was lost or written twice
  // would otherwise show only at clients. The next byte begins another.
  std::string digest() { return digest_.Finish(); }

 private:
  std::string path_;
  int file_;
  Reserve reserve_;
  Digest digest_{"sha256"};
  uint64_t size_ = 0;
};

}  // namespace layer

#include "layer_file.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "../system/system_error.h"
#include "failure.h"

namespace layer {

namespace {

// As in src/lib/host/reserve.ts.
constexpr uint64_t maxReserve = uint64_t{1} << 30;
constexpr uint64_t reservedPercent = 5;
constexpr uint64_t checkInterval = 8 << 20;

}  // namespace

LayerFile::LayerFile(const std::string& path)
    : path_(path), file_(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {
  if (file_ < 0) Fail("open", path);
}

LayerFile::~LayerFile() { close(file_); }

void LayerFile::Write(std::string_view bytes) {
  CheckReserve(bytes.size());
  digest_.Update(bytes.data(), bytes.size());
  while (!bytes.empty()) {
    const ssize_t count = write(file_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      Fail("write", path_);
    }
    bytes.remove_prefix(count);
    size_ += count;
  }
}

void LayerFile::CheckReserve(size_t length) {
  if (length > granted_) {
    struct statfs found;
    if (fstatfs(file_, &found)) Fail("fstatfs", path_);
    const uint64_t block = found.f_bsize;
    const uint64_t reserve = std::min(maxReserve, found.f_blocks * block / 100 * reservedPercent);
    const uint64_t available = found.f_bavail * block;
    if (available < reserve + length) throw LayerFailure{"DISK_FULL", {}, path_};
    granted_ = std::max<uint64_t>(length, std::min(checkInterval, available - reserve));
  }
  granted_ -= length;
}

}  // namespace layer

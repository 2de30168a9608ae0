#include "reserve.h"

#include <sys/vfs.h>

#include <algorithm>

#include "../system/system_error.h"
#include "failure.h"

namespace layer {

namespace {

constexpr uint64_t minReserve = uint64_t{512} << 10;
constexpr uint64_t maxReserve = uint64_t{1} << 30;
constexpr uint64_t reservedPercent = 5;
constexpr uint64_t checkInterval = 8 << 20;

}  // namespace

void Reserve::Spend(size_t length) {
  if (length > granted_) {
    struct statfs found;
    if (fstatfs(file_, &found)) Fail("fstatfs", path_);
    const uint64_t block = found.f_bsize;
    const uint64_t reserve =
        std::clamp(found.f_blocks * block / 100 * reservedPercent, minReserve, maxReserve);
    const uint64_t available = found.f_bavail * block;
    if (available < reserve + length) throw LayerFailure{"DISK_FULL", {}, path_};
    granted_ = std::max<uint64_t>(length, std::min(checkInterval, available - reserve));
  }
  granted_ -= length;
}

}  // namespace layer

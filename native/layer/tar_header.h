// Headers of POSIX.1-2001 (pax): ustar if a value fits, otherwise a pax extended header. They contain nothing of the
// writer, the host or the time. Extended attributes are records SCHILY.xattr.NAME with the raw value.
#pragma once
#include "segments.h"

namespace layer {

constexpr size_t tarBlock = 512;
// A tar stream ends with two blocks of zeros.
constexpr size_t tarEnd = 2 * tarBlock;

// The blocks before an entry's content.
std::string TarHeader(const TarEntry& entry);

inline size_t TarPadding(uint64_t size) { return (tarBlock - size % tarBlock) % tarBlock; }

}  // namespace layer

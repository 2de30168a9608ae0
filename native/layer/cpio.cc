#include "cpio.h"

#include <algorithm>
#include <cstring>

#include "failure.h"

namespace layer {

namespace {

// PATH_MAX, the prefix and the terminator.
constexpr uint32_t maxNameSize = 4096 + 3;
// rpm pads archives to 512 bytes, cpio to 5120; longer padding is suspicious.
constexpr uint64_t maxPadding = 64 * 1024;
constexpr size_t namedFields = 104;

}  // namespace

CpioReader::CpioReader(Source& source, std::function<uint64_t(uint32_t)> sizeOf)
    : source_(source), sizeOf_(std::move(sizeOf)), waste_(64 * 1024) {}

bool CpioReader::Next(CpioEntry& entry) {
  Skip(left_);
  left_ = 0;
  Align();
  entry = CpioEntry();
  uint8_t magic[6];
  Take(magic, sizeof magic);
  if (memcmp(magic, "07070X", 6) == 0) {
    uint8_t field[8];
    Take(field, sizeof field);
    entry.index = HexField(field);
    Align();
    entry.size = sizeOf_(*entry.index);
  } else if (memcmp(magic, "070701", 6) == 0 || memcmp(magic, "070702", 6) == 0) {
    ReadNamed(entry);
  } else {
    RefusePackage("has a payload that is not a cpio archive");
  }
  if (entry.name == "TRAILER!!!") {
    Drain();
    return false;
  }
  left_ = entry.size;
  return true;
}

void CpioReader::ReadNamed(CpioEntry& entry) {
  uint8_t fields[namedFields];
  Take(fields, sizeof fields);
  entry.mode = HexField(fields + 1 * 8);
  entry.size = HexField(fields + 6 * 8);
  const uint32_t nameSize = HexField(fields + 11 * 8);
  if (nameSize < 2 || nameSize > maxNameSize) {
    RefusePackage("has a payload entry with a name of " + std::to_string(nameSize) + " bytes");
  }
  std::string name(nameSize, '\0');
  Take(reinterpret_cast<uint8_t*>(name.data()), nameSize);
  if (name.find('\0') != nameSize - 1) RefusePackage("has a payload entry with a malformed name");
  name.pop_back();
  entry.name = std::move(name);
  Align();
}

uint32_t CpioReader::HexField(const uint8_t* at) const {
  uint32_t value = 0;
  for (int digit = 0; digit < 8; digit++) {
    const uint8_t c = at[digit];
    const int nibble = c >= '0' && c <= '9'   ? c - '0'
                       : c >= 'a' && c <= 'f' ? c - 'a' + 10
                       : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                              : -1;
    if (nibble < 0) RefusePackage("has a payload entry with a malformed number");
    value = value << 4 | static_cast<uint32_t>(nibble);
  }
  return value;
}

size_t CpioReader::Read(uint8_t* to, size_t room) {
  const size_t wanted = std::min<uint64_t>(room, left_);
  if (wanted == 0) return 0;
  const size_t count = source_.Read(to, wanted);
  if (count == 0) RefusePackage("has a truncated payload");
  position_ += count;
  left_ -= count;
  return count;
}

void CpioReader::Take(uint8_t* to, size_t length) {
  while (length > 0) {
    const size_t count = source_.Read(to, length);
    if (count == 0) RefusePackage("has a truncated payload");
    position_ += count;
    to += count;
    length -= count;
  }
}

void CpioReader::Skip(uint64_t length) {
  while (length > 0) {
    const size_t count = std::min<uint64_t>(length, waste_.size());
    Take(waste_.data(), count);
    length -= count;
  }
}

// Headers and contents are padded to 4 bytes.
void CpioReader::Align() { Skip((4 - position_ % 4) % 4); }

void CpioReader::Drain() {
  uint64_t padding = 0;
  while (const size_t count = source_.Read(waste_.data(), waste_.size())) {
    padding += count;
    if (padding > maxPadding) RefusePackage("has data after the end of its payload");
  }
}

}  // namespace layer

// cpio archives as rpm writes them: newc (070701, 070702) and rpm's stripped form (07070X) for large files.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "decompress.h"

namespace layer {

struct CpioEntry {
  // With the archive's own prefix (`./`); empty for stripped entries.
  std::string name;
  // Of a stripped entry, which has no attributes of its own: the index in the header's file list.
  std::optional<uint32_t> index;
  uint32_t mode = 0;
  uint64_t size = 0;
};

class CpioReader {
 public:
  // `sizeOf`: bytes of the stripped entry with this index, which only the header records.
  CpioReader(Source& source, std::function<uint64_t(uint32_t)> sizeOf);

  // Skips what is left of the last entry. False behind the last one, when the rest of the stream was read too, so that
  // the checks at its end are made. Throws LayerFailure PACKAGE_INVALID.
  bool Next(CpioEntry& entry);

  // Up to `room` bytes of the entry's content; 0 at its end.
  size_t Read(uint8_t* to, size_t room);

 private:
  void Take(uint8_t* to, size_t length);
  void Skip(uint64_t length);
  void Align();
  void ReadNamed(CpioEntry& entry);
  void Drain();
  uint32_t HexField(const uint8_t* at) const;

  Source& source_;
  std::function<uint64_t(uint32_t)> sizeOf_;
  // Entries are aligned to the archive's beginning.
  uint64_t position_ = 0;
  uint64_t left_ = 0;
  std::vector<uint8_t> waste_;
};

}  // namespace layer

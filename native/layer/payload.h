// Reads the files of a payload and matches each to its entry in the header.
#pragma once
#include <functional>
#include <string_view>
#include <unordered_map>

#include "cpio.h"

namespace layer {

// The content of a regular file, or of a set of hard links.
class Content {
 public:
  // `file`: its index in the header's list; of a set, the one whose entry has the content.
  Content(CpioReader& archive, uint32_t file, uint64_t size) : archive_(archive), file(file), size(size) {}
  size_t Read(uint8_t* to, size_t room) { return archive_.Read(to, room); }

 private:
  CpioReader& archive_;

 public:
  const uint32_t file;
  const uint64_t size;
};

// Regular files with their content, each once, in the payload's order. Directories, links and devices are only in the
// header, but are checked too. Throws LayerFailure PACKAGE_INVALID naming the file; the package is valid only once this
// has returned, because missing files show at the end. Contents are not compared with their digests here.
void ReadPayload(const Package& package, const std::function<void(Content&)>& onContent);

// A path as a message shows it.
std::string Shown(const std::string& path);

}  // namespace layer

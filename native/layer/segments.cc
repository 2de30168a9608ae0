#include "segments.h"

#include <stdexcept>

namespace layer {

namespace {

class Reader {
 public:
  Reader(const uint8_t* bytes, size_t length) : at_(bytes), end_(bytes + length) {}

  bool IsAtEnd() const { return at_ == end_; }

  uint64_t Number(int size) {
    Need(size);
    uint64_t value = 0;
    for (int byte = 0; byte < size; byte++) value |= uint64_t{at_[byte]} << (8 * byte);
    at_ += size;
    return value;
  }

  std::string Text() {
    const size_t length = Number(4);
    Need(length);
    std::string text(reinterpret_cast<const char*>(at_), length);
    at_ += length;
    return text;
  }

  // A count of things that take at least so many bytes each, so that a wrong one takes no memory.
  size_t Count(size_t minSize) {
    const size_t count = Number(4);
    Need(count * minSize);
    return count;
  }

 private:
  void Need(size_t length) const {
    if (static_cast<size_t>(end_ - at_) < length) throw std::runtime_error("the segments of a layer is cut short");
  }

  const uint8_t* at_;
  const uint8_t* end_;
};

TarEntry ReadTarEntry(Reader& from) {
  TarEntry entry;
  entry.type = static_cast<char>(from.Number(1));
  entry.mode = from.Number(4);
  entry.uid = from.Number(4);
  entry.gid = from.Number(4);
  entry.size = from.Number(8);
  entry.mtime = static_cast<int64_t>(from.Number(8));
  entry.deviceMajor = from.Number(4);
  entry.deviceMinor = from.Number(4);
  entry.path = from.Text();
  entry.target = from.Text();
  // Linkname of a hard link and of a symbolic link (POSIX.1-2001, pax interchange format); nothing else has one.
  const bool isLink = entry.type == '1' || entry.type == '2';
  if (!isLink && !entry.target.empty())
    throw std::runtime_error("the segments of a layer gives a target to what is no link");
  for (size_t count = from.Count(8); count > 0; count--) {
    std::string name = from.Text();
    entry.xattrs.emplace_back(std::move(name), from.Text());
  }
  return entry;
}

Members ReadMembers(Reader& from) {
  Members members;
  members.root = from.Text();
  for (size_t count = from.Count(48); count > 0; count--) {
    auto& member = members.all.emplace_back();
    member.entry = ReadTarEntry(from);
    member.file = from.Text();
  }
  return members;
}

Package::File ReadFile(Reader& from) {
  Package::File file;
  file.mode = from.Number(4);
  file.size = from.Number(8);
  file.isGhost = from.Number(1) != 0;
  file.linkSet = from.Number(4);
  file.algorithm = from.Number(1);
  file.path = from.Text();
  file.digest = from.Text();
  file.target = from.Text();
  return file;
}

Package ReadPackage(Reader& from) {
  Package one;
  one.path = from.Text();
  const uint64_t compressor = from.Number(1);
  if (compressor > Package::kSniff) throw std::runtime_error("the segments of a layer names an unknown compressor");
  one.compressor = static_cast<Package::Compressor>(compressor);
  one.offset = from.Number(8);
  one.size = from.Number(8);
  for (size_t count = from.Count(30); count > 0; count--) one.files.push_back(ReadFile(from));
  for (size_t count = from.Count(48); count > 0; count--) {
    const uint32_t file = from.Number(4);
    if (file >= one.files.size()) throw std::runtime_error("the segments of a layer places a file that no package has");
    one.placed.push_back({file, ReadTarEntry(from)});
  }
  return one;
}

Stored ReadStored(Reader& from) {
  Stored stored;
  stored.path = from.Text();
  stored.offset = from.Number(8);
  stored.size = from.Number(8);
  return stored;
}

}  // namespace

std::vector<Segment> ReadSegments(const uint8_t* bytes, size_t length) {
  Reader from(bytes, length);
  std::vector<Segment> segments;
  while (!from.IsAtEnd()) {
    switch (from.Number(1)) {
      case 1: segments.emplace_back(ReadMembers(from)); break;
      case 2: segments.emplace_back(ReadPackage(from)); break;
      case 3: segments.emplace_back(ReadStored(from)); break;
      default: throw std::runtime_error("the segments of a layer has an unknown segment");
    }
  }
  return segments;
}

}  // namespace layer

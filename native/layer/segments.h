// What a layer is made of, as src/stages/layer/write/segment-bytes.ts writes it down: little-endian numbers, and byte
// strings behind their length.
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace layer {

// As in a header of a tar archive (POSIX.1-2001).
struct TarEntry {
  // '0' file, '1' hard link, '2' symbolic link, '3' and '4' devices, '5' directory, '6' FIFO.
  char type;
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  uint64_t size;
  int64_t mtime;
  uint32_t deviceMajor;
  uint32_t deviceMinor;
  std::string path;
  std::string target;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// Entries without content, and files of a tree.
struct Members {
  struct Member {
    TarEntry entry;
    // Below the tree's root, for a file that is not empty.
    std::string file;
  };
  // Empty where no member has content.
  std::string root;
  std::vector<Member> all;
};

// A package and those of its files that the layer holds.
struct Package {
  enum Compressor : uint8_t { kNone, kGzip, kZstd, kXz, kLzma, kBzip2, kSniff };

  struct File {
    std::string path;
    uint32_t mode;
    uint64_t size;
    bool isGhost;
    // A number for each set of hard links; 0 for a file with one name.
    uint32_t linkSet;
    uint8_t algorithm;
    // As the header has it: hexadecimal, or what else its package's maker wrote.
    std::string digest;
    std::string target;
  };

  struct Placed {
    uint32_t file;
    TarEntry entry;
  };

  std::string path;
  Compressor compressor;
  uint64_t offset;
  uint64_t size;
  // In the header's order.
  std::vector<File> files;
  // In the header's order.
  std::vector<Placed> placed;
};

// Compressed bytes that an earlier layer holds.
struct Stored {
  std::string path;
  uint64_t offset;
  uint64_t size;
};

using Segment = std::variant<Members, Package, Stored>;

// Throws std::runtime_error for bytes that are none.
std::vector<Segment> ReadSegments(const uint8_t* bytes, size_t length);

}  // namespace layer

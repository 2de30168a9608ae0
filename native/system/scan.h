// Reads the attributes of a tree.
#pragma once
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

struct Entry {
  std::string path;
  struct statx status;
  // The same for all names of a file, and for no other entry of the scan.
  uint64_t inode = 0;
  std::string target;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// One file under the given path; a symbolic link itself, not its target. Throws SystemError.
Entry ReadEntry(const std::string& path);

// Everything below root, parents first, siblings in byte order. Throws SystemError.
std::vector<Entry> ScanTree(const std::string& root);

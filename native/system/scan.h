// Reading a tree's attributes.
#pragma once
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

struct Entry {
  std::string path;
  struct statx status;
  std::string target;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// One file, its path left as given; a symbolic link itself, not its target. Throws SystemError.
Entry ReadEntry(const std::string& path);

// Everything below root, parents first, siblings in byte order. Throws SystemError.
std::vector<Entry> ScanTree(const std::string& root);

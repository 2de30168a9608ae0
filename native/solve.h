// The solver as plain data: what the binding copies in from JavaScript and out to it. Nothing here knows N-API.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace solve {

struct RepoInput {
  std::string name;
  int priority = 99;  // as dnf has it: the lower number wins
  bool packages = false;  // a directory of .rpm files; otherwise repomd metadata
  std::string primary;
  uint64_t primaryLimit = 0;  // bytes after decompression
  std::string filelists;  // empty while they are not needed
  uint64_t filelistsLimit = 0;
  std::vector<std::string> files;
  std::vector<std::string> exclude;
};

// A member of a comps group: left out where no repository has it, and where 'onlyWith' is not installed.
struct GroupMember {
  std::string name;
  std::string onlyWith;  // empty: always
};

struct Input {
  std::string arch;
  std::vector<RepoInput> repos;
  bool filelistsGiven = false;  // all that can be had: do not ask for more
  std::vector<std::string> installed;
  std::vector<std::string> install;
  std::vector<GroupMember> members;
  std::vector<std::string> exclude;
  bool weakDeps = false;
  bool best = true;
};

struct Package {
  std::string repo, name, version, release, arch;
  uint32_t epoch = 0;
  std::string location, base;  // base is the metadata's xml:base, mostly empty
  uint64_t size = 0;
  std::string checksumType, checksum;
  std::string sourceRpm;
  uint64_t buildTime = 0;
};

struct Output {
  bool solved = false;
  bool needsFilelists = false;
  std::vector<Package> packages;
  std::vector<Package> removed;
  std::vector<std::string> skipped;  // group members that no repository has
  // One entry for each problem, each a list of lines that together explain it.
  std::vector<std::vector<std::string>> problems;
  // Set where a file is not what it should be; then nothing else is.
  std::string badFile, reason;
};

// A file that is not what it should be; the message does not repeat its name.
struct BadFile : std::runtime_error {
  std::string file;
  BadFile(std::string path, const std::string& why) : std::runtime_error(why), file(std::move(path)) {}
};

Output run(const Input& input);

}  // namespace solve

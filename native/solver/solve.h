// The solver's input and output as plain data, which the binding copies from and to JavaScript. Nothing here uses
// N-API.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace solve {

struct RepoInput {
  std::string name;
  int priority = 99;  // as dnf has it: the lower number wins
  int cost = 1000;  // as dnf has it: between repositories of one priority, the lower number wins for one EVR
  bool packages = false;  // a directory of .rpm files; otherwise repomd metadata
  std::string primary;
  uint64_t primaryLimit = 0;  // bytes after decompression
  std::string filelists;  // empty while they are not needed
  uint64_t filelistsLimit = 0;
  // Cached forms of 'primary' and 'filelists' in libsolv's own format, which are read instead. The caller must have
  // verified them, because libsolv trusts that format.
  std::string primarySolv, filelistsSolv;
  // Where to write such files; empty: not at all.
  std::string cachePrimary, cacheFilelists;
  std::vector<std::string> files;
  std::vector<std::string> exclude;
  std::vector<std::string> include;  // what may be chosen of it; empty: all
  bool moduleHotfixes = false;  // its packages are chosen whatever modules say of them
};

// A member of a comps group: skipped if no repository has it, or if 'onlyWith' is not installed.
struct GroupMember {
  std::string name;
  std::string onlyWith;  // empty: always
};

// Of packages with this name only those whose [EPOCH:]VERSION[-RELEASE] matches, as text or as a glob, may be chosen.
struct Pin {
  std::string name, evr;
};

// Modular packages, as NAME-EPOCH:VERSION-RELEASE.ARCH.
struct Modules {
  std::vector<std::string> shown, hidden;
  std::vector<std::string> names;  // nothing else has or provides these but what is shown
};

struct Input {
  std::string arch;
  std::vector<RepoInput> repos;
  bool filelistsGiven = false;  // all that can be had: do not ask for more
  std::vector<std::string> installed;
  // Also installed, but by the last lock of the same request: may be removed, and otherwise keeps its version if
  // possible.
  std::vector<std::string> kept;
  std::vector<std::string> update;  // names of kept packages: to the best there is
  std::vector<std::string> install;
  std::vector<GroupMember> members;
  std::vector<std::string> exclude;
  std::vector<Pin> pins;
  Modules modules;
  bool weakDeps = false;
  bool best = true;
  bool explain = false;  // give a reason for each package
  std::string whyNot;  // a word as in 'install': say why the answer has nothing that matches it
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

// Why a package is in the solution.
struct Reason {
  const char* kind = "";  // asked, requires, recommends, supplements, replaces, other
  std::string by;  // the NEVRA that requires, recommends, is supplemented or replaced
  std::string dependency;  // as the package that has it writes it; of 'asked' the word, of 'other' libsolv's own
};

// Why no package that matches a word is in the solution.
struct WhyNot {
  // present, unknown, excluded, version, replaced, refused, weak, unneeded; empty if it was not requested
  const char* kind = "";
  std::string detail;  // of 'unknown' the sentence, of 'version' why: priority, cost, newer, needed
  std::vector<std::string> by;  // NEVRAs in the answer: what is present, the other version, who replaces or mentions it
  std::string dependency;  // of 'weak'
  std::vector<Package> candidates;
  std::vector<std::vector<std::string>> problems;  // of 'refused'
};

struct Output {
  bool solved = false;
  bool needsFilelists = false;
  std::vector<Package> packages;
  std::vector<Reason> reasons;  // of the packages, in their order; empty unless asked for
  WhyNot whyNot;
  std::vector<Package> removed;
  std::vector<std::string> cached;  // of the files that were to be left, those that are whole
  std::vector<std::string> skipped;  // group members that no repository has
  // One entry for each problem, each the lines that explain it together.
  std::vector<std::vector<std::string>> problems;
  std::vector<std::string> missing;  // of a session: digests that no repository has; then nothing was solved
  // Set if a file is invalid; then no other field is set.
  std::string badFile, reason;
};

// A file is invalid; the message does not repeat its name.
struct BadFile : std::runtime_error {
  std::string file;
  BadFile(std::string path, const std::string& why) : std::runtime_error(why), file(std::move(path)) {}
};

Output run(const Input& input);
// The same with a pool that later calls use again: see solve_session.cc. One call at a time.
Output runInSession(const Input& input);

}  // namespace solve

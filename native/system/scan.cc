#include "scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

#include "descriptor.h"
#include "task.h"

namespace {

// Attributes in which overlayfs keeps its own data; they are not part of the image.
bool IsOverlayNote(const std::string& name) {
  return name.rfind("trusted.overlay.", 0) == 0 || name.rfind("user.overlay.", 0) == 0;
}

// Lists and values may grow between the query of their size and the read: after ERANGE it starts again.
template <typename Call>
std::string ReadSized(const char* syscall, const std::string& path, Call call) {
  std::string buffer(256, '\0');
  for (;;) {
    ssize_t length = call(buffer.data(), buffer.size());
    if (length >= 0) {
      buffer.resize(length);
      return buffer;
    }
    if (errno != ERANGE) Fail(syscall, path);
    ssize_t needed = call(nullptr, 0);
    if (needed < 0) Fail(syscall, path);
    buffer.resize(needed + 1);
  }
}

// `path` may end in a symbolic link: the l-calls read the link's own xattrs.
void ReadXattrs(const std::string& path, Entry& entry) {
  char small[256];
  ssize_t length = llistxattr(path.c_str(), small, sizeof small);
  if (length == 0 || (length < 0 && errno == ENOTSUP)) return;
  std::string names = length > 0 ? std::string(small, length)
                                 : ReadSized("llistxattr", entry.path, [&](char* data, size_t size) {
                                     return llistxattr(path.c_str(), data, size);
                                   });
  for (size_t at = 0; at < names.size();) {
    std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (IsOverlayNote(name)) continue;
    entry.xattrs.emplace_back(name, ReadSized("lgetxattr", entry.path, [&](char* data, size_t size) {
                                return lgetxattr(path.c_str(), name.c_str(), data, size);
                              }));
  }
  std::sort(entry.xattrs.begin(), entry.xattrs.end());
}

void ReadStatus(int directory, const char* name, int flags, Entry& entry) {
  if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | flags, STATX_BASIC_STATS | STATX_BTIME, &entry.status)) {
    Fail("statx", entry.path);
  }
}

void ReadTarget(int directory, const char* name, Entry& entry) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(directory, name, target, sizeof target);
  if (length < 0) Fail("readlinkat", entry.path);
  entry.target.assign(target, length);
}

std::vector<std::string> ReadNames(int directory, const std::string& path) {
  // fdopendir takes ownership of the descriptor, so it gets a copy.
  int own = fcntl(directory, F_DUPFD_CLOEXEC, 0);
  if (own < 0) Fail("fcntl", path);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(own), closedir);
  if (!stream) {
    close(own);
    Fail("fdopendir", path);
  }
  std::vector<std::string> names;
  for (errno = 0; dirent* item = readdir(stream.get()); errno = 0) {
    std::string name = item->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) Fail("readdir", path);
  std::sort(names.begin(), names.end());
  return names;
}

// About ten times the entries of the largest image; each needs about a kilobyte here and in JavaScript.
constexpr size_t maxEntries = 2'000'000;

// A scriptlet can make a tree deeper than the longest possible path, or with more files than fit into memory.
void CheckSize(size_t rootLength, const Entry& entry, size_t count) {
  if (rootLength + 1 + entry.path.size() >= PATH_MAX) {
    throw SystemError{ENAMETOOLONG, "scan", entry.path.substr(0, 200) + "..."};
  }
  if (count > maxEntries) throw SystemError{EOVERFLOW, "scan", entry.path};
}

void Descend(int directory, const std::string& prefix, size_t rootLength, std::vector<Entry>& entries) {
  const std::string own = "/proc/self/fd/" + std::to_string(directory) + "/";
  for (const std::string& name : ReadNames(directory, prefix)) {
    Entry& entry = entries.emplace_back();
    entry.path = prefix + name;
    CheckSize(rootLength, entry, entries.size());
    ReadStatus(directory, name.c_str(), 0, entry);
    ReadXattrs(own + name, entry);
    if (S_ISLNK(entry.status.stx_mode)) ReadTarget(directory, name.c_str(), entry);
    if (!S_ISDIR(entry.status.stx_mode)) continue;
    const std::string path = entry.path;
    Descriptor child(openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (child.fd < 0) Fail("openat", path);
    Descend(child.fd, path + "/", rootLength, entries);
  }
}

// An overlay shows numbers of several file systems: two disks number their files alike, and a file that was copied up
// keeps its number beside new ones. Files are told apart by device and number; directories have the overlay's device,
// and one name each.
void NumberInodes(std::vector<Entry>& entries) {
  std::map<std::tuple<uint32_t, uint32_t, uint64_t>, uint64_t> named;
  uint64_t last = 0;
  for (auto& entry : entries) {
    const auto& status = entry.status;
    if (status.stx_nlink > 1 && !S_ISDIR(status.stx_mode)) {
      auto& inode = named[{status.stx_dev_major, status.stx_dev_minor, status.stx_ino}];
      if (inode == 0) inode = ++last;
      entry.inode = inode;
    } else {
      entry.inode = ++last;
    }
  }
}

// A detached copy of the mount that root is on. Mounts below root are not part of it, so the directory under a mounted
// /proc or /dev is visible (open_tree(2), Linux 5.2).
int CloneMount(const std::string& root) {
  return static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, root.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
}

}  // namespace

Entry ReadEntry(const std::string& path) {
  Entry entry;
  entry.path = path;
  ReadStatus(AT_FDCWD, path.c_str(), 0, entry);
  ReadXattrs(path, entry);
  if (S_ISLNK(entry.status.stx_mode)) ReadTarget(AT_FDCWD, path.c_str(), entry);
  return entry;
}

std::vector<Entry> ScanTree(const std::string& root) {
  Descriptor tree(CloneMount(root));
  if (tree.fd < 0) Fail("open_tree", root);
  // open_tree gives an O_PATH descriptor, which cannot list.
  Descriptor directory(openat(tree.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd < 0) Fail("openat", root);
  std::vector<Entry> entries;
  Entry& top = entries.emplace_back();
  ReadStatus(directory.fd, "", AT_EMPTY_PATH, top);
  ReadXattrs("/proc/self/fd/" + std::to_string(directory.fd) + "/.", top);
  Descend(directory.fd, "", root.size(), entries);
  NumberInodes(entries);
  return entries;
}

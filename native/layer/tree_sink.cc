#include "tree_sink.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "../system/system_error.h"
#include "layer_sink.h"
#include "maker.h"
#include "reserve.h"

namespace layer {

namespace {

class File {
 public:
  explicit File(int number = -1) : number_(number) {}
  ~File() {
    if (number_ >= 0) close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void Take(int number) {
    if (number_ >= 0) close(number_);
    number_ = number;
  }
  int get() const { return number_; }

 private:
  int number_;
};

// The last component of a path, and the directory above it, which is opened below the root without following a link.
class Place {
 public:
  Place(int root, const std::string& path) : path_(path) {
    const size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") RefusePackage("has an invalid path: " + Shown(path));
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    directory_.Take(static_cast<int>(syscall(SYS_openat2, root, parent.c_str(), &how, sizeof how)));
    if (directory_.get() < 0) Fail("openat2", path);
  }

  int directory() const { return directory_.get(); }

  // Packages may have a file in common.
  void Clear() const {
    if (unlinkat(directory(), name.c_str(), 0) && errno != ENOENT) Fail("unlinkat", path_);
  }

  std::string name;

 private:
  const std::string path_;
  File directory_;
};

class TreeSink final : public LayerSink {
 public:
  explicit TreeSink(const std::string& root)
      : root_(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), rootPath_(root), buffer_(1 << 20) {
    if (root_.get() < 0) Fail("open", root);
  }

  void Begin(const TarEntry& entry) override {
    const Place place(root_.get(), entry.path);
    if (entry.type == '5') {
      if (mkdirat(place.directory(), place.name.c_str(), 0755) && errno != EEXIST) Fail("mkdirat", entry.path);
      return;
    }
    if (entry.type > '2') return;
    place.Clear();
    if (entry.type == '1') return Link(entry, place);
    if (entry.type == '2') {
      if (symlinkat(entry.target.c_str(), place.directory(), place.name.c_str())) Fail("symlinkat", entry.path);
      return;
    }
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    // Owners and setuid bits have no effect here.
    file_.Take(openat(place.directory(), place.name.c_str(), flags, (entry.mode & 0755) | 0400));
    if (file_.get() < 0) Fail("openat", entry.path);
    reserve_.emplace(file_.get(), rootPath_);
  }

  uint8_t* Room(size_t& room) override {
    room = buffer_.size();
    return buffer_.data();
  }

  void Filled(size_t count) override {
    reserve_->Spend(count);
    for (size_t at = 0; at < count;) {
      const ssize_t written = write(file_.get(), buffer_.data() + at, count - at);
      if (written < 0) Fail("write", rootPath_);
      at += written;
    }
  }

  void End(const TarEntry&) override { file_.Take(-1); }
  void EndSegment() override {}
  void Copy(const Stored&) override { throw std::runtime_error("a stored segment is not unpacked"); }
  void Finish() override {}

 private:
  void Link(const TarEntry& entry, const Place& place) {
    const Place target(root_.get(), entry.target);
    if (linkat(target.directory(), target.name.c_str(), place.directory(), place.name.c_str(), 0)) {
      Fail("linkat", entry.path);
    }
  }

  File root_;
  const std::string rootPath_;
  std::vector<uint8_t> buffer_;
  File file_;
  std::optional<Reserve> reserve_;
};

}  // namespace

std::optional<LayerFailure> Unpack(const std::string& bytes, const std::string& root) {
  const auto segments = ReadSegments(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  TreeSink sink(root);
  Maker maker(sink, nullptr);
  for (const Segment& segment : segments) {
    try {
      maker.Make(segment);
    } catch (const LayerFailure& failure) {
      return failure;
    }
  }
  return {};
}

}  // namespace layer

#include "maker.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../system/descriptor.h"
#include "../system/system_error.h"
#include "failure.h"

namespace layer {

namespace {

constexpr int sha256 = 8;

[[noreturn]] void RefuseContent(const Package::File& file) {
  RefusePackage("has a payload in which " + Shown(file.path) + " does not match its digest");
}

// The digests that the header gives the files of a package, by their paths in the layer.
class Expected {
 public:
  explicit Expected(TarLister* lister) : lister_(lister) {
    if (lister_) lister_->Watch(OnFile, this);
  }
  ~Expected() {
    if (lister_) lister_->Watch(nullptr, nullptr);
  }
  Expected(const Expected&) = delete;
  Expected& operator=(const Expected&) = delete;

  void Add(const std::string& path, const Package::File& file) { files_.emplace(path, &file); }

 private:
  static void OnFile(void* self, const std::string& path, const std::string& digest) {
    const auto& files = static_cast<Expected*>(self)->files_;
    const auto found = files.find(path);
    if (found != files.end() && found->second->digest != Hex(digest)) RefuseContent(*found->second);
  }

  TarLister* const lister_;
  std::unordered_map<std::string, const Package::File*> files_;
};

}  // namespace

void Maker::Make(const Segment& segment) {
  std::visit([&](const auto& one) { Give(one); }, segment);
  sink_.EndSegment();
}

void Maker::Give(const Members& members) {
  const Descriptor root(members.root.empty() ? -1 : open(members.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!members.root.empty() && root.fd < 0) Fail("open", members.root);
  for (const auto& [entry, file] : members.all) {
    sink_.Begin(entry);
    if (entry.type == '0' && entry.size > 0) GiveFile(root.fd, file, entry);
    sink_.End(entry);
  }
}

void Maker::Give(const Package& package) {
  try {
    Expected expected(lister_);
    const Named named = GiveRest(package);
    ReadPayload(package, [&](Content& content) {
      const auto& file = package.files[content.file];
      // All names of a set are found by its number, others by their index.
      const auto found = named.find(file.linkSet != 0 ? ~file.linkSet : content.file);
      if (found == named.end()) return;
      const auto& [first, others] = found->second;
      if (lister_ && file.algorithm == sha256) expected.Add(first->path, file);
      sink_.Begin(*first);
      GiveContent(content, file);
      sink_.End(*first);
      for (const TarEntry* other : others) {
        sink_.Begin(*other);
        sink_.End(*other);
      }
    });
    // Flushed here, so that the listing has all of the package's files while they are expected.
    sink_.EndSegment();
  } catch (LayerFailure& failure) {
    if (failure.subject.empty()) failure.subject = package.path;
    throw;
  }
}

void Maker::Give(const Stored& stored) {
  try {
    sink_.Copy(stored);
  } catch (LayerFailure& failure) {
    if (std::string_view(failure.code) != "DISK_FULL") throw LayerFailure{"BLOB_CORRUPT", failure.text, stored.path};
    throw;
  }
}

// Gives what has no content, and returns the files that have.
Maker::Named Maker::GiveRest(const Package& package) {
  Named named;
  for (const auto& [index, entry] : package.placed) {
    const auto& file = package.files[index];
    if (!S_ISREG(file.mode)) {
      sink_.Begin(entry);
      sink_.End(entry);
      continue;
    }
    Names& names = named[file.linkSet != 0 ? ~file.linkSet : index];
    if (!names.first) names.first = &entry;
    else names.others.push_back(&entry);
  }
  return named;
}

void Maker::GiveContent(Content& content, const Package::File& file) {
  Digest* const digest = DigestOf(file);
  for (;;) {
    size_t room = 0;
    uint8_t* to = sink_.Room(room);
    const size_t count = content.Read(to, room);
    if (count == 0) break;
    if (digest) digest->Update(to, count);
    sink_.Filled(count);
  }
  if (digest && Hex(digest->Finish()) != file.digest) RefuseContent(file);
}

// A file whose size has changed since the scan would shift every byte after it.
void Maker::GiveFile(int root, const std::string& path, const TarEntry& entry) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const Descriptor file(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  if (file.fd < 0) Fail("openat2", path);
  uint64_t left = entry.size;
  for (;;) {
    size_t room = 0;
    uint8_t* to = sink_.Room(room);
    const ssize_t count = read(file.fd, to, std::min<uint64_t>(room, left > 0 ? left : 1));
    if (count < 0) Fail("read", path);
    if ((count == 0) != (left == 0)) throw LayerFailure{"FILE_CHANGED", {}, path};
    if (count == 0) return;
    left -= count;
    sink_.Filled(count);
  }
}

// Null where nothing is to be compared here.
Digest* Maker::DigestOf(const Package::File& file) {
  static const std::map<int, const char*> names = {{1, "md5"},     {2, "sha1"},    {8, "sha256"},
                                                   {9, "sha384"}, {10, "sha512"}, {11, "sha224"}};
  if (file.digest.empty() || (lister_ && file.algorithm == sha256)) return nullptr;
  const auto name = names.find(file.algorithm);
  if (name == names.end()) RefusePackage("uses an unknown file digest algorithm");
  auto& digest = digests_[file.algorithm];
  if (!digest) digest = std::make_unique<Digest>(name->second);
  digest->Begin();
  return digest.get();
}

}  // namespace layer

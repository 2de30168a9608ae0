#include "make_layer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <unordered_map>

#include "../system/system_error.h"
#include "layer_sink.h"
#include "payload.h"

namespace layer {

namespace {

constexpr int kSha256 = 8;

// The digests that the header gives the files of a package, by their paths in the layer. The stream's own listing gives
// what was written, so that each content is hashed once.
class Expected {
 public:
  Expected(TarLister& lister) : lister_(lister) { lister_.Watch(OnFile, this); }
  ~Expected() { lister_.Watch(nullptr, nullptr); }

  void Add(const std::string& path, const Package::File& file) { files_.emplace(path, &file); }

 private:
  static void OnFile(void* self, const std::string& path, const std::string& sha256) {
    const auto& files = static_cast<Expected*>(self)->files_;
    const auto found = files.find(path);
    if (found == files.end() || found->second->digest == sha256) return;
    RefusePackage("has a payload in which " + Shown(found->second->path) + " does not match its digest");
  }

  TarLister& lister_;
  std::unordered_map<std::string, const Package::File*> files_;
};

// The entries of a file that has content: the first, and hard links to it.
struct Names {
  const TarEntry* first = nullptr;
  std::vector<const TarEntry*> others;
};

class Maker {
 public:
  Maker(LayerSink& sink, LayerContent& content) : sink_(sink), content_(content) {}

  void Make(const Members& members) {
    std::unique_ptr<int, void (*)(int*)> root(nullptr, [](int* file) {
      close(*file);
      delete file;
    });
    if (!members.root.empty()) {
      root.reset(new int(open(members.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
      if (*root < 0) Fail("open", members.root);
    }
    for (const auto& [entry, file] : members.all) {
      sink_.Begin(entry);
      if (entry.type == '0' && entry.size > 0) CopyFile(*root, file, entry);
      sink_.End(entry);
    }
  }

  void Make(const Package& package) {
    Expected expected(content_.lister);
    std::unordered_map<uint32_t, Names> named = WriteRest(package);
    ReadPayload(package, [&](Content& content) {
      const auto& file = package.files[content.file];
      // All names of a set are found by its number, others by their index.
      const auto found = named.find(file.linkSet != 0 ? ~file.linkSet : content.file);
      if (found == named.end()) return;
      const auto& [first, others] = found->second;
      if (file.algorithm == kSha256 && !file.digest.empty()) expected.Add(first->path, file);
      sink_.Begin(*first);
      CopyContent(content, file);
      sink_.End(*first);
      for (const TarEntry* other : others) {
        sink_.Begin(*other);
        sink_.End(*other);
      }
    });
    // Flushed here, so that the listing has all of the package's files while they are expected.
    sink_.EndSegment();
  }

  void Make(const Stored& stored) {
    try {
      sink_.Copy(stored);
    } catch (const LayerFailure& failure) {
      if (std::string_view(failure.code) == "DISK_FULL") throw;
      throw LayerFailure{"BLOB_CORRUPT", failure.text, stored.path};
    }
  }

 private:
  // Writes what has no content, and returns the files that have, in the payload's order.
  std::unordered_map<uint32_t, Names> WriteRest(const Package& package) {
    std::unordered_map<uint32_t, Names> named;
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

  void CopyContent(Content& content, const Package::File& file) {
    Digest* digest = file.digest.empty() || file.algorithm == kSha256 ? nullptr : &DigestOf(file.algorithm);
    if (digest) digest->Begin();
    for (;;) {
      size_t room = 0;
      uint8_t* to = sink_.Room(room);
      const size_t count = content.Read(to, room);
      if (count == 0) break;
      if (digest) digest->Update(to, count);
      sink_.Filled(count);
    }
    if (digest && digest->Finish() != file.digest) {
      RefusePackage("has a payload in which " + Shown(file.path) + " does not match its digest");
    }
  }

  // A file whose size has changed since the scan would shift every byte after it.
  void CopyFile(int root, const std::string& path, const TarEntry& entry) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const int file = static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
    if (file < 0) Fail("openat2", path);
    const std::unique_ptr<const int, void (*)(const int*)> closing(&file, [](const int* one) { close(*one); });
    uint64_t left = entry.size;
    for (;;) {
      size_t room = 0;
      uint8_t* to = sink_.Room(room);
      const ssize_t count = read(file, to, std::min<uint64_t>(room, left > 0 ? left : 1));
      if (count < 0) Fail("read", path);
      if ((count == 0) != (left == 0)) throw LayerFailure{"FILE_CHANGED", {}, path};
      if (count == 0) return;
      left -= count;
      sink_.Filled(count);
    }
  }

  // Of OpenPGP's number (RFC 4880, 9.4), as in FILEDIGESTALGO.
  Digest& DigestOf(int number) {
    static const std::map<int, const char*> names = {{1, "md5"}, {2, "sha1"}, {9, "sha384"}, {10, "sha512"}, {11, "sha224"}};
    const auto name = names.find(number);
    if (name == names.end()) RefusePackage("uses an unknown file digest algorithm");
    auto& digest = digests_[number];
    if (!digest) digest = std::make_unique<Digest>(name->second);
    return *digest;
  }

  LayerSink& sink_;
  LayerContent& content_;
  std::map<int, std::unique_ptr<Digest>> digests_;
};

std::unique_ptr<LayerSink> OpenSink(const LayerOptions& options, LayerFile& file, LayerContent& content) {
  if (options.compression == "gzip") return PlainLayer(file, content, GzipCompressor(options.level));
  if (options.compression == "zstd:chunked") return ChunkedLayer(file, content, options.level);
  return PlainLayer(file, content, ZstdCompressor(options.level));
}

MadeLayer Make(const LayerOptions& options, const std::vector<Segment>& segments, const Segment*& current) {
  LayerFile file(options.layer);
  LayerContent content;
  const auto sink = OpenSink(options, file, content);
  Maker maker(*sink, content);
  MadeLayer made;
  uint64_t offset = 0;
  const auto end = [&] {
    made.segments.push_back({offset, file.size() - offset, sink->TakeIndex()});
    offset = file.size();
  };
  for (const Segment& segment : segments) {
    current = &segment;
    std::visit([&](const auto& one) { maker.Make(one); }, segment);
    sink->EndSegment();
    end();
  }
  current = nullptr;
  sink->Finish();
  end();
  content.lister.Finish();
  made.digest = Hex(file.digest());
  made.diffId = Hex(content.digest.Finish());
  LayerFile(options.listing).Write(content.lister.listing);
  return made;
}

}  // namespace

MadeLayer MakeLayer(const LayerOptions& options) {
  const auto segments =
      ReadSegments(reinterpret_cast<const uint8_t*>(options.segments.data()), options.segments.size());
  const Segment* current = nullptr;
  try {
    return Make(options, segments, current);
  } catch (LayerFailure& failure) {
    if (current && failure.subject.empty()) {
      if (const auto* package = std::get_if<Package>(current)) failure.subject = package->path;
    }
    MadeLayer none;
    none.failure = failure;
    return none;
  }
}

ListedLayer ListLayer(const std::string& layer, const std::string& listing, bool isGzip) {
  try {
    LayerContent content;
    Digest digest("sha256");
    auto tar = Decompress(isGzip ? Package::kGzip : Package::kZstd, OpenFile(layer, &digest));
    std::vector<uint8_t> buffer(1 << 20);
    while (const size_t count = tar->Read(buffer.data(), buffer.size())) {
      content.Update(std::string_view(reinterpret_cast<char*>(buffer.data()), count));
    }
    content.lister.Finish();
    LayerFile(listing).Write(content.lister.listing);
    return {Hex(digest.Finish()), Hex(content.digest.Finish()), {}};
  } catch (LayerFailure& failure) {
    if (std::string_view(failure.code) == "PACKAGE_INVALID") failure.code = "LAYERS_DIFFER";
    return {{}, {}, failure};
  }
}

}  // namespace layer

#include "payload.h"

#include <sys/stat.h>

#include "failure.h"

namespace layer {

std::string Shown(const std::string& path) { return "/" + path; }

namespace {

class Matcher {
 public:
  explicit Matcher(const Package& package) : files_(package.files), seen_(files_.size()) {
    for (uint32_t index = 0; index < files_.size(); index++) {
      byPath_.emplace(files_[index].path, index);
      if (files_[index].linkSet != 0) sets_[files_[index].linkSet].names.push_back(index);
    }
  }

  // Stripped entries lack their size: that of a link is its target's, and only the last of a set of hard links has
  // content.
  uint64_t StrippedSize(uint32_t index) const {
    if (index >= files_.size()) {
      RefusePackage("has a payload entry for file " + std::to_string(index) + ", which its header does not list");
    }
    const auto& file = files_[index];
    if (S_ISLNK(file.mode)) return file.size;
    if (!S_ISREG(file.mode)) return 0;
    return file.linkSet != 0 && sets_.at(file.linkSet).names.back() != index ? 0 : file.size;
  }

  // Marks the entry's file as seen. Returns whether this entry has the content of a regular file.
  bool Take(const CpioEntry& entry, uint32_t& index) {
    index = IndexOf(entry);
    const auto& file = files_[index];
    if (seen_[index]) RefusePackage("has " + Shown(file.path) + " twice in its payload");
    seen_[index] = true;
    if (!entry.index && (entry.mode & S_IFMT) != (file.mode & S_IFMT)) {
      RefusePackage("has " + Shown(file.path) + " as another type of file in its payload than in its header");
    }
    if (S_ISREG(file.mode) && file.linkSet != 0) return TakeLink(entry, file);
    const uint64_t expected = S_ISREG(file.mode) || S_ISLNK(file.mode) ? file.size : 0;
    if (entry.size != expected) {
      RefusePackage("has " + Shown(file.path) + " with " + std::to_string(entry.size) + " bytes in its payload, " +
                    std::to_string(expected) + " in its header");
    }
    return S_ISREG(file.mode);
  }

  // The content of a symbolic link repeats its target.
  void CheckTarget(CpioReader& archive, const CpioEntry& entry, uint32_t index) const {
    const auto& file = files_[index];
    if (!S_ISLNK(file.mode) || entry.size != file.target.size()) {
      RefusePackage("has a symbolic link of another size in its payload");
    }
    std::string found(entry.size, '\0');
    for (size_t at = 0; at < found.size();) {
      at += archive.Read(reinterpret_cast<uint8_t*>(found.data()) + at, found.size() - at);
    }
    if (found != file.target) {
      RefusePackage("has " + Shown(file.path) + " with another target in its payload than in its header");
    }
  }

  void Finish() const {
    for (uint32_t index = 0; index < files_.size(); index++) {
      const auto& file = files_[index];
      if (!file.isGhost && !seen_[index]) RefusePackage("lacks " + Shown(file.path) + " in its payload");
      if (file.linkSet != 0 && !sets_.at(file.linkSet).isDelivered) {
        RefusePackage("lacks the content of " + Shown(file.path) + " in its payload");
      }
    }
  }

 private:
  struct LinkSet {
    // In the header's order.
    std::vector<uint32_t> names;
    size_t seen = 0;
    bool isDelivered = false;
  };

  // One entry of a set has the content, usually the last; the others are empty.
  bool TakeLink(const CpioEntry& entry, const Package::File& file) {
    LinkSet& set = sets_.at(file.linkSet);
    const bool isLast = ++set.seen == set.names.size();
    if (entry.size == 0 && (file.size > 0 || !isLast)) return false;
    if (entry.size != file.size || set.isDelivered) {
      RefusePackage("has hard links of different content: " + Shown(file.path));
    }
    return set.isDelivered = true;
  }

  uint32_t IndexOf(const CpioEntry& entry) const {
    if (entry.index) return *entry.index;
    std::string_view name = entry.name;
    if (name.substr(0, 2) == "./") name.remove_prefix(2);
    else if (name.substr(0, 1) == "/") name.remove_prefix(1);
    const auto found = byPath_.find(name);
    if (found == byPath_.end()) {
      RefusePackage("has " + entry.name + " in its payload, which its header does not list");
    }
    return found->second;
  }

  const std::vector<Package::File>& files_;
  std::unordered_map<std::string_view, uint32_t> byPath_;
  std::unordered_map<uint32_t, LinkSet> sets_;
  std::vector<bool> seen_;
};

}  // namespace

void ReadPayload(const Package& package, const std::function<void(Content&)>& onContent) {
  const auto payload = OpenPayload(package);
  Matcher matcher(package);
  CpioReader archive(*payload, [&](uint32_t index) { return matcher.StrippedSize(index); });
  CpioEntry entry;
  while (archive.Next(entry)) {
    uint32_t index = 0;
    if (matcher.Take(entry, index)) {
      Content content(archive, index, entry.size);
      onContent(content);
    } else if (entry.size > 0) {
      matcher.CheckTarget(archive, entry, index);
    }
  }
  matcher.Finish();
}

}  // namespace layer

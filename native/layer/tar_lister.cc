#include "tar_lister.h"

#include <algorithm>
#include <cstring>

#include "failure.h"
#include "listing.h"
#include "tar_header.h"

namespace layer {

namespace {

[[noreturn]] void Invalid(const std::string& why) { RefuseStream("the tar stream of a layer is invalid: " + why); }

// Bytes of names and attributes: far more than any file system supports.
constexpr uint64_t maxExtension = 4 << 20;
constexpr size_t maxXattrs = 4096;

uint64_t Octal(const uint8_t* block, size_t at, size_t length) {
  uint64_t value = 0;
  for (size_t digit = at; digit < at + length - 1; digit++) {
    if (block[digit] < '0' || block[digit] > '7') Invalid("a number is not octal");
    value = value << 3 | static_cast<uint64_t>(block[digit] - '0');
  }
  if (block[at + length - 1] != 0) Invalid("a number does not end");
  return value;
}

std::string Text(const uint8_t* block, size_t at, size_t length) {
  const auto* text = reinterpret_cast<const char*>(block + at);
  return std::string(text, strnlen(text, length));
}

void CheckSum(const uint8_t* block) {
  uint64_t sum = 8 * ' ';
  for (size_t at = 0; at < tarBlock; at++) sum += at >= 148 && at < 156 ? 0 : block[at];
  uint64_t said = 0;
  for (size_t at = 148; at < 154; at++) {
    if (block[at] < '0' || block[at] > '7') Invalid("the checksum of a header is no number");
    said = said << 3 | static_cast<uint64_t>(block[at] - '0');
  }
  if (sum != said || block[154] != 0 || block[155] != ' ') Invalid("the checksum of a header is wrong");
}

int64_t Decimal(const std::string& text) {
  const bool isNegative = !text.empty() && text[0] == '-';
  if (text.size() - isNegative < 1 || text.size() - isNegative > 16) Invalid("a number has too many digits");
  int64_t value = 0;
  for (size_t at = isNegative; at < text.size(); at++) {
    if (text[at] < '0' || text[at] > '9') Invalid("a number is not decimal");
    value = 10 * value + (text[at] - '0');
  }
  return isNegative ? -value : value;
}

}  // namespace

void TarLister::Update(const uint8_t* bytes, size_t length) {
  for (size_t at = 0; at < length;) at += Take(bytes + at, length - at);
  size_ += length;
}

void TarLister::Finish() const {
  const bool isWhole = zeros_ == 2 && header_.empty() && !isInBody_ && padding_ == 0;
  if (!isWhole) RefuseStream("the tar stream of a layer ends too early");
}

// Returns the number of bytes that it used.
size_t TarLister::Take(const uint8_t* bytes, size_t length) {
  if (isInBody_) {
    const size_t count = std::min<uint64_t>(length, left_);
    if (isExtension_) extension_.append(reinterpret_cast<const char*>(bytes), count);
    else content_.Update(bytes, count);
    left_ -= count;
    if (left_ == 0) EndBody();
    return count;
  }
  if (padding_ > 0) {
    const size_t count = std::min<uint64_t>(length, padding_);
    if (std::any_of(bytes, bytes + count, [](uint8_t byte) { return byte != 0; })) Invalid("its padding is not zero");
    padding_ -= count;
    return count;
  }
  if (header_.empty() && length >= tarBlock) {
    ReadHeader(bytes);
    return tarBlock;
  }
  const size_t count = std::min(length, tarBlock - header_.size());
  header_.append(reinterpret_cast<const char*>(bytes), count);
  if (header_.size() < tarBlock) return count;
  const std::string whole = std::move(header_);
  header_.clear();
  ReadHeader(reinterpret_cast<const uint8_t*>(whole.data()));
  return count;
}

void TarLister::ReadHeader(const uint8_t* block) {
  if (std::all_of(block, block + tarBlock, [](uint8_t byte) { return byte == 0; })) {
    zeros_++;
    return;
  }
  if (zeros_ > 0) Invalid("it continues after its end");
  CheckSum(block);
  if (memcmp(block + 257, "ustar\00000", 8) != 0) Invalid("a header is not a ustar header");
  const char type = static_cast<char>(block[156]);
  if (type == 'x') {
    const uint64_t size = Octal(block, 124, 12);
    if (size == 0 || size > maxExtension) Invalid("an extended header has a size that none has");
    isExtension_ = true;
    Begin(size);
    return;
  }
  if (type < '0' || type > '6') Invalid("it has an entry of an unknown type");
  entry_.type = type;
  if (!hasPath_) entry_.path = Text(block, 0, 100);
  if (!hasTarget_) entry_.target = Text(block, 157, 100);
  if (!hasSize_) entry_.size = Octal(block, 124, 12);
  if (!hasUid_) entry_.uid = static_cast<uint32_t>(Octal(block, 108, 8));
  if (!hasGid_) entry_.gid = static_cast<uint32_t>(Octal(block, 116, 8));
  if (!hasTime_) entry_.mtime = static_cast<int64_t>(Octal(block, 136, 12));
  entry_.mode = Octal(block, 100, 8) & 07777;
  const bool isDevice = type == '3' || type == '4';
  entry_.deviceMajor = isDevice ? Octal(block, 329, 8) : 0;
  entry_.deviceMinor = isDevice ? Octal(block, 337, 8) : 0;
  if (type != '0') {
    if (entry_.size != 0) Invalid("an entry without content has a size");
    List("");
  } else {
    Begin(entry_.size);
  }
}

void TarLister::Begin(uint64_t size) {
  left_ = size;
  padding_ = TarPadding(size);
  isInBody_ = true;
  if (size == 0) EndBody();
}

void TarLister::EndBody() {
  isInBody_ = false;
  if (isExtension_) {
    isExtension_ = false;
    ReadPax();
    extension_.clear();
    return;
  }
  const std::string sha256 = content_.Finish();
  if (onFile_) onFile_(with_, entry_.path, sha256);
  List(Hex(sha256));
}

// Records of "LENGTH KEY=VALUE\n", where LENGTH counts itself.
void TarLister::ReadPax() {
  static const std::string xattr = "SCHILY.xattr.";
  for (size_t at = 0; at < extension_.size();) {
    const size_t space = extension_.find(' ', at);
    if (space == std::string::npos) Invalid("an extended header is malformed");
    const size_t length = static_cast<size_t>(Decimal(extension_.substr(at, space - at)));
    const size_t equals = extension_.find('=', space);
    if (length > extension_.size() - at || equals == std::string::npos || equals >= at + length ||
        extension_[at + length - 1] != '\n') {
      Invalid("an extended header is malformed");
    }
    const std::string key = extension_.substr(space + 1, equals - space - 1);
    std::string value = extension_.substr(equals + 1, at + length - 1 - (equals + 1));
    at += length;
    if (key == "path") entry_.path = std::move(value), hasPath_ = true;
    else if (key == "linkpath") entry_.target = std::move(value), hasTarget_ = true;
    else if (key == "size") entry_.size = Decimal(value), hasSize_ = true;
    else if (key == "uid") entry_.uid = static_cast<uint32_t>(Decimal(value)), hasUid_ = true;
    else if (key == "gid") entry_.gid = static_cast<uint32_t>(Decimal(value)), hasGid_ = true;
    else if (key == "mtime") entry_.mtime = Decimal(value), hasTime_ = true;
    else if (key.compare(0, xattr.size(), xattr) == 0 && entry_.xattrs.size() < maxXattrs)
      entry_.xattrs.emplace_back(key.substr(xattr.size()), std::move(value));
    else Invalid("an extended header has the key " + key);
  }
}

void TarLister::List(const std::string& sha256) {
  AppendListing(listing, entry_, sha256);
  entry_ = TarEntry();
  hasPath_ = hasTarget_ = hasSize_ = hasUid_ = hasGid_ = hasTime_ = false;
}

}  // namespace layer

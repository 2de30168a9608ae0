// Counts and checks the data that libsolv reads, because libsolv trusts its input.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "solve_read.h"

namespace solve {
namespace {

// libsolv parses rich dependencies recursively, so nested brackets use stack. Real ones nest three levels.
constexpr int maxDepth = 2000;

// Descriptions and the like, a quarter of primary metadata. No solution depends on them, and libsolv would keep them
// all in memory.
struct {
  const char *opening, *closing;
} constexpr texts[] = {
    {"<summary>", "</summary>"},         {"<description>", "</description>"},
    {"<packager>", "</packager>"},       {"<url>", "</url>"},
    {"<rpm:license>", "</rpm:license>"}, {"<rpm:group>", "</rpm:group>"},
    {"<rpm:buildhost>", "</rpm:buildhost>"}, {"<rpm:vendor>", "</rpm:vendor>"},
    {"<rpm:header-range ", "/>"},
};
constexpr size_t maxTag = sizeof "<rpm:header-range " - 1;

}  // namespace

Guarded::Guarded(FILE* inner, std::string path, uint64_t limit, Kind kind)
    : inner_(inner), path_(std::move(path)), left_(limit), kind_(kind) {
  if (!inner_) throw BadFile(path_, std::strerror(errno));
  file_ = fopencookie(this, "r", {readThrough, nullptr, nullptr, nullptr});
  if (!file_) {
    fclose(inner_);
    throw std::bad_alloc();
  }
}

Guarded::~Guarded() {
  fclose(file_);
  fclose(inner_);
}

void Guarded::check() const {
  if (wrong_) throw BadFile(path_, wrong_);
}

ssize_t Guarded::readThrough(void* cookie, char* buffer, size_t size) {
  auto* self = static_cast<Guarded*>(cookie);
  for (;;) {
    // Held bytes come first; libsolv requests thousands of bytes at a time.
    size_t held = std::min(self->held_.size(), size);
    std::memcpy(buffer, self->held_.data(), held);
    self->held_.erase(0, held);
    size_t got = fread(buffer + held, 1, size - held, self->inner_);
    if (ferror(self->inner_)) {
      self->wrong_ = "its compressed data is damaged or cut short";
    } else if (got > self->left_) {
      self->wrong_ = "it unpacks to more bytes than any real one has";
    }
    self->left_ -= got;
    size_t passed = held + got;
    if (self->kind_ == Kind::document && got > 0) passed = self->leaveOut(buffer, passed);
    // Checks the remaining bytes as the parser will see them: removing text may have joined what was separate.
    if (!self->wrong_) self->inspect(buffer, passed);
    if (self->wrong_) {
      errno = EIO;
      return -1;
    }
    // Returning 0 would mean the end of the file.
    if (passed > 0 || got == 0) return static_cast<ssize_t>(passed);
  }
}

// Removes texts from the buffer; returns the number of bytes that are left in it.
size_t Guarded::leaveOut(char* buffer, size_t size) {
  char *to = buffer, *from = buffer, *end = buffer + size;
  auto hold = [&](char* start) { held_.assign(start, static_cast<size_t>(end - start)); };
  while (from < end) {
    auto rest = static_cast<size_t>(end - from);
    if (leftOut_) {
      const size_t length = std::strlen(leftOut_);
      auto closing = static_cast<char*>(memmem(from, rest, leftOut_, length));
      if (!closing) {
        hold(end - std::min(rest, length - 1));
        break;
      }
      from = closing + length;
      leftOut_ = nullptr;
      continue;
    }
    auto tag = static_cast<char*>(std::memchr(from, '<', rest));
    char* stop = tag ? tag : end;
    std::memmove(to, from, static_cast<size_t>(stop - from));
    to += stop - from;
    if (!tag) break;
    if (static_cast<size_t>(end - tag) < maxTag) {
      hold(tag);
      break;
    }
    from = tag;
    for (const auto& text : texts) {
      const size_t length = std::strlen(text.opening);
      if (std::memcmp(tag, text.opening, length) != 0) continue;
      leftOut_ = text.closing;
      from = tag + length;
      break;
    }
    if (!leftOut_) {
      *to++ = '<';
      from++;
    }
  }
  return static_cast<size_t>(to - buffer);
}

// Most data needs no close inspection: counting is fast, following every byte is not.
void Guarded::inspect(const char* buffer, size_t size) {
  if (size == 0) return;
  const char* end = buffer + size;
  const bool document = kind_ == Kind::document;
  const char separator = document ? '<' : '\0';
  if (document) wrong_ = markup_.pass(buffer, size);
  if (wrong_) return;
  auto openings = [document](const char* from, const char* to) {
    return std::count(from, to, '(') + (document ? std::count(from, to, '#') : 0);
  };
  if (depth_ + openings(buffer, end) > maxDepth) return follow(buffer, size);
  auto last = static_cast<const char*>(memrchr(buffer, separator, size));
  depth_ = static_cast<int>(last ? openings(last, end) : depth_ + openings(buffer, end));
  before_ = end[-1];
}

// Counts the open brackets within one string of a header, or between two tags of a document, where "&#" may also stand
// for one.
void Guarded::follow(const char* buffer, size_t size) {
  const bool document = kind_ == Kind::document;
  const char separator = document ? '<' : '\0';
  for (size_t i = 0; i < size; i++) {
    const char c = buffer[i];
    if (c == separator) {
      depth_ = 0;
    } else if (c == '(' || (document && c == '#' && before_ == '&')) {
      if (++depth_ > maxDepth) wrong_ = "its dependencies are nested too deeply";
    } else if (c == ')' && depth_ > 0) {
      depth_--;
    }
    before_ = c;
  }
}

}  // namespace solve

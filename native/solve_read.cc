// What libsolv reads passes through here first, counted and looked at: it trusts its input more than we may.
#include <cerrno>
#include <cstring>

#include "solve_read.h"

namespace solve {
namespace {

// libsolv parses rich dependencies recursively, so that nested brackets are stack. Real ones nest three deep.
constexpr int maxDepth = 2000;

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
  size_t got = fread(buffer, 1, size, self->inner_);
  if (ferror(self->inner_)) {
    self->wrong_ = "its compressed data is damaged or cut short";
  } else if (got > self->left_) {
    self->wrong_ = "it unpacks to more bytes than any real one has";
  } else {
    self->left_ -= got;
    self->inspect(buffer, got);
  }
  if (!self->wrong_) return static_cast<ssize_t>(got);
  errno = EIO;
  return -1;
}

// Counts brackets that are still open within one string of a header, or between two tags of a document, where
// "&#" may stand for one as well. A document type could define further names for them: metadata never has one.
void Guarded::inspect(const char* buffer, size_t size) {
  const char separator = kind_ == Kind::document ? '<' : '\0';
  for (size_t i = 0; i < size; i++) {
    char c = buffer[i];
    if (c == separator) depth_ = 0;
    if (c == '(' || (kind_ == Kind::document && c == '#' && before_ == '&')) depth_++;
    if (c == ')' && depth_ > 0) depth_--;
    if (depth_ > maxDepth) wrong_ = "its dependencies are nested too deeply";
    if (kind_ == Kind::document && before_ == '!' && beforeThat_ == '<' && c == 'D') {
      wrong_ = "it has a document type declaration";
    }
    beforeThat_ = before_;
    before_ = c;
  }
}

}  // namespace solve

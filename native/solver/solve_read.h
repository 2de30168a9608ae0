#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <new>
#include <string>

#include "solve.h"
#include "solve_markup.h"

namespace solve {

// A FILE for libsolv that wraps another one, and owns it. It is bounded, and refuses content that could harm the
// parser.
class Guarded {
 public:
  enum class Kind { document, package };

  // Throws BadFile where inner is null (errno says why).
  Guarded(FILE* inner, std::string path, uint64_t limit, Kind kind);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  FILE* file() { return file_; }
  // Throws BadFile with the reason if reading was stopped.
  void check() const;

 private:
  static ssize_t readThrough(void* cookie, char* buffer, size_t size);
  void inspect(const char* buffer, size_t size);
  void follow(const char* buffer, size_t size);
  size_t leaveOut(char* buffer, size_t size);

  FILE* inner_;
  FILE* file_ = nullptr;
  std::string path_;
  uint64_t left_;
  Kind kind_;
  const char* wrong_ = nullptr;
  int depth_ = 0;  // brackets open at most
  char before_ = 0;
  Markup markup_;
  const char* leftOut_ = nullptr;  // the closing tag of an element that is being left out
  std::string held_;  // the beginning of what may be a tag, until the rest of it has come
};

}  // namespace solve

#pragma once

#include <cstddef>

namespace solve {

// Follows XML without storing it, and checks the nesting of elements and the length of tags and texts. expat stores
// every open element, and reads a tag or comment from its beginning each time more of it arrives. libsolv stores texts,
// and compares each dependency of a package with those before it.
class Markup {
 public:
  // Returns the problem of the document so far, or a null pointer.
  const char* pass(const char* buffer, size_t size);

 private:
  enum class State { text, opened, tag, quoted, declared, comment, cdata, instruction };

  const char* skipText(const char* from, const char* end);
  const char* skipQuoted(const char* from, const char* end);
  const char* skipNames(const char* from, const char* end);
  void addToTag(size_t length);
  void addToTexts(size_t length);
  void step(char c);
  void declare(char c);
  void close(char last);

  State state_ = State::text;
  char quote_ = 0;
  bool closing_ = false;  // the tag began with </
  int depth_ = 0;
  int dependencies_ = 0;  // of the package so far
  size_t length_ = 0;  // of the tag so far, without its <
  size_t texts_ = 0;  // all those of the package so far
  char before_ = 0;
  char beforeThat_ = 0;
  const char* wrong_ = nullptr;
};

}  // namespace solve

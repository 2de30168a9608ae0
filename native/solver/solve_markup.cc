#include "solve_markup.h"

#include <algorithm>
#include <cstring>

namespace solve {
namespace {

// Metadata is nested six levels. A tag has one dependency; the longest texts are paths of the largest packages.
constexpr int maxDepth = 64;
constexpr int maxDependencies = 65536;
constexpr int dependencyDepth = 5;
constexpr size_t maxTag = 256 * 1024;
constexpr size_t maxTexts = 64 * 1024 * 1024;

// A shorter comment would end in its own beginning: <!-->.
constexpr size_t minComment = sizeof "!---->" - 1;

}  // namespace

const char* Markup::pass(const char* buffer, size_t size) {
  const char* end = buffer + size;
  for (const char* at = buffer; at < end && !wrong_;) {
    if (state_ == State::text) {
      at = skipText(at, end);
    } else if (state_ == State::quoted) {
      at = skipQuoted(at, end);
    } else {
      if (state_ == State::tag) at = skipNames(at, end);
      if (at < end) step(*at++);
    }
  }
  return wrong_;
}

const char* Markup::skipText(const char* from, const char* end) {
  auto tag = static_cast<const char*>(std::memchr(from, '<', static_cast<size_t>(end - from)));
  addToTexts(static_cast<size_t>((tag ? tag : end) - from));
  if (!tag) return end;
  state_ = State::opened;
  length_ = 0;
  return tag + 1;
}

const char* Markup::skipQuoted(const char* from, const char* end) {
  auto closing = static_cast<const char*>(std::memchr(from, quote_, static_cast<size_t>(end - from)));
  addToTag(static_cast<size_t>((closing ? closing : end) - from));
  if (!closing) return end;
  state_ = State::tag;
  before_ = quote_;
  return closing + 1;
}

// The text between two quotes of a tag.
const char* Markup::skipNames(const char* from, const char* end) {
  const char* at = from;
  while (at < end && *at != '"' && *at != '\'' && *at != '>') at++;
  addToTag(static_cast<size_t>(at - from));
  if (at > from) before_ = at[-1];
  return at;
}

void Markup::addToTag(size_t length) {
  length_ += length;
  if (length_ > maxTag) wrong_ = "it has a tag that is longer than any real one";
}

void Markup::addToTexts(size_t length) {
  texts_ += length;
  if (texts_ > maxTexts) wrong_ = "it has an element that is larger than any real one";
}

// One character of markup; XML 1.0, 2.5 to 2.8 and 3.1.
void Markup::step(char c) {
  if (state_ == State::cdata) {
    addToTexts(1);
  } else {
    addToTag(1);
  }
  switch (state_) {
    case State::opened:
      closing_ = c == '/';
      state_ = c == '!' ? State::declared : c == '?' ? State::instruction : State::tag;
      if (c == '>') close(0);
      break;
    case State::tag:
      if (c == '"' || c == '\'') {
        quote_ = c;
        state_ = State::quoted;
      } else if (c == '>') {
        close(before_);
      }
      break;
    case State::declared:
      declare(c);
      break;
    case State::comment:
      if (c == '>' && before_ == '-' && beforeThat_ == '-' && length_ >= minComment) state_ = State::text;
      break;
    case State::cdata:
      if (c == '>' && before_ == ']' && beforeThat_ == ']') state_ = State::text;
      break;
    case State::instruction:
      if (c == '>' && before_ == '?') state_ = State::text;
      break;
    default:
      break;
  }
  beforeThat_ = before_;
  before_ = c;
}

// A document type could define entities; metadata never has one.
void Markup::declare(char c) {
  if (c == '-') {
    state_ = State::comment;
  } else if (c == '[') {
    state_ = State::cdata;
  } else {
    wrong_ = "it has a document type declaration";
  }
}

void Markup::close(char last) {
  state_ = State::text;
  if (closing_) {
    depth_ = std::max(0, depth_ - 1);
  } else {
    if (depth_ + 1 == dependencyDepth && ++dependencies_ > maxDependencies)
      wrong_ = "it has a package of more dependencies than any real one";
    if (last != '/' && ++depth_ > maxDepth) wrong_ = "its elements are nested too deeply";
  }
  if (depth_ <= 1) {
    texts_ = 0;
    dependencies_ = 0;
  }
}

}  // namespace solve

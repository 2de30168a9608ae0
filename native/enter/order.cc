#include "order.h"

namespace {

std::string ReadAll(int fd) {
  std::string bytes;
  char piece[65536];
  for (off_t at = 0;;) {
    const ssize_t length = pread(fd, piece, sizeof piece, at);
    Must(length >= 0, "reading the order");
    if (length == 0) return bytes;
    bytes.append(piece, static_cast<size_t>(length));
    at += length;
  }
}

}  // namespace

Order::Order(int fd) {
  Words words;
  const std::string bytes = ReadAll(fd);
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = bytes.find('\0', at);
    if (end == std::string::npos) Refuse("the order is cut off");
    words.push_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  for (size_t at = 0; at < words.size();) {
    if (at + 1 >= words.size()) Refuse("the order is cut off");
    const size_t first = at + 2;
    const size_t count = strtoul(words[at + 1].c_str(), nullptr, 10);
    if (count > words.size() - first) Refuse("the order is cut off");
    const auto begin = words.begin() + static_cast<std::ptrdiff_t>(first);
    records_.emplace_back(words[at], Words(begin, begin + static_cast<std::ptrdiff_t>(count)));
    at = first + count;
  }
}

std::vector<Words> Order::All(const std::string& name) const {
  std::vector<Words> found;
  for (const auto& [other, words] : records_) {
    if (other == name) found.push_back(words);
  }
  return found;
}

std::string Order::One(const std::string& name) const {
  const Words found = List(name);
  if (found.size() != 1) Refuse("the order has no " + name);
  return found[0];
}

Words Order::List(const std::string& name) const {
  Words found;
  for (const Words& words : All(name)) {
    if (!words.empty()) found.push_back(words[0]);
  }
  return found;
}

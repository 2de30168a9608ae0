#include "tar_header.h"

#include <algorithm>
#include <cstring>

namespace layer {

namespace {

constexpr uint64_t MaxOctal(int digits) { return (uint64_t{1} << (3 * digits)) - 1; }

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
}

void Copy(std::string& block, size_t at, size_t length, const std::string& value) {
  memcpy(block.data() + at, value.data(), std::min(length, value.size()));
}

void Octal(std::string& block, size_t at, size_t length, uint64_t value) {
  for (size_t digit = length - 1; digit > 0; digit--) {
    block[at + digit - 1] = static_cast<char>('0' + (value & 7));
    value >>= 3;
  }
}

// A value that does not fit is in the pax record, and the field is 0.
uint64_t Fitting(int64_t value, int digits) {
  return value < 0 || static_cast<uint64_t>(value) > MaxOctal(digits) ? 0 : value;
}

std::string UstarBlock(const TarEntry& entry, const std::string& path, const std::string& target, char type,
                       uint64_t size) {
  std::string block(tarBlock, '\0');
  Copy(block, 0, 100, path);
  Octal(block, 100, 8, entry.mode & 07777);
  Octal(block, 108, 8, Fitting(entry.uid, 7));
  Octal(block, 116, 8, Fitting(entry.gid, 7));
  Octal(block, 124, 12, Fitting(size, 11));
  Octal(block, 136, 12, Fitting(entry.mtime, 11));
  memset(block.data() + 148, ' ', 8);
  block[156] = type;
  Copy(block, 157, 100, target);
  Copy(block, 257, 8, std::string("ustar\00000", 8));
  Octal(block, 329, 8, entry.deviceMajor);
  Octal(block, 337, 8, entry.deviceMinor);
  uint64_t sum = 0;
  for (unsigned char byte : block) sum += byte;
  Octal(block, 148, 7, sum);
  block[154] = '\0';
  block[155] = ' ';
  return block;
}

using Records = std::vector<std::pair<std::string, std::string>>;

Records PaxRecords(const TarEntry& entry, const std::string& path) {
  Records records;
  const auto number = [&](const char* key, int64_t value, int digits) {
    if (value < 0 || static_cast<uint64_t>(value) > MaxOctal(digits)) records.emplace_back(key, std::to_string(value));
  };
  if (path.size() > 100 || !IsAscii(path)) records.emplace_back("path", path);
  if (entry.target.size() > 100 || !IsAscii(entry.target)) records.emplace_back("linkpath", entry.target);
  number("size", entry.size, 11);
  number("uid", entry.uid, 7);
  number("gid", entry.gid, 7);
  number("mtime", entry.mtime, 11);
  for (const auto& [name, value] : entry.xattrs) records.emplace_back("SCHILY.xattr." + name, value);
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return records;
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string PaxRecord(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

}  // namespace

std::string TarHeader(const TarEntry& entry) {
  const std::string path = entry.type == '5' ? entry.path + "/" : entry.path;
  const std::string main = UstarBlock(entry, path, entry.target, entry.type, entry.size);
  const Records records = PaxRecords(entry, path);
  if (records.empty()) return main;
  std::string body;
  for (const auto& [key, value] : records) body += PaxRecord(key, value);
  TarEntry plain{};
  plain.mode = 0644;
  const size_t size = body.size();
  body.append(TarPadding(size), '\0');
  return UstarBlock(plain, "././@PaxHeader", "", 'x', size) + body + main;
}

}  // namespace layer

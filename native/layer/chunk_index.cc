#include "chunk_index.h"

#include <array>
#include <ctime>

#include "listing.h"

namespace layer {

namespace {

// CRC-64 with ISO 3309's polynomial, as Go's hash/crc64 computes it for tar-split.
std::array<uint64_t, 256> CrcTable() {
  std::array<uint64_t, 256> table;
  for (uint64_t value = 0; value < 256; value++) {
    uint64_t sum = value;
    for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xd800000000000000 : sum >> 1;
    table[value] = sum;
  }
  return table;
}

uint64_t Crc(uint64_t sum, std::string_view bytes) {
  static const auto table = CrcTable();
  for (unsigned char byte : bytes) sum = sum >> 8 ^ table[(sum ^ byte) & 0xff];
  return sum;
}

std::string BigEndian(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// RFC 3339, in UTC.
std::string Time(int64_t seconds) {
  const time_t time = seconds;
  struct tm parts;
  gmtime_r(&time, &parts);
  const int year = parts.tm_year + 1900;
  char text[64];
  const char* format = year < 0 ? "-%06d" : year > 9999 ? "+%06d" : "%04d";
  const int length = snprintf(text, sizeof text, format, year < 0 ? -year : year);
  strftime(text + length, sizeof text - length, "-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Quoted; the bytes are UTF-8, which the caller has checked.
std::string Quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      json += c;
      continue;
    }
    char escaped[8];
    snprintf(escaped, sizeof escaped, "\\u%04x", c);
    json += escaped;
  }
  return json + '"';
}

// Empty fields and zeros are omitted, as with Go's omitempty.
void AddNumber(std::string& to, const char* key, int64_t value) {
  if (value != 0) to += std::string(",\"") + key + "\":" + std::to_string(value);
}

void AddText(std::string& to, const char* key, const std::string& json) {
  to += std::string(",\"") + key + "\":" + json;
}

std::string Xattrs(const TarEntry& entry) {
  std::string json;
  for (const auto& [name, value] : entry.xattrs) {
    json += (json.empty() ? "{" : ",") + Quoted(name) + ":\"" + Base64(value) + '"';
  }
  return json + '}';
}

const char* TocType(char type) {
  static const char* const names[] = {"reg", "hardlink", "symlink", "char", "block", "dir", "fifo"};
  return names[type - '0'];
}

void Append(std::string& list, const std::string& json) {
  if (!list.empty()) list += ',';
  list += json;
}

}  // namespace

void ChunkIndex::Begin(const TarEntry& entry, const std::string& header) {
  name_ = Quoted(entry.type == '5' ? entry.path + "/" : entry.path);
  entry_ = std::string("{\"type\":\"") + TocType(entry.type) + "\",\"name\":" + name_;
  if (!entry.target.empty()) AddText(entry_, "linkName", Quoted(entry.target));
  AddNumber(entry_, "mode", entry.mode);
  AddNumber(entry_, "size", static_cast<int64_t>(entry.size));
  AddNumber(entry_, "uid", entry.uid);
  AddNumber(entry_, "gid", entry.gid);
  AddText(entry_, "modtime", Quoted(Time(entry.mtime)));
  AddNumber(entry_, "devMajor", entry.deviceMajor);
  AddNumber(entry_, "devMinor", entry.deviceMinor);
  if (!entry.xattrs.empty()) AddText(entry_, "xattrs", Xattrs(entry));
  Rest(header);
  first_.clear();
  others_.clear();
  offset_ = size_;
  done_ = 0;
  crc_ = ~uint64_t{0};
}

void ChunkIndex::Chunk(std::string_view bytes, bool isZeros, const std::string& sha256) {
  crc_ = Crc(crc_, bytes);
  std::string chunk = ",\"offset\":" + std::to_string(size_);
  std::string more = ",\"chunkSize\":" + std::to_string(bytes.size());
  if (done_ > 0) more += ",\"chunkOffset\":" + std::to_string(done_);
  more += ",\"chunkDigest\":\"sha256:" + sha256 + '"';
  if (isZeros) more += ",\"chunkType\":\"zeros\"";
  if (done_ == 0) first_ = more;
  else Append(others_, "{\"type\":\"chunk\",\"name\":" + name_ + chunk + more + '}');
  done_ += bytes.size();
}

void ChunkIndex::End(const std::string& sha256) {
  entry_ += ",\"offset\":" + std::to_string(offset_) + ",\"digest\":\"sha256:" + sha256 + '"';
  entry_ += ",\"endOffset\":" + std::to_string(size_);
  // Of a file in one chunk, its entry says all.
  if (!others_.empty()) entry_ += first_;
  Append(toc_, entry_ + '}');
  if (!others_.empty()) Append(toc_, others_);
  Split("\"type\":1,\"name\":" + name_ + ",\"size\":" + std::to_string(done_) + ",\"payload\":\"" +
        Base64(BigEndian(~crc_)) + '"');
}

void ChunkIndex::EndEmpty() {
  Append(toc_, entry_ + '}');
  Split("\"type\":1,\"name\":" + name_ + ",\"payload\":null");
}

void ChunkIndex::Rest(const std::string& bytes) { Split("\"type\":2,\"payload\":\"" + Base64(bytes) + '"'); }

void ChunkIndex::Split(const std::string& json) { Append(split_, '{' + json + '}'); }

std::string ChunkIndex::Take() {
  const std::string json = "{\"toc\":[" + toc_ + "],\"split\":[" + split_ + "],\"size\":" + std::to_string(size_) + '}';
  toc_.clear();
  split_.clear();
  size_ = 0;
  return json;
}

}  // namespace layer

#include "listing.h"

#include <cstdio>

#include "node_libraries.h"

namespace layer {

void AppendJson(std::string& to, const std::string& bytes) {
  to += '"';
  for (unsigned char c : bytes) {
    if (c == '"' || c == '\\') {
      to += '\\';
      to += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f) {
      char escaped[8];
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
      to += escaped;
    } else if (c < 0x80) {
      to += static_cast<char>(c);
    } else {
      to += static_cast<char>(0xc0 | c >> 6);
      to += static_cast<char>(0x80 | (c & 0x3f));
    }
  }
  to += '"';
}

std::string Base64(const std::string& bytes) {
  // It writes a NUL behind the text.
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

namespace {

const char* TypeName(char type) {
  static const char* const names[] = {"file", "link", "symlink", "character", "block", "directory", "fifo"};
  return names[type - '0'];
}

void AppendNumber(std::string& to, const char* key, int64_t value) {
  to += ",\"";
  to += key;
  to += "\":";
  to += std::to_string(value);
}

}  // namespace

void AppendListing(std::string& to, const TarEntry& entry, const std::string& sha256) {
  to += "{\"path\":";
  AppendJson(to, entry.path);
  to += ",\"type\":\"";
  to += TypeName(entry.type);
  to += '"';
  AppendNumber(to, "mode", entry.mode);
  AppendNumber(to, "uid", entry.uid);
  AppendNumber(to, "gid", entry.gid);
  AppendNumber(to, "size", static_cast<int64_t>(entry.size));
  AppendNumber(to, "mtime", entry.mtime);
  to += ",\"linkTarget\":";
  AppendJson(to, entry.target);
  AppendNumber(to, "deviceMajor", entry.deviceMajor);
  AppendNumber(to, "deviceMinor", entry.deviceMinor);
  if (!sha256.empty()) {
    to += ",\"sha256\":\"";
    to += sha256;
    to += '"';
  }
  if (!entry.xattrs.empty()) {
    const char* separator = ",\"xattrs\":{";
    for (const auto& [name, value] : entry.xattrs) {
      to += separator;
      AppendJson(to, name);
      to += ":\"" + Base64(value) + '"';
      separator = ",";
    }
    to += '}';
  }
  to += "}\n";
}

}  // namespace layer

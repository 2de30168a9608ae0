#include "settings.h"

#include <cstdlib>

#include "frames.h"

namespace {

uint64_t NumberIn(const std::string& text) { return strtoull(text.c_str(), nullptr, 10); }

void TakeNumber(Settings& settings, const std::string& key, const std::string& value) {
  if (key == "uid") settings.uid = static_cast<uint32_t>(NumberIn(value));
  if (key == "gid") settings.gid = static_cast<uint32_t>(NumberIn(value));
  if (key == "group") settings.groups.push_back(static_cast<uint32_t>(NumberIn(value)));
  if (key == "bounding") settings.bounding = NumberIn(value);
  if (key == "effective") settings.effective = NumberIn(value);
  if (key == "soft files") settings.soft_files = NumberIn(value);
  if (key == "hard files") settings.hard_files = NumberIn(value);
  if (key == "time") settings.time = NumberIn(value);
}

void TakeText(Settings& settings, const std::string& key, const std::string& value) {
  if (key == "hostname") settings.hostname = value;
  if (key == "cwd") settings.cwd = value;
  if (key == "memory") settings.memory = value;
  if (key == "pids") settings.pids = value;
  if (key == "cpu") settings.cpu = value;
  if (key == "swap") settings.swap = value;
  if (key == "ipv4") settings.ipv4 = value;
  if (key == "ipv6") settings.ipv6 = value;
  if (key == "gateway") settings.gateway = value;
  if (key == "masked") settings.masked.push_back(value);
  if (key == "readonly") settings.readonly.push_back(value);
}

void TakeFile(Settings& settings, const std::string& value) {
  const size_t end = value.find('\n');
  if (end != std::string::npos) settings.files.push_back({value.substr(0, end), value.substr(end + 1)});
}

std::string FromHex(const std::string& text) {
  std::string bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes += static_cast<char>(strtoul(text.substr(at, 2).c_str(), nullptr, 16));
  }
  return bytes;
}

void TakeHanded(Settings& settings, const std::string& value) {
  const auto parts = Split(value, '\n');
  if (parts.size() != 4) return;
  const auto number = [&](size_t at) { return static_cast<uint32_t>(NumberIn(parts[at])); };
  settings.handed.push_back({number(0), number(1), number(2), FromHex(parts[3])});
}

void TakeVolume(Settings& settings, const std::string& value) {
  const auto parts = Split(value, '\n');
  if (parts.size() == 2) settings.volumes.push_back({parts[0], parts[1] == "ro"});
}

void TakeMount(Settings& settings, const std::string& value) {
  const auto parts = Split(value, '\n');
  if (parts.size() != 5) return;
  settings.mounts.push_back({parts[0], parts[1], parts[2], NumberIn(parts[3]), parts[4]});
}

}  // namespace

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char one : text) {
    if (one == separator) parts.emplace_back();
    else parts.back() += one;
  }
  return parts;
}

Program ParseProgram(std::string_view text) {
  Program program;
  for (const auto& [key, value] : Pairs(text)) {
    if (key == "arg") program.args.push_back(value);
    if (key == "env") program.env.push_back(value);
  }
  return program;
}

Settings ParseSettings(std::string_view text) {
  Settings settings;
  settings.program = ParseProgram(text);
  for (const auto& [key, value] : Pairs(text)) {
    TakeNumber(settings, key, value);
    TakeText(settings, key, value);
    if (key == "file") TakeFile(settings, value);
    if (key == "mount") TakeMount(settings, value);
    if (key == "handed") TakeHanded(settings, value);
    if (key == "volume") TakeVolume(settings, value);
  }
  return settings;
}

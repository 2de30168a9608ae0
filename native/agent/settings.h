// What the host wants started, and how.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct Mount {
  std::string type, source, target;
  unsigned long flags;
  std::string data;
};

struct HostFile {
  std::string name, content;
};

// That the instance reads; who may read it is the host's to say.
struct HandedFile {
  uint32_t uid, gid, mode;
  std::string content;
};

// A disk that outlives the machine.
struct Volume {
  std::string serial;
  bool readonly;
};

struct Program {
  std::vector<std::string> args, env;
};

struct Settings {
  Program program;
  // The swap is empty where there is none.
  std::string hostname, cwd, memory, pids, cpu, swap;
  // Of its link; empty where it has none.
  std::string ipv4, ipv6, gateway;
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;
  // Capabilities as bits: those that can ever be had, and those of the first process.
  uint64_t bounding = 0, effective = 0;
  uint64_t soft_files = 1024, hard_files = 1024;
  std::vector<Mount> mounts;
  std::vector<HostFile> files;
  std::vector<HandedFile> handed;
  std::vector<Volume> volumes;
  std::vector<std::string> masked, readonly;
  // Seconds since 1970, by the host's clock.
  uint64_t time = 0;
};

Settings ParseSettings(std::string_view text);
Program ParseProgram(std::string_view text);
std::vector<std::string> Split(const std::string& text, char separator);

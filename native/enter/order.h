// What milliner-enter is told to do: records in a file, each a name, the number of its words, and the words, each with
// a NUL at its end. src/lib/container/nspawn/order.ts writes it.
#pragma once
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

using Words = std::vector<std::string>;

class Order {
 public:
  explicit Order(int fd);
  // The words of each record of this name.
  std::vector<Words> All(const std::string& name) const;
  // The only word of the only record of this name; ends the program without one.
  std::string One(const std::string& name) const;
  long Number(const std::string& name) const { return strtol(One(name).c_str(), nullptr, 10); }
  // The first word of each record of this name.
  Words List(const std::string& name) const;

 private:
  std::vector<std::pair<std::string, Words>> records_;
};

// Exit status of a program that could not be started, as runc's.
constexpr int kNotStarted = 255;

// Where refusals are told; an instance's own output is no place for them.
inline int refusals = STDERR_FILENO;

// Tells why no program was started, and ends. Milliner reads the line from the log of an instance.
[[noreturn]] inline void Refuse(const std::string& reason) {
  dprintf(refusals, "milliner-enter: %s\n", reason.c_str());
  _exit(kNotStarted);
}

[[noreturn]] inline void RefuseCall(const std::string& what) { Refuse(what + ": " + strerror(errno)); }

inline void Must(bool worked, const std::string& what) {
  if (!worked) RefuseCall(what);
}

// What a program in an instance reads and writes, passed on: its streams are its own, and it can open them by their names
// in /proc.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

// Bytes go from one descriptor to the other; both are closed at the end of either.
struct Channel {
  int from, to;
  // Read and not yet written.
  std::string pending = {};
};

// From then on a signal ends Relay and the program, and not this process.
void ListenToSignals();
// Passes on all channels until the program ends, and what is left in them then; gives its wait status. A signal kills the
// program. `terminal` gets the size of this process's terminal; -1 if there is none.
int Relay(pid_t program, std::vector<Channel> channels, int terminal);

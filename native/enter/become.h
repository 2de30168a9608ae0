// From root of a user namespace to the program of an image: its user, capabilities and seccomp filter.
#pragma once
#include "order.h"

// Executes the program `args` with the environment, or refuses. `filter` is an open file with the instructions of the
// seccomp filter; every descriptor from 3 on is closed with the execution.
[[noreturn]] void Become(const Order& order, int filter, const Words& args, const Words& environment);

// Moves this process into the control groups whose cgroup.procs are open. The kernel checks the rights of the process
// that opened them.
void JoinGroups(const std::vector<int>& groups);

// Opens the words up to `--`; leaves the pointer behind that.
std::vector<int> OpenGroups(char**& words);

// While this process is dumpable: otherwise the file belongs to the host's root.
void SetOomScore(const Order& order);

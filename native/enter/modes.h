// The programs in one: beside nspawn on the host, as the first process of an instance, for exec, and around a runtime.
#pragma once

// Descriptors that Launch passes through nspawn to Init; further ones are cgroup.procs of the instance's groups.
constexpr int kFirstPassed = 3;
constexpr int kOrderFd = 3;
constexpr int kFilterFd = 4;
constexpr int kOutputFd = 5;
constexpr int kErrorFd = 6;
constexpr int kFirstGroupFd = 7;

// ORDER FILTER LOG PROGRAM ARGUMENT...
int Launch(char** words);
int Init();
// ORDER FILTER PID GROUP... -- PROGRAM ARGUMENT...; the groups are paths of cgroup.procs.
int Exec(char** words, bool hasTerminal);
// FILE PROGRAM ARGUMENT...
int Cover(char** words);
// GROUP... -- PROGRAM ARGUMENT...
int Join(char** words);

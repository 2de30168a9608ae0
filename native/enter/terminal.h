// A terminal of an instance's own, shown at the terminal of the caller.
#pragma once
#include <sys/types.h>

// Opens a new terminal in the mount namespace of the instance; gives its controlling end.
int OpenTerminal();
// In the program's process: the other end becomes its terminal and belongs to its user.
void TakeTerminal(int terminal, uid_t user);
// Passes on what either side writes, until the program ends; gives its wait status.
int ShowTerminal(int terminal, pid_t program);

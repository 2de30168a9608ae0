// Around a program of the host: a file that it alone finds empty, and the control groups that it is in.
#include <sched.h>
#include <sys/mount.h>

#include "become.h"
#include "modes.h"

int Cover(char** words) {
  Must(unshare(CLONE_NEWNS) == 0, "making a mount namespace");
  Must(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0, "making mounts slaves");
  Must(mount("/dev/null", words[0], nullptr, MS_BIND, nullptr) == 0, words[0]);
  execvp(words[1], words + 1);
  RefuseCall(words[1]);
}

int Join(char** words) {
  char** rest = words;
  JoinGroups(OpenGroups(rest));
  if (!*rest) Refuse("there is no program");
  execvp(*rest, rest);
  RefuseCall(*rest);
}

#include "terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "order.h"
#include "relay.h"

int OpenTerminal() {
  const int terminal = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  struct stat found;
  struct statfs place;
  Must(terminal >= 0 && fstat(terminal, &found) == 0 && fstatfs(terminal, &place) == 0, "/dev/pts/ptmx");
  const bool isTerminal = S_ISCHR(found.st_mode) && found.st_rdev == makedev(5, 2) && place.f_type == DEVPTS_SUPER_MAGIC;
  int locked = 0;
  if (!isTerminal || ioctl(terminal, TIOCSPTLCK, &locked) != 0) Refuse("/dev/pts/ptmx makes no terminals");
  Must(fcntl(terminal, F_SETFL, 0) == 0, "/dev/pts/ptmx");
  return terminal;
}

void TakeTerminal(int terminal, uid_t user) {
  const int own = ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  Must(own >= 0 && fchown(own, user, static_cast<gid_t>(-1)) == 0, "opening a terminal");
  Must(setsid() >= 0 && ioctl(own, TIOCSCTTY, 0) == 0, "taking over a terminal");
  for (int fd = 0; fd < 3; fd++) Must(dup2(own, fd) >= 0, "taking over a terminal");
}

int ShowTerminal(int terminal, pid_t program) {
  termios before{};
  const bool isTerminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (isTerminal) {
    termios raw = before;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  const int status = Relay(program, {{STDIN_FILENO, terminal, {}}, {terminal, STDOUT_FILENO, {}}}, terminal);
  if (isTerminal) tcsetattr(STDIN_FILENO, TCSANOW, &before);
  return status;
}

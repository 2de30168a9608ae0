#include "terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>

#include <csignal>

#include "order.h"

namespace {

volatile sig_atomic_t ended = 0, resized = 1;

void OnSignal(int signal) {
  if (signal == SIGWINCH) resized = 1;
  else if (signal != SIGCHLD) ended = signal;
}

void Listen() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  for (const int signal : {SIGWINCH, SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT}) sigaction(signal, &action, nullptr);
}

bool WriteAll(int fd, const char* bytes, ssize_t length) {
  while (length > 0) {
    const ssize_t written = write(fd, bytes, static_cast<size_t>(length));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    length -= written;
  }
  return true;
}

// False at the end of what `from` has.
bool Pass(int from, int to) {
  char piece[65536];
  const ssize_t length = read(from, piece, sizeof piece);
  if (length < 0 && errno == EINTR) return true;
  return length > 0 && WriteAll(to, piece, length);
}

bool IsReadable(int fd, int timeout) {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, timeout) > 0;
}

void Relay(int terminal, pid_t program, int& status) {
  pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {terminal, POLLIN, 0}};
  while (!ended && waitpid(program, &status, WNOHANG) == 0) {
    winsize size;
    if (resized && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(terminal, TIOCSWINSZ, &size);
    resized = 0;
    // A signal may come before poll waits.
    if (poll(both, 2, 100) <= 0) continue;
    if (both[0].revents && !Pass(STDIN_FILENO, terminal)) both[0].fd = -1;
    if (both[1].revents && !Pass(terminal, STDOUT_FILENO)) both[1].fd = -1;
  }
  if (ended) {
    kill(program, SIGKILL);
    waitpid(program, &status, 0);
  }
  // Programs in the background may hold the terminal open without end.
  while (IsReadable(terminal, 0) && Pass(terminal, STDOUT_FILENO)) continue;
}

}  // namespace

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
  termios before{}, raw;
  const bool isTerminal = tcgetattr(STDIN_FILENO, &before) == 0;
  Listen();
  if (isTerminal) {
    raw = before;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  int status = 0;
  Relay(terminal, program, status);
  if (isTerminal) tcsetattr(STDIN_FILENO, TCSANOW, &before);
  return status;
}

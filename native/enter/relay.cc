#include "relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace {

volatile sig_atomic_t ended = 0, resized = 1;

void OnSignal(int signal) {
  if (signal == SIGWINCH) resized = 1;
  else if (signal != SIGCHLD) ended = signal;
}

void Close(Channel& channel) {
  close(channel.from);
  // Of a terminal there is one descriptor for both directions.
  if (channel.to > STDERR_FILENO && !isatty(channel.to)) close(channel.to);
  channel.from = -1;
  channel.pending.clear();
}

// A program may write before it reads on: what it does not take yet must not hold up what it says.
void Pass(Channel& channel) {
  if (channel.pending.empty()) {
    char piece[65536];
    const ssize_t length = read(channel.from, piece, sizeof piece);
    if (length < 0 && errno == EINTR) return;
    if (length <= 0) return Close(channel);
    channel.pending.assign(piece, static_cast<size_t>(length));
  }
  const ssize_t written = write(channel.to, channel.pending.data(), channel.pending.size());
  if (written >= 0) channel.pending.erase(0, static_cast<size_t>(written));
  else if (errno != EINTR && errno != EAGAIN) Close(channel);
}

// False where nothing can be passed on within the time.
bool PassReady(std::vector<Channel>& channels, int timeout) {
  std::vector<pollfd> wanted;
  for (const Channel& one : channels) {
    const bool isWriting = !one.pending.empty();
    wanted.push_back({isWriting ? one.to : one.from, static_cast<short>(isWriting ? POLLOUT : POLLIN), 0});
  }
  if (poll(wanted.data(), wanted.size(), timeout) <= 0) return false;
  for (size_t index = 0; index < wanted.size(); index++) {
    if (wanted[index].revents) Pass(channels[index]);
  }
  return true;
}

void Resize(int terminal) {
  winsize size;
  if (terminal >= 0 && resized && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(terminal, TIOCSWINSZ, &size);
  resized = 0;
}

}  // namespace

void ListenToSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  for (const int signal : {SIGWINCH, SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT}) sigaction(signal, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int Relay(pid_t program, std::vector<Channel> channels, int terminal) {
  int status = 0;
  // Others share our own streams, and would not expect that of them.
  for (const Channel& one : channels) {
    if (one.to > STDERR_FILENO) fcntl(one.to, F_SETFL, O_NONBLOCK);
  }
  while (!ended && waitpid(program, &status, WNOHANG) == 0) {
    Resize(terminal);
    // A signal may come before poll waits.
    PassReady(channels, 100);
  }
  if (ended) {
    kill(program, SIGKILL);
    while (waitpid(program, &status, 0) < 0 && errno == EINTR) continue;
  }
  // What it has written. Programs in the background may hold its output open without end.
  channels.erase(channels.begin());
  for (int pieces = 0; pieces < 1024 && PassReady(channels, 0); pieces++) continue;
  return status;
}

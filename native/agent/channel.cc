#include "channel.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace {

void NeverWait(int fd) {
  if (fd >= 0) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

constexpr size_t kPortBytes = 2;

int FamilyOf(std::string_view to) { return to.size() == kPortBytes + sizeof(in_addr) ? AF_INET : AF_INET6; }

int ConnectTo(int fd, std::string_view to) {
  const in_port_t port = htons(static_cast<uint16_t>(Unpacked(to.substr(0, kPortBytes))));
  const std::string_view bytes = to.substr(kPortBytes);
  if (FamilyOf(to) == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = port;
    memcpy(&address.sin_addr, bytes.data(), sizeof address.sin_addr);
    return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = port;
  memcpy(&address.sin6_addr, bytes.data(), std::min(bytes.size(), sizeof address.sin6_addr));
  return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

void Close(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

Channel::Channel(const Port& port, uint32_t number, const Started& program)
    : port_(port), number_(number), pid_(program.pid), pipes_(program.pipes) {
  NeverWait(pipes_.in);
  NeverWait(pipes_.out);
  NeverWait(pipes_.err);
}

Channel::Channel(const Port& port, uint32_t number, std::string_view to)
    : port_(port), number_(number), socket_(true), connecting_(true), exited_(true) {
  pipes_.out = socket(FamilyOf(to), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (pipes_.out >= 0 && (ConnectTo(pipes_.out, to) == 0 || errno == EINPROGRESS)) return;
  port_.Send('T', number_, Packed(static_cast<uint32_t>(errno)));
  Close(pipes_.out);
}

Channel::~Channel() {
  if (!exited_) kill(pid_, SIGKILL);
  Close(pipes_.in);
  Close(pipes_.out);
  Close(pipes_.err);
}

bool Channel::over() const { return exited_ && pipes_.in < 0 && pipes_.out < 0 && pipes_.err < 0; }

std::vector<pollfd> Channel::Events() const {
  std::vector<pollfd> events;
  if (connecting_) return {{pipes_.out, POLLOUT, 0}};
  if (unused_ > 0 && pipes_.out >= 0) events.push_back({pipes_.out, POLLIN, 0});
  if (unused_ > 0 && pipes_.err >= 0) events.push_back({pipes_.err, POLLIN, 0});
  // An input whose reader has gone is closed at once.
  if (pipes_.in >= 0) events.push_back({pipes_.in, static_cast<short>(input_.empty() ? 0 : POLLOUT), 0});
  return events;
}

void Channel::Handle(const pollfd& event) {
  if (connecting_) return Connected();
  if (event.fd == pipes_.in) return Write();
  if (event.fd == pipes_.out) Read(pipes_.out, 'O');
  else if (event.fd == pipes_.err) Read(pipes_.err, 'R');
}

void Channel::Connected() {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(pipes_.out, SOL_SOCKET, SO_ERROR, &error, &length);
  connecting_ = false;
  if (error != 0) Close(pipes_.out);
  else pipes_.in = fcntl(pipes_.out, F_DUPFD_CLOEXEC, 0);
  port_.Send('T', number_, Packed(static_cast<uint32_t>(error)));
}

void Channel::Read(int& fd, char type) {
  char bytes[kMaxPayload];
  const ssize_t got = read(fd, bytes, std::min<size_t>(sizeof bytes, unused_));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Finish(fd, type);
  unused_ -= static_cast<uint32_t>(got);
  port_.Send(type, number_, {bytes, static_cast<size_t>(got)});
}

void Channel::Finish(int& fd, char type) {
  Close(fd);
  port_.Send('E', number_, {&type, 1});
}

void Channel::Input(std::string_view bytes) {
  input_ += bytes;
  if (pipes_.in < 0) CloseInput();
}

void Channel::EndInput() {
  input_ended_ = true;
  if (input_.empty()) CloseInput();
}

void Channel::Write() {
  const ssize_t written = write(pipes_.in, input_.data(), input_.size());
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (written < 0) return CloseInput();
  input_.erase(0, static_cast<size_t>(written));
  if (written > 0) port_.Send('C', number_, Packed(static_cast<uint32_t>(written)));
  if (input_.empty() && input_ended_) CloseInput();
}

// What can no longer be written counts as used.
void Channel::CloseInput() {
  if (!input_.empty()) port_.Send('C', number_, Packed(static_cast<uint32_t>(input_.size())));
  input_.clear();
  if (socket_ && pipes_.in >= 0) shutdown(pipes_.in, SHUT_WR);
  Close(pipes_.in);
}

void Channel::Exited(int status) {
  exited_ = true;
  CloseInput();
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  port_.Send('X', number_, Packed(static_cast<uint32_t>(code)));
}

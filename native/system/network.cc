// Makes sockets in another network namespace, from this process: a socket belongs to the namespace in which it was
// made.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "descriptor.h"
#include "task.h"

namespace {

// While this object lives, its thread is in the other namespace.
class Visit {
 public:
  explicit Visit(int target) : own_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (own_ < 0) Fail("open", "/proc/thread-self/ns/net");
    if (setns(target, CLONE_NEWNET) == 0) return;
    const int error = errno;
    close(own_);
    errno = error;
    Fail("setns", "network namespace");
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    // A thread that stayed there would send the host's traffic into the namespace of a hostile container.
    if (setns(own_, CLONE_NEWNET) != 0) abort();
    close(own_);
  }

 private:
  int own_;
};

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Address ParseAddress(const std::string& text, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof *v6;
  } else {
    errno = EINVAL;
    Fail("inet_pton", text);
  }
  return address;
}

int MakeSocket(int space, int family, int type) {
  const Visit visit(space);
  const int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) Fail("socket", "");
  return fd;
}

// Returns while the connection is being established; Connected reports when it is.
int Connect(int space, const std::string& text, uint16_t port) {
  const Address address = ParseAddress(text, port);
  const int fd = MakeSocket(space, address.storage.ss_family, SOCK_STREAM);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) return fd;
  if (errno == EINPROGRESS) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  Fail("connect", text);
}

int Bind(int space, int type, const std::string& text, uint16_t port) {
  const Address address = ParseAddress(text, port);
  Descriptor made(MakeSocket(space, address.storage.ss_family, type));
  if (bind(made.fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) Fail("bind", text);
  return made.Release();
}

// Without headers for offloading, which the kernel would have to believe.
int OpenTap(int space, const std::string& name) {
  const Visit visit(space);
  Descriptor device(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (device.fd < 0) Fail("open", "/dev/net/tun");
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(device.fd, TUNSETIFF, &request) != 0) Fail("TUNSETIFF", name);
  return device.Release();
}

bool Connected(int fd) {
  pollfd event{fd, POLLOUT, 0};
  if (poll(&event, 1, 0) == 0) return false;
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0) return true;
  errno = error;
  Fail("connect", "");
}

Napi::Value ConnectJs(const Napi::CallbackInfo& info) {
  return Task<int>::Run(
      info.Env(),
      [space = static_cast<int>(Number(info, 0)), address = Bytes(info, 1),
       port = static_cast<uint16_t>(Number(info, 2))] { return Connect(space, address, port); },
      [](Napi::Env env, const int& fd) -> Napi::Value { return Napi::Number::New(env, fd); });
}

Napi::Value BindJs(const Napi::CallbackInfo& info) {
  const int type = Bytes(info, 1) == "udp" ? SOCK_DGRAM : SOCK_STREAM;
  return Task<int>::Run(
      info.Env(),
      [space = static_cast<int>(Number(info, 0)), type, address = Bytes(info, 2),
       port = static_cast<uint16_t>(Number(info, 3))] { return Bind(space, type, address, port); },
      [](Napi::Env env, const int& fd) -> Napi::Value { return Napi::Number::New(env, fd); });
}

Napi::Value OpenTapJs(const Napi::CallbackInfo& info) {
  return Task<int>::Run(
      info.Env(), [space = static_cast<int>(Number(info, 0)), name = Bytes(info, 1)] { return OpenTap(space, name); },
      [](Napi::Env env, const int& fd) -> Napi::Value { return Napi::Number::New(env, fd); });
}

Napi::Value ConnectedJs(const Napi::CallbackInfo& info) {
  return Task<bool>::Run(
      info.Env(), [fd = static_cast<int>(Number(info, 0))] { return Connected(fd); },
      [](Napi::Env env, const bool& made) -> Napi::Value { return Napi::Boolean::New(env, made); });
}

}  // namespace

void InitNetwork(Napi::Env env, Napi::Object exports) {
  exports.Set("connectIn", Napi::Function::New(env, ConnectJs, "connectIn"));
  exports.Set("bindIn", Napi::Function::New(env, BindJs, "bindIn"));
  exports.Set("openTap", Napi::Function::New(env, OpenTapJs, "openTap"));
  exports.Set("isConnected", Napi::Function::New(env, ConnectedJs, "isConnected"));
}

// The receiving end of sd_notify(3): a unix datagram socket, which Node does not support.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "task.h"

namespace {

// Longer messages than the protocol's are cut.
constexpr size_t kMaxBytes = 4096;

int BindDatagram(const std::string& directory, const std::string& name) {
  // The path of a socket is limited to 107 bytes. Through the descriptor, the directory's own path does not count.
  const int place = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (place < 0) Fail("open", directory);
  const std::string path = "/proc/self/fd/" + std::to_string(place) + "/" + name;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const bool bound = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                     chmod(path.c_str(), 0666) == 0;
  const int error = errno;
  close(place);
  if (bound) return fd;
  if (fd >= 0) close(fd);
  errno = error;
  Fail("bind", directory + "/" + name);
}

Napi::Value BindDatagramJs(const Napi::CallbackInfo& info) {
  return Task<int>::Run(
      info.Env(),
      [directory = Bytes(info, 0), name = Bytes(info, 1)] {
        return BindDatagram(directory, name);
      },
      [](Napi::Env env, const int& fd) -> Napi::Value { return Napi::Number::New(env, fd); });
}

// Does not wait: undefined if there is no datagram.
Napi::Value ReceiveDatagramJs(const Napi::CallbackInfo& info) {
  const int fd = static_cast<int>(Number(info, 0));
  return Task<std::optional<std::string>>::Run(
      info.Env(),
      [fd]() -> std::optional<std::string> {
        std::string message(kMaxBytes, '\0');
        const ssize_t length = recv(fd, message.data(), message.size(), MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
        if (length < 0) Fail("recv", "notification socket");
        message.resize(static_cast<size_t>(length));
        return message;
      },
      [](Napi::Env env, const std::optional<std::string>& message) -> Napi::Value {
        if (!message) return env.Undefined();
        return Napi::Buffer<char>::Copy(env, message->data(), message->size());
      });
}

}  // namespace

void InitNotify(Napi::Env env, Napi::Object exports) {
  exports.Set("bindDatagram", Napi::Function::New(env, BindDatagramJs, "bindDatagram"));
  exports.Set("receiveDatagram", Napi::Function::New(env, ReceiveDatagramJs, "receiveDatagram"));
}

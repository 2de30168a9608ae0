// Digests of the files of a tree, each file read once, on several threads.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "descriptor.h"
#include "openssl.h"
#include "task.h"

namespace {

struct HashCall {
  std::string root;
  std::vector<std::string> paths, algorithms;
  int64_t threads;
  // What was read gets a stamp behind its digests, and what cannot be read has neither.
  bool isStamped;
};

// Of each thread: large enough that calls cost nothing beside the digest, small enough for the processor's cache.
constexpr size_t bufferSize = 128 * 1024;

// Packages filled the tree: a link leads nowhere, no mount is entered, and a FIFO or device is not waited for.
int OpenRegular(int root, const std::string& path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const int fd = static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
  if (fd < 0) Fail("openat2", path);
  struct stat status;
  const int failed = fstat(fd, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
  if (failed == 0) return fd;
  close(fd);
  throw SystemError{failed, "fstat", path};
}

class Hashing {
 public:
  explicit Hashing(const HashCall& call)
      : call_(call),
        root_(open(call.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        width_(call.algorithms.size() + (call.isStamped ? 1 : 0)),
        digests_(call.paths.size() * width_) {
    if (root_.fd < 0) Fail("open", call.root);
  }

  std::vector<std::string> Run() {
    const auto count = std::clamp<int64_t>(call_.threads, 1, static_cast<int64_t>(call_.paths.size()) / 64 + 1);
    std::vector<std::thread> threads;
    try {
      for (int64_t index = 1; index < count; index++) threads.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      // The limit of processes: those that have begun do the work.
    }
    Work();
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    return std::move(digests_);
  }

 private:
  // The others end at their next file after the first failure.
  void Work() {
    try {
      std::vector<Digest> methods(call_.algorithms.begin(), call_.algorithms.end());
      std::vector<char> buffer(bufferSize);
      for (size_t index; (index = next_++) < call_.paths.size();) {
        if (call_.isStamped) HashStamped(index, methods, buffer);
        else HashFile(index, OpenRegular(root_.fd, call_.paths[index]), methods, buffer);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      next_ = call_.paths.size();
    }
  }

  // The files are still being changed: one that has gone or is no regular file is read by a later call, if at all.
  void HashStamped(size_t index, std::vector<Digest>& methods, std::vector<char>& buffer) {
    int fd;
    try {
      fd = OpenRegular(root_.fd, call_.paths[index]);
    } catch (const SystemError&) {
      return;
    }
    digests_[index * width_ + methods.size()] = HashFile(index, fd, methods, buffer);
  }

  // Returns the stamp from before it was read. Closes the descriptor.
  std::string HashFile(size_t index, int fd, std::vector<Digest>& methods, std::vector<char>& buffer) {
    const std::string& path = call_.paths[index];
    const Descriptor file(fd);
    const std::string stamp = call_.isStamped ? StampOf(fd, path) : std::string();
    for (;;) {
      const ssize_t length = read(file.fd, buffer.data(), buffer.size());
      if (length < 0 && errno == EINTR) continue;
      if (length < 0) Fail("read", path);
      if (length == 0) break;
      for (Digest& method : methods) method.Update(buffer.data(), length);
    }
    for (size_t at = 0; at < methods.size(); at++) digests_[index * width_ + at] = Hex(methods[at].Finish());
    return stamp;
  }

  // Another one after any change of the file.
  static std::string StampOf(int fd, const std::string& path) {
    struct stat status;
    if (fstat(fd, &status) != 0) Fail("fstat", path);
    const auto changed = static_cast<int64_t>(status.st_ctim.tv_sec) * 1000000000 + status.st_ctim.tv_nsec;
    return std::to_string(status.st_ino) + " " + std::to_string(changed);
  }

  const HashCall& call_;
  const Descriptor root_;
  const size_t width_;
  std::vector<std::string> digests_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

// Paths end with NUL, so that one buffer holds all of them.
std::vector<std::string> SplitPaths(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsBuffer()) throw Napi::TypeError::New(info.Env(), "the paths are no Buffer");
  const auto buffer = info[index].As<Napi::Buffer<char>>();
  std::vector<std::string> paths;
  const char* const end = buffer.Data() + buffer.Length();
  for (const char* at = buffer.Data(); at < end;) {
    const char* const stop = std::find(at, end, '\0');
    paths.emplace_back(at, stop);
    at = stop + 1;
  }
  return paths;
}

std::vector<std::string> Names(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsArray()) throw Napi::TypeError::New(info.Env(), "the algorithms are no array");
  const auto list = info[index].As<Napi::Array>();
  std::vector<std::string> names;
  for (uint32_t at = 0; at < list.Length(); at++) names.push_back(list.Get(at).ToString().Utf8Value());
  return names;
}

Napi::Value HashFiles(const Napi::CallbackInfo& info) {
  using Digests = std::vector<std::string>;
  return Task<Digests>::Run(
      info.Env(),
      [call = HashCall{Bytes(info, 0), SplitPaths(info, 1), Names(info, 2), Number(info, 3),
                       info[4].ToBoolean().Value()}] {
        return Hashing(call).Run();
      },
      [](Napi::Env env, const Digests& digests) -> Napi::Value {
        auto list = Napi::Array::New(env, digests.size());
        for (uint32_t index = 0; index < digests.size(); index++) {
          Napi::HandleScope scope(env);
          list.Set(index, Napi::String::New(env, digests[index]));
        }
        return list;
      });
}

std::string HashWhole(int fd) {
  Digest digest("sha256");
  std::vector<char> buffer(bufferSize);
  for (off_t at = 0;;) {
    const ssize_t count = pread(fd, buffer.data(), buffer.size(), at);
    if (count < 0) Fail("pread", {});
    if (count == 0) return Hex(digest.Finish());
    digest.Update(buffer.data(), count);
    at += count;
  }
}

Napi::Value HashDescriptor(const Napi::CallbackInfo& info) {
  const int fd = static_cast<int>(Number(info, 0));
  return Task<std::string>::Run(
      info.Env(), [fd] { return HashWhole(fd); },
      [](Napi::Env env, const std::string& digest) -> Napi::Value { return Napi::String::New(env, digest); });
}

}  // namespace

void InitHashFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("hashDescriptor", Napi::Function::New(env, HashDescriptor, "hashDescriptor"));
  exports.Set("hashFiles", Napi::Function::New(env, HashFiles, "hashFiles"));
}

#include "image_root.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "files.h"

namespace {

std::string ParentOf(const std::string& path) {
  const size_t at = path.rfind('/');
  return at == 0 || at == std::string::npos ? "/" : path.substr(0, at);
}

// A link may lead to a place that is not made yet; the root is the image's by now, so it leads nowhere else.
void MakeFileAt(std::string path) {
  for (int links = 0; links < 40; ++links) {
    const int fd = open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd >= 0) {
      close(fd);
      return;
    }
    if (errno != ENOENT) break;
    char target[PATH_MAX];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length > 0) {
      const std::string link(target, static_cast<size_t>(length));
      path = link[0] == '/' ? link : ParentOf(path) + "/" + link;
    }
    MakeDirectories(ParentOf(path));
  }
  FailWith(path, true);
}

void BindFrom(int source, const Mount& wanted) {
  const std::string from = "/proc/self/fd/" + std::to_string(source);
  struct stat found {};
  if (fstat(source, &found) != 0) FailWith(wanted.source);
  if (S_ISDIR(found.st_mode)) {
    MakeDirectories(wanted.target);
  } else {
    MakeDirectories(ParentOf(wanted.target));
    MakeFileAt(wanted.target);
  }
  if (mount(from.c_str(), wanted.target.c_str(), "", MS_BIND, "") != 0) FailWith(wanted.target, true);
  const unsigned long flags = MS_BIND | MS_REMOUNT | wanted.flags;
  if (mount("", wanted.target.c_str(), "", flags, "") != 0) FailWith(wanted.target);
}

void MountOne(const Mount& wanted) {
  MakeDirectories(wanted.target);
  const char* target = wanted.target.c_str();
  if (mount(wanted.source.c_str(), target, wanted.type.c_str(), wanted.flags, wanted.data.c_str()) != 0) {
    FailWith("mount " + wanted.target, true);
  }
}

// As OCI runtimes do (runtime specification, config-linux.md, "Default Devices").
void MakeDevices() {
  struct Device {
    const char* path;
    unsigned major, minor;
  };
  const Device devices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                            {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
  const mode_t mask = umask(0);
  for (const auto& [path, major, minor] : devices) {
    if (mknod(path, S_IFCHR | 0666, makedev(major, minor)) != 0) FailWith(path);
  }
  umask(mask);
  const char* links[][2] = {{"pts/ptmx", "/dev/ptmx"},          {"/proc/self/fd", "/dev/fd"},
                            {"/proc/self/fd/0", "/dev/stdin"},  {"/proc/self/fd/1", "/dev/stdout"},
                            {"/proc/self/fd/2", "/dev/stderr"}, {"/proc/kcore", "/dev/core"}};
  for (const auto& [target, path] : links) {
    if (symlink(target, path) != 0) FailWith(path);
  }
}

void Hide(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return;
  const bool hidden = S_ISDIR(found.st_mode)
                          ? mount("tmpfs", path.c_str(), "tmpfs", MS_RDONLY, "size=0") == 0
                          : mount("/dev/null", path.c_str(), "", MS_BIND, "") == 0;
  if (!hidden) FailWith(path);
}

void MakeReadOnly(const std::string& path) {
  if (mount(path.c_str(), path.c_str(), "", MS_BIND | MS_REC, "") != 0) {
    if (errno == ENOENT) return;
    FailWith(path);
  }
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("", path.c_str(), "", flags, "") != 0) FailWith(path);
}

}  // namespace

void EnterRoot(const Settings& settings, const std::string& root) {
  if (mount("", "/", "", MS_REC | MS_PRIVATE, "") != 0) FailWith("propagation");
  const int given = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (given < 0 || chdir(root.c_str()) != 0) FailWith(root);
  if (mount(".", "/", "", MS_MOVE, "") != 0 || chroot(".") != 0 || chdir("/") != 0) FailWith("root");
  for (const auto& wanted : settings.mounts) {
    if (wanted.type != "bind") {
      MountOne(wanted);
      continue;
    }
    const int source = openat(given, wanted.source.c_str(), O_PATH | O_CLOEXEC);
    if (source < 0) FailWith(wanted.source);
    BindFrom(source, wanted);
    close(source);
  }
  close(given);
  MakeDevices();
  for (const auto& path : settings.masked) Hide(path);
  for (const auto& path : settings.readonly) MakeReadOnly(path);
}

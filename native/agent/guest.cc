#include "guest.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "disks.h"
#include "files.h"
#include "frames.h"
#include "link.h"

namespace {

void MountOn(const char* type, const std::string& target, unsigned long flags = 0, const char* data = "") {
  mkdir(target.c_str(), 0755);
  if (mount(type, target.c_str(), type, flags, data) != 0) FailWith(std::string("mount ") + type);
}

// Their names begin with their place in the order of their dependencies.
void LoadModules() {
  for (const auto& name : NamesIn("/modules")) {
    const int fd = open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) FailWith("module " + name);
    close(fd);
  }
}

// Nothing that is opened later may take the place of a standard stream.
void UseConsole() {
  for (int fd = 0; fd < 3;) {
    fd = open("/dev/console", O_RDWR);
    if (fd < 0) fd = open("/dev/null", O_RDWR);
    if (fd < 0) FailWith("/dev/null");
    if (fd > 2) close(fd);
  }
}

void MakeGroups(const Settings& settings) {
  // Without the last one, what is read and written is not counted.
  const bool counts = ReadFile("/cgroup/cgroup.controllers").find("io") != std::string::npos;
  const std::string controllers = std::string("+memory +pids +cpu") + (counts ? " +io" : "");
  WriteFile("/cgroup/cgroup.subtree_control", controllers);
  mkdir(kLimits.c_str(), 0755);
  WriteFile(kLimits + "/cgroup.max.descendants", "4096");
  WriteFile(kLimits + "/cgroup.max.depth", "32");
  WriteFile(kLimits + "/cgroup.subtree_control", controllers);
  mkdir(kGroup.c_str(), 0755);
  // The inner ones are for programs that look at what they may use.
  for (const auto& group : {kLimits, kGroup}) {
    WriteFile(group + "/memory.max", settings.memory);
    WriteFile(group + "/pids.max", settings.pids);
    if (!settings.cpu.empty()) WriteFile(group + "/cpu.max", settings.cpu);
    if (!settings.swap.empty()) WriteFile(group + "/memory.swap.max", settings.swap);
  }
}

uint64_t NumberOf(const std::string& text) { return strtoull(text.c_str(), nullptr, 10); }

// Of lines of a name and a number.
uint64_t Field(const std::string& text, const std::string& name) {
  const std::string lines = "\n" + text;
  const size_t at = lines.find("\n" + name + " ");
  return at == std::string::npos ? 0 : NumberOf(lines.substr(at + name.size() + 2));
}

// Of all devices, in lines such as `254:0 rbytes=1 wbytes=2 rios=3`.
uint64_t Transferred(const std::string& text, const std::string& word) {
  uint64_t sum = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    sum += NumberOf(text.substr(at + word.size()));
  }
  return sum;
}

// They lie in memory, bounded by what they are.
void PlaceHandedFiles(const Settings& settings) {
  if (settings.handed.empty()) return;
  MountOn("tmpfs", kHanded, MS_NOSUID | MS_NODEV, "mode=711");
  int number = 0;
  for (const auto& file : settings.handed) {
    const std::string place = kHanded + "/" + std::to_string(number++);
    WriteFile(place, file.content);
    if (chown(place.c_str(), file.uid, file.gid) != 0 || chmod(place.c_str(), file.mode) != 0) FailWith(place);
  }
}

}  // namespace

void SetUpGuest() {
  MountOn("proc", "/proc");
  MountOn("sysfs", "/sys");
  MountOn("devtmpfs", "/dev");
  UseConsole();
  MountOn("cgroup2", "/cgroup");
  LoadModules();
  RaiseLink("lo");
}

int OpenPort(const std::string& name) {
  const std::string ports = "/sys/class/virtio-ports";
  // The device announces its ports a moment after its module is loaded.
  for (int attempt = 0; attempt < 3000; ++attempt) {
    for (const auto& port : NamesIn(ports)) {
      if (ReadFile(ports + "/" + port + "/name") != name + "\n") continue;
      const int fd = open(("/dev/" + port).c_str(), O_RDWR | O_CLOEXEC);
      if (fd >= 0) return fd;
    }
    usleep(10000);
  }
  errno = ENODEV;
  FailWith("port " + name);
}

void SetUpImage(const Settings& settings) {
  const timespec now{static_cast<time_t>(settings.time), 0};
  clock_settime(CLOCK_REALTIME, &now);
  MountDisks(settings);
  if (!settings.ipv4.empty()) SetUpLink(settings);
  MakeGroups(settings);
  MountOn("tmpfs", kFiles, MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=16,mode=755");
  for (const auto& [name, content] : settings.files) WriteFile(kFiles + "/" + name, content);
  PlaceHandedFiles(settings);
}

std::string GuestState() {
  const std::string pids = "/pids.events";
  struct statvfs space {};
  const bool mounted = statvfs(kRoot.c_str(), &space) == 0;
  // Of the outer group's counters some kernels have only what happened in that group itself.
  const uint64_t refused =
      std::max(Field(ReadFile(kLimits + pids), "max"), Field(ReadFile(kGroup + pids), "max"));
  const uint64_t peak = NumberOf(ReadFile(kLimits + "/memory.peak"));
  const std::string transfer = ReadFile(kLimits + "/io.stat");
  return Packed(Nanoseconds()) + Packed(Field(ReadFile(kLimits + "/memory.events"), "oom_kill")) +
         Packed(refused) + Packed(peak) +
         Packed(mounted ? static_cast<uint64_t>(space.f_bavail) * space.f_frsize : uint64_t{0}) +
         Packed(mounted ? static_cast<uint64_t>(space.f_ffree) : uint64_t{0}) +
         Packed(Field(ReadFile(kLimits + "/cpu.stat"), "usage_usec")) +
         Packed(NumberOf(ReadFile(kLimits + "/pids.peak"))) + Packed(Transferred(transfer, "rbytes=")) +
         Packed(Transferred(transfer, "wbytes="));
}

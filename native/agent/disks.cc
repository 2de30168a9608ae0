#include "disks.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include <cerrno>

#include "files.h"
#include "guest.h"

namespace {

std::string DiskNamed(const std::string& serial) {
  // A disk announces itself a moment after its module is loaded.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    for (const auto& name : NamesIn("/sys/block")) {
      const std::string device = "/dev/" + name;
      if (ReadFile("/sys/block/" + name + "/serial") == serial && access(device.c_str(), F_OK) == 0) return device;
    }
    usleep(10000);
  }
  errno = ENOENT;
  FailWith("disk " + serial);
}

void MountDisk(const std::string& serial, const std::string& place, unsigned long flags, const char* options) {
  MakeDirectories(place);
  const std::string device = DiskNamed(serial);
  if (mount(device.c_str(), place.c_str(), "ext4", flags, options) != 0) FailWith("disk " + serial);
}

}  // namespace

void MountDisks(const Settings& settings) {
  // Nobody may use the blocks that are reserved (src/stages/boot/machine/root-disk.ts).
  MountDisk("root", kRoot, MS_NODEV | MS_NOATIME, "noinit_itable,resuid=4294967294");
  for (const auto& volume : settings.volumes) {
    MountDisk(volume.serial, kVolumes + "/" + volume.serial, MS_NODEV | MS_NOSUID | (volume.readonly ? MS_RDONLY : 0),
              "noinit_itable");
  }
  if (!settings.swap.empty() && swapon(DiskNamed("swap").c_str(), 0) != 0) FailWith("swap");
}

void FinishVolumes(const Settings& settings) {
  for (const auto& volume : settings.volumes) {
    const std::string place = kVolumes + "/" + volume.serial;
    if (mount("", place.c_str(), "", MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID, "") != 0) sync();
  }
}

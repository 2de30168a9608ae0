// The machine itself, before and beside the image.
#pragma once
#include <string>

#include "settings.h"

// In the initramfs: where the image's root is mounted, the files that it gets from the host, and the control groups.
inline const std::string kRoot = "/newroot";
inline const std::string kFiles = "/files";
inline const std::string kHanded = "/handed";
inline const std::string kVolumes = "/volumes";
// Its limits hold for all below; the image sees and owns the group inside.
inline const std::string kLimits = "/cgroup/machine";
inline const std::string kGroup = kLimits + "/instance";

// Mounts what the kernel shows and loads the modules of the initramfs. Throws Failure.
void SetUpGuest();
// Opens the port of this name. Throws Failure.
int OpenPort(const std::string& name);
// Mounts the disks, and makes the link, groups and files. Throws Failure.
void SetUpImage(const Settings& settings);
// Counters for the host: time, killed for memory, refused forks, peak of memory, free bytes and inodes, microseconds of
// the processors, peak of processes, bytes read and written; 0 for what the kernel does not count.
std::string GuestState();

// The disks of the machine, each known by the serial number that the host has given it.
#pragma once
#include "settings.h"

// Mounts the image's root and the volumes, and swaps to what is there for it. Throws Failure.
void MountDisks(const Settings& settings);
// Once nothing writes to them any more: all of it is on the disk, and whole.
void FinishVolumes(const Settings& settings);

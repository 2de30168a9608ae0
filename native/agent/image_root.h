// What the image's first process sees of the file system.
#pragma once
#include "settings.h"

// In a mount namespace of its own: makes the image's root the root, and mounts what the host has told; what is bound
// lies in the root of before. Throws Failure.
void EnterRoot(const Settings& settings, const std::string& root);

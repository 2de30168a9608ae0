// Unpacks the members of a layer into a directory, without owners, attributes and device nodes.
#pragma once
#include <optional>

#include "failure.h"
#include "segments.h"

namespace layer {

// Returns why it failed. A path of the segments may occur twice: the last one counts.
std::optional<LayerFailure> Unpack(const std::string& segments, const std::string& root);

}  // namespace layer

// A line of a layer's listing, as src/stages/layer/tar/listing.ts reads it.
#pragma once
#include "segments.h"

namespace layer {

void AppendListing(std::string& to, const TarEntry& entry, const std::string& sha256);

// Quoted, where each byte is the character of its number.
void AppendJson(std::string& to, const std::string& bytes);

std::string Base64(const std::string& bytes);

}  // namespace layer

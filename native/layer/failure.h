// Why no layer was made, with the code of Milliner's table of errors. The text follows the package's or layer's name.
#pragma once
#include <string>
#include <utility>

namespace layer {

struct LayerFailure {
  // PACKAGE_INVALID, LAYERS_DIFFER, BLOB_CORRUPT, FILE_CHANGED, DISK_FULL.
  const char* code;
  std::string text;
  // The path of the package or blob.
  std::string subject;
};

[[noreturn]] inline void RefusePackage(std::string text) { throw LayerFailure{"PACKAGE_INVALID", std::move(text), {}}; }

[[noreturn]] inline void RefuseStream(std::string text) { throw LayerFailure{"LAYERS_DIFFER", std::move(text), {}}; }

}  // namespace layer

#include "layer_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "../system/system_error.h"

namespace layer {

LayerFile::LayerFile(const std::string& path)
    : path_(path), file_(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)), reserve_(file_, path) {
  if (file_ < 0) Fail("open", path);
}

LayerFile::~LayerFile() { close(file_); }

void LayerFile::Write(std::string_view bytes) {
  reserve_.Spend(bytes.size());
  digest_.Update(bytes.data(), bytes.size());
  while (!bytes.empty()) {
    const ssize_t count = write(file_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      Fail("write", path_);
    }
    bytes.remove_prefix(count);
    size_ += count;
  }
}

}  // namespace layer

// Metadata in libsolv's own format, which loads in a fraction of the time of XML.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "solve_pool.h"

extern "C" {
#include <solv/repo_solv.h>
#include <solv/repo_write.h>
#include <solv/repodata.h>
}

namespace solve {
namespace {

using FilePtr = std::unique_ptr<FILE, decltype(&fclose)>;

}  // namespace

void readSolv(Repo* repo, const std::string& path, int flags) {
  FilePtr file(fopen(path.c_str(), "re"), fclose);
  if (!file) throw BadFile(path, std::strerror(errno));
  if (repo_add_solv(repo, file.get(), flags)) throw BadFile(path, pool_errstr(repo->pool));
}

// Only this data is written: packages belong to the first data, and later data only extends them.
bool writeSolv(Repodata* data, const std::string& path) {
  FilePtr file(fopen(path.c_str(), "wxe"), fclose);
  if (!file) return false;
  bool written = data->repodataid == 1 ? repo_write(data->repo, file.get()) == 0 : repodata_write(data, file.get()) == 0;
  return written && fflush(file.get()) == 0 && !ferror(file.get());
}

}  // namespace solve

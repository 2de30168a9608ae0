// Packages of repositories as installed ones. A plan asks what would follow from packages that are not downloaded, so
// their metadata takes the place of their headers. Their digest makes sure that both are of one file.
#include <string>

#include "solve_pool.h"

extern "C" {
#include <solv/dataiterator.h>
#include <solv/knownid.h>
#include <solv/repodata.h>
#include <solv/solvable.h>
}

namespace solve {
namespace {

constexpr Id dependencies[] = {SOLVABLE_PROVIDES,   SOLVABLE_REQUIRES, SOLVABLE_CONFLICTS,   SOLVABLE_OBSOLETES,
                               SOLVABLE_RECOMMENDS, SOLVABLE_SUGGESTS, SOLVABLE_SUPPLEMENTS, SOLVABLE_ENHANCES};

void copyFiles(Repodata* data, Id to, Solvable* source) {
  Pool* pool = source->repo->pool;
  Dataiterator di;
  const Id p = static_cast<Id>(source - pool->solvables);
  dataiterator_init(&di, pool, source->repo, p, SOLVABLE_FILELIST, nullptr, SEARCH_COMPLETE_FILELIST);
  while (dataiterator_step(&di)) {
    const std::string path = repodata_dir2str(di.data, di.kv.id, di.kv.str);
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) continue;
    const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
    repodata_add_dirstr(data, to, SOLVABLE_FILELIST, repodata_str2dir(data, directory.c_str(), 1), path.c_str() + slash + 1);
  }
  dataiterator_free(&di);
}

}  // namespace

bool isDigest(const std::string& word) { return word.compare(0, 7, "sha256:") == 0; }

// The digest becomes the location, by which Kept knows its packages.
void copyInstalled(Repo* repo, Id from, const std::string& digest) {
  Pool* pool = repo->pool;
  Repodata* data = repo_add_repodata(repo, REPO_REUSE_REPODATA);
  const Id to = repo_add_solvable(repo);
  // Adding it may have moved all of them.
  Solvable* source = pool_id2solvable(pool, from);
  Solvable* target = pool_id2solvable(pool, to);
  target->name = source->name;
  target->arch = source->arch;
  target->evr = source->evr;
  target->vendor = source->vendor;
  for (Id key : dependencies) {
    Ids deps;
    solvable_lookup_deparray(source, key, &deps, 0);
    if (deps.count() > 0) solvable_set_deparray(target, key, &deps, 0);
  }
  copyFiles(data, to, source);
  repodata_set_num(data, to, SOLVABLE_BUILDTIME, solvable_lookup_num(source, SOLVABLE_BUILDTIME, 0));
  repodata_set_location(data, to, 0, nullptr, digest.c_str());
}

}  // namespace solve

// Fills libsolv's pool from repository metadata and .rpm files. libsolv breaks ties by the order in which packages were
// added, so the order of a mirror's metadata could change the solution. So repositories are added in the order of
// priority and name, and the packages of each are sorted before anything refers to them.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <tuple>

#include "solve_pool.h"
#include "solve_read.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/repo_rpmdb.h>
#include <solv/repo_rpmmd.h>
#include <solv/repodata.h>
#include <solv/solv_xfopen.h>
#include <solv/solvable.h>
}

namespace solve {
namespace {

// rpm's own limit for headers.
constexpr uint64_t headerLimit = 384 * 1024 * 1024;

void addMetadata(Repo* repo, const std::string& path, uint64_t limit, const char* language, int flags) {
  Guarded guarded(solv_xfopen(path.c_str(), "r"), path, limit, Guarded::Kind::document);
  int failed = repo_add_rpmmd(repo, guarded.file(), language, flags);
  guarded.check();
  if (failed) throw BadFile(path, pool_errstr(repo->pool));
}

struct RpmState {
  void* state;
  explicit RpmState(Pool* pool) : state(rpm_state_create(pool, "/")) {}
  ~RpmState() { rpm_state_free(state); }
  RpmState(const RpmState&) = delete;
  RpmState& operator=(const RpmState&) = delete;
};

// Only headers are read: the checksum of a package matters once it is chosen.
void addPackages(Repo* repo, const std::vector<std::string>& files, const FindPackage& find = nullptr) {
  RpmState rpm(repo->pool);
  for (const auto& path : files) {
    if (find && isDigest(path)) {
      copyInstalled(repo, find(path), path);
      continue;
    }
    Guarded guarded(fopen(path.c_str(), "re"), path, headerLimit, Guarded::Kind::package);
    void* header = rpm_byfp(rpm.state, guarded.file(), path.c_str());
    Id p = header ? repo_add_rpm_handle(repo, header, REPO_NO_INTERNALIZE | REPO_REUSE_REPODATA) : 0;
    guarded.check();
    if (!p) throw BadFile(path, pool_errstr(repo->pool));
    repodata_set_location(repo_last_repodata(repo), p, 0, nullptr, path.c_str());
  }
}

int compareById(Pool* pool, const Solvable& a, const Solvable& b) {
  if (int r = std::strcmp(pool_id2str(pool, a.name), pool_id2str(pool, b.name))) return r;
  if (int r = std::strcmp(pool_id2str(pool, a.arch), pool_id2str(pool, b.arch))) return r;
  return std::strcmp(pool_id2str(pool, a.evr), pool_id2str(pool, b.evr));
}

// Sorts the packages of a repository that was just loaded, together with their attributes.
void sortAndSeal(Repo* repo) {
  Pool* pool = repo->pool;
  Repodata* data = repo_last_repodata(repo);
  std::vector<Id> from(static_cast<size_t>(repo->end - repo->start));
  std::iota(from.begin(), from.end(), repo->start);
  std::stable_sort(from.begin(), from.end(), [pool](Id a, Id b) {
    return compareById(pool, pool->solvables[a], pool->solvables[b]) < 0;
  });
  for (size_t i = 0; i < from.size(); i++) {
    // An earlier step may have moved the entry for position i: follow it.
    Id source = from[i];
    Id target = repo->start + static_cast<Id>(i);
    while (source < target) source = from[static_cast<size_t>(source - repo->start)];
    if (source == target) continue;
    std::swap(pool->solvables[source], pool->solvables[target]);
    repodata_swap_attrs(data, target, source);
  }
  repo_internalize(repo);
}

void cache(Repo* repo, const std::string& path, std::vector<std::string>* cached) {
  if (path.empty()) return;
  // Writing needs as much memory as it writes. The hashes are rebuilt by the next lookup of a name.
  pool_freeidhashes(repo->pool);
  malloc_trim(0);
  if (writeSolv(repo_last_repodata(repo), path)) cached->push_back(path);
}

// Before file dependencies are looked up, so that the cache depends only on the document.
void addPrimary(Repo* repo, const RepoInput& input, std::vector<std::string>* cached) {
  if (!input.primarySolv.empty()) return readSolv(repo, input.primarySolv, 0);
  addMetadata(repo, input.primary, input.primaryLimit, nullptr, REPO_NO_INTERNALIZE);
  if (repo->nsolvables == 0) return;
  sortAndSeal(repo);
  cache(repo, input.cachePrimary, cached);
}

void addFilelists(Repo* repo, const RepoInput& input, std::vector<std::string>* cached) {
  constexpr int flags = REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL;
  if (!input.filelistsSolv.empty()) return readSolv(repo, input.filelistsSolv, flags);
  if (input.filelists.empty()) return;
  addMetadata(repo, input.filelists, input.filelistsLimit, "FL", flags);
  cache(repo, input.cacheFilelists, cached);
}

std::string sortKey(Solvable* s) {
  char built[24];
  std::snprintf(built, sizeof built, "%020llu", ~solvable_lookup_num(s, SOLVABLE_BUILDTIME, 0));
  const char* location = solvable_lookup_location(s, nullptr);
  return std::string(built) + (location ? location : "");
}

}  // namespace

void loadInstalled(Pool* pool, const std::vector<std::string>& files, const FindPackage& find) {
  Repo* repo = repo_create(pool, "@System");
  pool_set_installed(pool, repo);
  if (files.empty()) return;
  addPackages(repo, files, find);
  sortAndSeal(repo);
}

std::vector<LoadedRepo> loadRepos(Pool* pool, const std::vector<RepoInput>& inputs, std::vector<std::string>* cached) {
  std::vector<const RepoInput*> order;
  for (const auto& input : inputs) order.push_back(&input);
  std::stable_sort(order.begin(), order.end(), [](const RepoInput* a, const RepoInput* b) {
    return std::tie(a->priority, a->cost, a->name) < std::tie(b->priority, b->cost, b->name);
  });
  std::vector<LoadedRepo> repos;
  for (const RepoInput* input : order) {
    Repo* repo = repo_create(pool, input->name.c_str());
    repo->priority = -input->priority;
    repo->subpriority = -input->cost;
    repos.push_back({repo, input});
    if (input->packages) {
      addPackages(repo, input->files);
      if (repo->nsolvables > 0) sortAndSeal(repo);
    } else {
      addPrimary(repo, *input, cached);
      if (repo->nsolvables > 0) addFilelists(repo, *input, cached);
    }
  }
  return repos;
}

// If a repository has one NEVRA twice, the newest build counts; sorting has made them neighbours.
void hideRepeated(Pool* pool, Map* considered) {
  Id best = 0;
  for (Id p = 2; p < pool->nsolvables; p++) {
    Solvable* s = pool_id2solvable(pool, p);
    Solvable* kept = pool_id2solvable(pool, best);
    if (!best || !s->repo || s->repo != kept->repo || s->repo == pool->installed || compareById(pool, *s, *kept)) {
      best = p;
      continue;
    }
    bool better = sortKey(s) < sortKey(kept);
    MAPCLR(considered, better ? best : p);
    if (better) best = p;
  }
}

}  // namespace solve

// Fills libsolv's pool from repository metadata and from .rpm files.
//
// libsolv breaks ties by the order in which solvables were added, so a mirror that lists the same packages in
// another order could give another answer. Repositories are therefore taken in the order of their priority and
// name, and the solvables of each are sorted before anything refers to them.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <algorithm>
#include <numeric>

#include "solve_pool.h"

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

constexpr int packageFlags = REPO_NO_INTERNALIZE | REPO_REUSE_REPODATA;

// Decompressed bytes on their way to the parser, counted: a few kilobytes can unpack to terabytes.
struct Metered {
  FILE* in;
  uint64_t left;
  bool exceeded = false;
  bool corrupt = false;
};

ssize_t readMetered(void* cookie, char* buffer, size_t size) {
  auto* meter = static_cast<Metered*>(cookie);
  size_t got = fread(buffer, 1, size, meter->in);
  if (ferror(meter->in)) meter->corrupt = true;
  if (got > meter->left) meter->exceeded = true;
  if (meter->corrupt || meter->exceeded) {
    errno = EIO;
    return -1;
  }
  meter->left -= got;
  return static_cast<ssize_t>(got);
}

void addMetadata(Repo* repo, const std::string& path, uint64_t limit, const char* language, int flags) {
  FILE* in = solv_xfopen(path.c_str(), "r");
  if (!in) throw BadFile(path, std::strerror(errno));
  Metered meter{in, limit};
  FILE* metered = fopencookie(&meter, "r", {readMetered, nullptr, nullptr, nullptr});
  if (!metered) {
    fclose(in);
    throw BadFile(path, "out of memory");
  }
  int failed = repo_add_rpmmd(repo, metered, language, flags);
  fclose(metered);
  fclose(in);
  if (meter.exceeded) throw BadFile(path, "it unpacks to more than " + std::to_string(limit) + " bytes");
  if (meter.corrupt) throw BadFile(path, "its compressed data is damaged or cut short");
  if (failed) throw BadFile(path, pool_errstr(repo->pool));
}

void addPackages(Repo* repo, const std::vector<std::string>& files, int flags) {
  for (const auto& file : files) {
    if (!repo_add_rpm(repo, file.c_str(), packageFlags | flags)) throw BadFile(file, pool_errstr(repo->pool));
  }
}

int compareById(Pool* pool, const Solvable& a, const Solvable& b) {
  if (int r = std::strcmp(pool_id2str(pool, a.name), pool_id2str(pool, b.name))) return r;
  if (int r = std::strcmp(pool_id2str(pool, a.arch), pool_id2str(pool, b.arch))) return r;
  return std::strcmp(pool_id2str(pool, a.evr), pool_id2str(pool, b.evr));
}

// Sorts the solvables of a repository that was just loaded, together with their still loose attributes.
void sortAndSeal(Repo* repo) {
  Pool* pool = repo->pool;
  Repodata* data = repo_last_repodata(repo);
  std::vector<Id> from(static_cast<size_t>(repo->end - repo->start));
  std::iota(from.begin(), from.end(), repo->start);
  std::stable_sort(from.begin(), from.end(), [pool](Id a, Id b) {
    return compareById(pool, pool->solvables[a], pool->solvables[b]) < 0;
  });
  for (size_t i = 0; i < from.size(); i++) {
    // What belongs at i may have been swapped away by an earlier step: follow it.
    Id source = from[i];
    Id target = repo->start + static_cast<Id>(i);
    while (source < target) source = from[static_cast<size_t>(source - repo->start)];
    if (source == target) continue;
    std::swap(pool->solvables[source], pool->solvables[target]);
    repodata_swap_attrs(data, target, source);
  }
  repo_internalize(repo);
}

std::string sortKey(Solvable* s) {
  char built[24];
  std::snprintf(built, sizeof built, "%020llu", ~solvable_lookup_num(s, SOLVABLE_BUILDTIME, 0));
  Id type = 0;
  const char* checksum = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);
  const char* location = solvable_lookup_location(s, nullptr);
  return std::string(built) + (location ? location : "") + '\n' + (checksum ? checksum : "");
}

}  // namespace

void loadInstalled(Pool* pool, const std::vector<std::string>& files) {
  Repo* repo = repo_create(pool, "@System");
  pool_set_installed(pool, repo);
  if (files.empty()) return;
  addPackages(repo, files, 0);
  sortAndSeal(repo);
}

std::vector<LoadedRepo> loadRepos(Pool* pool, const std::vector<RepoInput>& inputs) {
  std::vector<const RepoInput*> order;
  for (const auto& input : inputs) order.push_back(&input);
  std::stable_sort(order.begin(), order.end(), [](const RepoInput* a, const RepoInput* b) {
    return a->priority != b->priority ? a->priority < b->priority : a->name < b->name;
  });
  std::vector<LoadedRepo> repos;
  for (const RepoInput* input : order) {
    Repo* repo = repo_create(pool, input->name.c_str());
    repo->priority = -input->priority;
    repos.push_back({repo, input});
    if (input->packages) {
      addPackages(repo, input->files, RPM_ADD_WITH_SHA256SUM);
    } else {
      addMetadata(repo, input->primary, input->primaryLimit, nullptr, REPO_NO_INTERNALIZE);
    }
    if (repo->nsolvables == 0) continue;
    sortAndSeal(repo);
    if (!input->filelists.empty()) {
      addMetadata(repo, input->filelists, input->filelistsLimit, "FL", REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL);
    }
  }
  return repos;
}

// A repository that offers one NEVRA twice keeps the newest build; sorting has made them neighbours.
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

// Primary metadata lists only some files of a package. This decides whether that is enough, so that the large filelists
// are fetched only if they could matter. A file dependency that only they can answer does not always fail: it may also
// silently lead to another choice.
#include <cstring>
#include <functional>

#include "solve_pool.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

// Calls back for every plain name in a dependency, also in a rich one.
void eachName(Pool* pool, Id dep, const std::function<void(Id)>& visit) {
  while (ISRELDEP(dep)) {
    Reldep* rel = GETRELDEP(pool, dep);
    if (rel->flags == REL_NAMESPACE) return;
    // Flags up to 7 compare versions; of the others only REL_ARCH has no dependency on its right side.
    if (rel->flags > 7 && rel->flags != REL_ARCH) eachName(pool, rel->evr, visit);
    dep = rel->name;
  }
  visit(dep);
}

class Reach {
 public:
  Reach(Pool* pool, bool weakDeps) : pool(pool), weak_(weakDeps) {
    map_init(&seen_, pool->nsolvables);
    if (weak_) addSupplementing();
  }
  ~Reach() { map_free(&seen_); }
  Reach(const Reach&) = delete;
  Reach& operator=(const Reach&) = delete;

  void add(Id p) {
    Solvable* s = pool_id2solvable(pool, p);
    if (MAPTST(&seen_, p) || s->repo == pool->installed || !pool_installable(pool, s)) return;
    MAPSET(&seen_, p);
    queue_push(&pending_, p);
  }

  // File lists of installed packages are complete, but an update could move a file that one of them needs.
  void addInstalled() {
    Id p;
    Solvable* s;
    FOR_REPO_SOLVABLES(pool->installed, p, s) queue_push(&pending_, p);
  }

  bool meetsUnknownFile() {
    while (pending_.count() && !met_) {
      Solvable* s = pool_id2solvable(pool, queue_pop(&pending_));
      follow(s, SOLVABLE_REQUIRES);
      if (weak_) follow(s, SOLVABLE_RECOMMENDS);
      if (weak_) follow(s, SOLVABLE_SUPPLEMENTS);
      follow(s, SOLVABLE_CONFLICTS);
    }
    return met_;
  }

 private:
  void addSupplementing() {
    for (Id p = 2; p < pool->nsolvables; p++) {
      if (pool->solvables[p].repo && pool->solvables[p].dep_supplements) add(p);
    }
  }

  void follow(Solvable* s, Id key) {
    Ids deps;
    solvable_lookup_deparray(s, key, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      eachName(pool, deps[i], [&](Id name) {
        if (outsidePrimary(pool_id2str(pool, name))) met_ = true;
        // These dependencies do not cause an installation.
        if (key == SOLVABLE_CONFLICTS || key == SOLVABLE_SUPPLEMENTS || s->repo == pool->installed) return;
        Id p, pp;
        FOR_PROVIDES(p, pp, name) add(p);
      });
    }
  }

  Pool* pool;  // libsolv's FOR_ macros want this name
  bool weak_;
  bool met_ = false;
  Map seen_;
  Ids pending_;
};

}  // namespace

// createrepo_c's rule for the files that primary metadata lists.
bool outsidePrimary(const char* path) {
  if (path[0] != '/') return false;
  return std::strncmp(path, "/etc/", 5) != 0 && !std::strstr(path, "bin/") &&
         std::strcmp(path, "/usr/lib/sendmail") != 0;
}

// Whether a file dependency outside of primary can matter. It visits every provider of every requirement, starting from
// the jobs, which is a superset of any solution.
bool reachesUnknownFiles(Pool* pool, const Queue* jobs, bool weakDeps) {
  Reach reach(pool, weakDeps);
  reach.addInstalled();
  for (int i = 0; i < jobs->count; i += 2) {
    Id how = jobs->elements[i];
    if ((how & SOLVER_JOBMASK) != SOLVER_INSTALL && (how & SOLVER_JOBMASK) != SOLVER_UPDATE) continue;
    Id what = jobs->elements[i + 1];
    if ((how & SOLVER_SELECTMASK) == SOLVER_SOLVABLE_PROVIDES) {
      eachName(pool, what, [&](Id name) {
        Id p, pp;
        FOR_PROVIDES(p, pp, name) reach.add(p);
      });
      continue;
    }
    Id p, pp, select = how & SOLVER_SELECTMASK;
    FOR_JOB_SELECT(p, pp, select, what) reach.add(p);
  }
  return reach.meetsUnknownFile();
}

}  // namespace solve

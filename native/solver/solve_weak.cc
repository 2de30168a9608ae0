// Weak dependencies of packages that are already installed count as decided, as in dnf. Packages that a base's packages
// recommend and the base lacks are not added by an image on it, and neither are those that supplement them. Rich
// dependencies are left to libsolv.
#include <set>

#include "solve_pool.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

// Versions are compared with flags up to 7.
bool isRich(Pool* pool, Id dep) { return ISRELDEP(dep) && GETRELDEP(pool, dep)->flags > 7; }

bool installedProvides(Pool* pool, Id dep) {
  Id p, pp;
  FOR_PROVIDES(p, pp, dep) if (pool->solvables[p].repo == pool->installed) return true;
  return false;
}

void exclude(Pool* pool, Id p, Queue* jobs) {
  if (pool_installable(pool, pool_id2solvable(pool, p))) queue_push2(jobs, SOLVER_EXCLUDEFROMWEAK | SOLVER_SOLVABLE, p);
}

}  // namespace

void leaveUnmetWeak(Pool* pool, Queue* jobs) {
  std::set<Id> names;
  Id installed;
  Solvable* s;
  FOR_REPO_SOLVABLES(pool->installed, installed, s) {
    names.insert(s->name);
    Ids deps;
    solvable_lookup_deparray(s, SOLVABLE_RECOMMENDS, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      if (isRich(pool, deps[i])) continue;
      // An update may recommend another version of the same package, so only the name counts.
      Id name = ISRELDEP(deps[i]) ? GETRELDEP(pool, deps[i])->name : deps[i];
      if (installedProvides(pool, name)) continue;
      Id p, pp;
      FOR_PROVIDES(p, pp, name) exclude(pool, p, jobs);
    }
  }
  if (names.empty()) return;
  for (Id p = 2; p < pool->nsolvables; p++) {
    s = pool_id2solvable(pool, p);
    if (!s->repo || !s->dep_supplements || names.count(s->name)) continue;
    Ids deps;
    solvable_lookup_deparray(s, SOLVABLE_SUPPLEMENTS, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      if (!isRich(pool, deps[i]) && installedProvides(pool, deps[i])) {
        exclude(pool, p, jobs);
        break;
      }
    }
  }
}

}  // namespace solve

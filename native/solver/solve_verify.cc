// Verifies a solution. libsolv 0.7.23 may install a package that a rich weak dependency mentions, but not that
// package's own requirements, because it has made no rules for it.
#include "solve_pool.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

bool anyIn(Pool* pool, Id dep, const Map* present) {
  Id p, pp;
  // The system itself provides rpmlib() features and the like.
  FOR_PROVIDES(p, pp, dep) if (p == SYSTEMSOLVABLE || MAPTST(present, p)) return true;
  return false;
}

}  // namespace

// Rich dependencies as rpm's manual defines them. Operators that combine conditions on one package (with, without,
// versions, architectures) were resolved to packages by libsolv.
bool holds(Pool* pool, Id dep, const Map* present) {
  if (!ISRELDEP(dep)) return anyIn(pool, dep, present);
  Reldep* rel = GETRELDEP(pool, dep);
  Id name = rel->name, evr = rel->evr;
  switch (rel->flags) {
    case REL_AND:
      return holds(pool, name, present) && holds(pool, evr, present);
    case REL_OR:
      return holds(pool, name, present) || holds(pool, evr, present);
    case REL_COND: {
      Reldep* otherwise = ISRELDEP(evr) ? GETRELDEP(pool, evr) : nullptr;
      if (!otherwise || otherwise->flags != REL_ELSE) {
        return !holds(pool, evr, present) || holds(pool, name, present);
      }
      Id condition = otherwise->name, alternative = otherwise->evr;
      return holds(pool, holds(pool, condition, present) ? name : alternative, present);
    }
    // rpm allows 'unless' in conflicts only.
    case REL_UNLESS:
    case REL_NAMESPACE:
      return true;
    default:
      return anyIn(pool, dep, present);
  }
}

namespace {

bool requirementsHold(Pool* pool, Id p, const Map* present) {
  Ids requirements;
  solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_REQUIRES, &requirements, 0);
  for (int i = 0; i < requirements.count(); i++) {
    if (requirements[i] != SOLVABLE_PREREQMARKER && !holds(pool, requirements[i], present)) return false;
  }
  return true;
}

}  // namespace

std::vector<Id> lacking(Pool* pool, const Answer& answer) {
  std::vector<Id> packages;
  for (Id p : answer.added) {
    if (!requirementsHold(pool, p, &answer.present)) packages.push_back(p);
  }
  return packages;
}

}  // namespace solve

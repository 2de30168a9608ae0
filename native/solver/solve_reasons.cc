// Why each package is in a solution: the shortest path to it from the request, hard requirements before weak ones.
// libsolv's own reasons show only what decided first, which for many packages is one of several.
#include <algorithm>
#include <map>

#include "solve_pool.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

class Reasons {
 public:
  Reasons(Solver* solver, const Answer& answer) : pool(solver->pool), solver_(solver), answer_(answer) {}

  void startFrom(const Jobs& jobs) {
    for (int i = 0; i + 1 < jobs.queue.count(); i += 2) {
      const Reason reason{"asked", "", jobs.words[static_cast<size_t>(i / 2)]};
      Id how = jobs.queue[i], what = jobs.queue[i + 1];
      if ((how & SOLVER_SELECTMASK) == SOLVER_SOLVABLE_PROVIDES) {
        satisfiers(what, [&](Id p) { reach(p, reason); });
        continue;
      }
      Id p, pp, select = how & SOLVER_SELECTMASK;
      FOR_JOB_SELECT(p, pp, select, what) if (MAPTST(&answer_.present, p)) reach(p, reason);
    }
    Id p;
    Solvable* s;
    FOR_REPO_SOLVABLES(pool->installed, p, s) if (MAPTST(&answer_.present, p)) reach(p, {});
  }

  void follow() {
    size_t from = 0;
    do {
      for (; from < order_.size(); from++) follow(order_[from], SOLVABLE_REQUIRES, "requires");
      for (size_t i = 0; i < from; i++) follow(order_[i], SOLVABLE_RECOMMENDS, "recommends");
      for (Id p : answer_.added) {
        if (!reasons_.count(p)) supplement(p);
      }
    } while (from < order_.size());
    for (Id p : answer_.added) {
      if (!reasons_.count(p)) reasons_[p] = successionOf(p);
    }
  }

  const Reason& of(Id p) { return reasons_[p]; }

 private:
  void reach(Id p, const Reason& reason) {
    if (reasons_.emplace(p, reason).second) order_.push_back(p);
  }

  // Packages of the solution that a dependency, also a rich one, asks for: the part after 'if' is a condition.
  template <typename Visit>
  void satisfiers(Id dep, Visit visit) {
    if (ISRELDEP(dep)) {
      Reldep* rel = GETRELDEP(pool, dep);
      Id name = rel->name, evr = rel->evr;
      switch (rel->flags) {
        case REL_AND:
        case REL_OR:
          satisfiers(name, visit);
          return satisfiers(evr, visit);
        case REL_COND:
        case REL_UNLESS:
          satisfiers(name, visit);
          if (ISRELDEP(evr) && GETRELDEP(pool, evr)->flags == REL_ELSE) satisfiers(GETRELDEP(pool, evr)->evr, visit);
          return;
      }
    }
    Id p, pp;
    FOR_PROVIDES(p, pp, dep) if (p != SYSTEMSOLVABLE && MAPTST(&answer_.present, p)) visit(p);
  }

  void follow(Id from, Id key, const char* kind) {
    Ids deps;
    solvable_lookup_deparray(pool_id2solvable(pool, from), key, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      if (deps[i] == SOLVABLE_PREREQMARKER) continue;
      satisfiers(deps[i], [&](Id p) {
        if (!reasons_.count(p)) reach(p, {kind, pool_solvid2str(pool, from), pool_dep2str(pool, deps[i])});
      });
    }
  }

  void supplement(Id p) {
    Ids deps;
    solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_SUPPLEMENTS, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      Id by = 0;
      satisfiers(deps[i], [&](Id q) {
        if (!by && q != p && reasons_.count(q)) by = q;
      });
      if (!by) continue;
      return reach(p, {"supplements", pool_solvid2str(pool, by), pool_dep2str(pool, deps[i])});
    }
  }

  // No package of the solution asks for it: it replaces another one, or avoids a conflict.
  Reason successionOf(Id p) {
    const Solvable* s = pool_id2solvable(pool, p);
    for (Id old : answer_.removed) {
      if (pool->solvables[old].name == s->name) return {"replaces", pool_solvid2str(pool, old), ""};
    }
    Ids why;
    Id info = 0;
    int reason = solver_describe_decision(solver_, p, &info);
    if (reason != SOLVER_REASON_UNIT_RULE && reason != SOLVER_REASON_RESOLVE_JOB) return {"other", "", ""};
    solver_allruleinfos(solver_, info, &why);
    if (why.count() < 4) return {"other", "", ""};
    auto type = static_cast<SolverRuleinfo>(why[0]);
    return {"other", "", solver_problemruleinfo2str(solver_, type, why[1], why[2], why[3])};
  }

  Pool* pool;  // libsolv's FOR_ macros want this name
  Solver* solver_;
  const Answer& answer_;
  std::map<Id, Reason> reasons_;
  std::vector<Id> order_;  // as they were reached
};

}  // namespace

std::vector<Reason> reasonsFor(Solver* solver, const Answer& answer, const Jobs& jobs, const std::vector<Id>& ids) {
  Reasons reasons(solver, answer);
  reasons.startFrom(jobs);
  reasons.follow();
  std::vector<Reason> found;
  for (Id p : ids) found.push_back(reasons.of(p));
  return found;
}

}  // namespace solve

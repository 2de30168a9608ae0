// Solves a request that has a lock already. The packages of the lock count as installed, so that the solver keeps them.
// Unlike the packages of a parent image, they may be removed, and are removed when nothing in the new solution needs
// them.
#include <algorithm>
#include <set>

#include "solve_pool.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

// All packages of a solution that its jobs need, directly or indirectly. If several packages provide the same thing,
// all that were locked before count, because the last solution decided which of them is meant.
class Wanted {
 public:
  Wanted(Pool* pool, const Map* present, bool weakDeps) : pool(pool), present_(present), weak_(weakDeps) {
    map_init(&seen_, pool->nsolvables);
  }
  ~Wanted() { map_free(&seen_); }
  Wanted(const Wanted&) = delete;
  Wanted& operator=(const Wanted&) = delete;

  void add(Id p) {
    if (!MAPTST(present_, p) || MAPTST(&seen_, p)) return;
    MAPSET(&seen_, p);
    queue_push(&pending_, p);
  }

  void addDependency(Id dep) {
    if (ISRELDEP(dep)) {
      Reldep* rel = GETRELDEP(pool, dep);
      // A condition needs nothing; the other operand does.
      if (rel->flags == REL_COND || rel->flags == REL_UNLESS) {
        addDependency(rel->name);
        if (!ISRELDEP(rel->evr)) return;
        Reldep* otherwise = GETRELDEP(pool, rel->evr);
        if (otherwise->flags == REL_ELSE) addDependency(otherwise->evr);
        return;
      }
      if (rel->flags == REL_AND || rel->flags == REL_OR) {
        addDependency(rel->name);
        addDependency(rel->evr);
        return;
      }
    }
    Id p, pp;
    bool wasMet = false;
    FOR_PROVIDES(p, pp, dep) wasMet = wasMet || (isInstalled(p) && MAPTST(present_, p));
    FOR_PROVIDES(p, pp, dep) if (!wasMet || isInstalled(p)) add(p);
  }

  void addJobs(const Queue& jobs) {
    for (int i = 0; i < jobs.count; i += 2) {
      Id how = jobs.elements[i], what = jobs.elements[i + 1], select = how & SOLVER_SELECTMASK;
      if ((how & SOLVER_JOBMASK) != SOLVER_INSTALL) continue;
      if (select == SOLVER_SOLVABLE_PROVIDES) {
        addDependency(what);
        continue;
      }
      Id p, pp;
      FOR_JOB_SELECT(p, pp, select, what) add(p);
    }
  }

  bool has(Id p) const { return MAPTST(&seen_, p); }

  void follow() {
    do {
      while (pending_.count()) {
        Solvable* s = pool_id2solvable(pool, queue_pop(&pending_));
        followAll(s, SOLVABLE_REQUIRES);
        if (weak_) followAll(s, SOLVABLE_RECOMMENDS);
      }
      if (weak_) addSupplementing();
    } while (pending_.count());
  }

 private:
  bool isInstalled(Id p) const { return pool->solvables[p].repo == pool->installed; }

  void followAll(Solvable* s, Id key) {
    Ids deps;
    solvable_lookup_deparray(s, key, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      if (!meetsItself(s, deps[i])) addDependency(deps[i]);
    }
  }

  bool meetsItself(Solvable* s, Id dep) {
    Id p, pp;
    FOR_PROVIDES(p, pp, dep) if (pool_id2solvable(pool, p) == s) return true;
    return false;
  }

  void addSupplementing() {
    for (Id p = 2; p < pool->nsolvables; p++) {
      Solvable* s = pool_id2solvable(pool, p);
      if (!MAPTST(present_, p) || MAPTST(&seen_, p) || !s->dep_supplements) continue;
      Ids deps;
      solvable_lookup_deparray(s, SOLVABLE_SUPPLEMENTS, &deps, 0);
      for (int i = 0; i < deps.count(); i++) {
        if (holds(pool, deps[i], &seen_)) add(p);
      }
    }
  }

  Pool* pool;  // libsolv's FOR_ macros want this name
  const Map* present_;
  bool weak_;
  Map seen_;
  Ids pending_;
};

}  // namespace

Kept::Kept(Pool* pool, const Input& input) : pool(pool), input_(input) {
  std::set<std::string> files(input.kept.begin(), input.kept.end());
  Id p;
  Solvable* s;
  if (files.empty()) return;
  FOR_REPO_SOLVABLES(pool->installed, p, s) {
    const char* location = solvable_lookup_location(s, nullptr);
    if (location && files.count(location)) packages_.push_back(p);
  }
}

void Kept::addJobs(Queue* jobs) const {
  for (Id p : packages_) queue_push2(jobs, SOLVER_ALLOWUNINSTALL | SOLVER_SOLVABLE, p);
  for (Id p : refused(pool, packages_, input_)) queue_push2(jobs, SOLVER_ERASE | SOLVER_SOLVABLE, p);
  addUpdateJobs(jobs);
}

// An update replaces all packages of a name. A locked package that is installed beside the base's version must not
// replace that, so it is removed and chosen again by the words of the request.
void Kept::addUpdateJobs(Queue* jobs) const {
  Id best = input_.best ? SOLVER_FORCEBEST : 0;
  std::set<Id> beside = besideBase();
  for (const auto& name : input_.update) {
    Id id = pool_str2id(pool, name.c_str(), 0);
    if (!id) continue;
    if (!beside.count(id)) queue_push2(jobs, SOLVER_UPDATE | SOLVER_SOLVABLE_NAME | best, id);
    for (Id p : packages_) {
      if (beside.count(id) && pool->solvables[p].name == id) queue_push2(jobs, SOLVER_ERASE | SOLVER_SOLVABLE, p);
    }
  }
}

// Names of the base's packages beside which others of the name may be installed.
std::set<Id> Kept::besideBase() const {
  std::set<Id> names, mine(packages_.begin(), packages_.end());
  Id p;
  Solvable* s;
  FOR_REPO_SOLVABLES(pool->installed, p, s) {
    if (!mine.count(p) && isInstallOnly(pool, p)) names.insert(s->name);
  }
  return names;
}

std::set<Id> Kept::toStay() const {
  std::set<Id> staying(packages_.begin(), packages_.end());
  for (Id p : refused(pool, packages_, input_)) staying.erase(p);
  for (Id p : packages_) {
    const char* name = pool_id2str(pool, pool->solvables[p].name);
    if (std::find(input_.update.begin(), input_.update.end(), name) != input_.update.end()) staying.erase(p);
  }
  return staying;
}

// The kept packages are sorted by name and architecture.
bool Kept::standSideBySide() const {
  for (size_t i = 1; i < packages_.size(); i++) {
    Solvable* a = pool_id2solvable(pool, packages_[i - 1]);
    Solvable* b = pool_id2solvable(pool, packages_[i]);
    if (a->name == b->name && a->arch == b->arch) return true;
  }
  return false;
}

// libsolv would rather update an installed package than install another one. So it must first keep all of them; if that
// has no solution, the packages that it would change may change.
Solved Kept::solve(Solver* solver, const Queue& wanted) const {
  std::set<Id> staying = toStay();
  Solved solved = solveWith(staying, solver, wanted);
  if (solved.answer || staying.empty()) return solved;
  solved = solveWith({}, solver, wanted);
  if (!solved.answer) return solved;
  std::vector<Id> moving;
  for (Id p : staying) {
    if (!MAPTST(&solved.answer->present, p)) moving.push_back(p);
  }
  for (Id p : moving) staying.erase(p);
  for (Id p : moving) {
    staying.insert(p);
    if (!solveWith(staying, solver, wanted).answer) staying.erase(p);
  }
  // Solved again, so that the solver can be asked about this solution.
  return solveWith(staying, solver, wanted);
}

Solved Kept::solveWith(const std::set<Id>& locked, Solver* solver, const Queue& wanted) const {
  Ids jobs;
  queue_insertn(&jobs, 0, wanted.count, wanted.elements);
  for (Id p : locked) queue_push2(&jobs, SOLVER_LOCK | SOLVER_SOLVABLE, p);
  addJobs(&jobs);
  // Otherwise the new version would be installed beside the kept one.
  if (standSideBySide()) addInstallOnlyJobs(pool, &jobs);
  for (Id name : besideBase()) queue_push2(&jobs, SOLVER_MULTIVERSION | SOLVER_SOLVABLE_NAME, name);
  if (input_.weakDeps) leaveUnmetWeak(pool, &jobs);
  Solved solved = solveJobs(solver, &jobs);
  if (solved.answer) dropUnwanted(*solved.answer, wanted);
  return solved;
}

void Kept::dropUnwanted(Answer& answer, const Queue& jobs) const {
  Wanted wanted(pool, &answer.present, input_.weakDeps);
  std::set<Id> mine(packages_.begin(), packages_.end());
  Id p;
  Solvable* s;
  FOR_REPO_SOLVABLES(pool->installed, p, s) if (!mine.count(p)) wanted.add(p);
  wanted.addJobs(jobs);
  wanted.follow();
  for (Id q : packages_) {
    if (MAPTST(&answer.present, q) && !wanted.has(q)) answer.removed.push_back(q);
  }
  // The successor of a package that is no longer needed is not needed either.
  auto isNeeded = [&](Id q) { return wanted.has(q); };
  answer.added.erase(std::stable_partition(answer.added.begin(), answer.added.end(), isNeeded), answer.added.end());
  for (Id q = 2; q < pool->nsolvables; q++) {
    if (MAPTST(&answer.present, q) && !wanted.has(q)) MAPCLR(&answer.present, q);
  }
}

}  // namespace solve

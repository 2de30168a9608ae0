// What the words in a recipe's package lists mean. The order of attempts is dnf's: NEVRA and its parts, then
// name with globs and architecture, then provides, then files.
#include <algorithm>
#include <cstring>

#include "solve_pool.h"

extern "C" {
#include <solv/knownid.h>
#include <solv/pool_parserpmrichdep.h>
#include <solv/selection.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

bool selectNames(Pool* pool, const std::string& spec, int scope, Queue* found) {
  const char* text = spec.c_str();
  return selection_make(pool, found, text, SELECTION_CANON | SELECTION_GLOB | SELECTION_DOTARCH | scope) ||
         selection_make(pool, found, text,
                        SELECTION_NAME | SELECTION_GLOB | SELECTION_DOTARCH | SELECTION_REL | scope);
}

bool select(Pool* pool, const std::string& spec, int scope, Queue* found) {
  const char* text = spec.c_str();
  if (selectNames(pool, spec, scope, found)) return true;
  if (selection_make(pool, found, text, SELECTION_PROVIDES | SELECTION_GLOB | SELECTION_REL | scope)) return true;
  bool file = spec[0] == '/' || spec.compare(0, 2, "*/") == 0;
  return file && selection_make(pool, found, text, SELECTION_FILELIST | SELECTION_GLOB | scope);
}

bool obsoletesAny(Pool* pool, Solvable* s, const Ids& targets) {
  Ids deps;
  solvable_lookup_deparray(s, SOLVABLE_OBSOLETES, &deps, 0);
  for (int i = 0; i < deps.count(); i++) {
    for (int t = 0; t < targets.count(); t++) {
      Solvable* target = pool_id2solvable(pool, targets[t]);
      if (target->name != s->name && pool_match_nevr(pool, target, deps[i])) return true;
    }
  }
  return false;
}

// A package asked for by name may have a successor that obsoletes it: both are candidates.
void addSuccessors(Pool* pool, Queue* candidates) {
  Ids targets;
  queue_insertn(&targets, 0, candidates->count, candidates->elements);
  for (Id p = 2; p < pool->nsolvables; p++) {
    Solvable* s = pool_id2solvable(pool, p);
    if (s->repo && s->dep_obsoletes && pool_installable(pool, s) && obsoletesAny(pool, s, targets)) {
      queue_pushunique(candidates, p);
    }
  }
}

bool anyInstalled(Pool* pool, const Ids& solvables) {
  for (int i = 0; i < solvables.count(); i++) {
    if (pool->solvables[solvables[i]].repo == pool->installed) return true;
  }
  return false;
}

// What the parent has installed answers as it is: the best candidate is insisted on only where nothing does.
void addJob(Pool* pool, Id how, Id what, bool best, Queue* jobs) {
  Ids one, candidates;
  queue_push2(&one, how, what);
  selection_solvables(pool, &one, &candidates);
  bool insist = best && !anyInstalled(pool, candidates);
  if ((how & SOLVER_SELECTMASK) == SOLVER_SOLVABLE_NAME && !ISRELDEP(what)) {
    addSuccessors(pool, &candidates);
    how = SOLVER_SOLVABLE_ONE_OF;
    what = pool_queuetowhatprovides(pool, &candidates);
  }
  queue_push2(jobs, SOLVER_INSTALL | how | (insist ? SOLVER_FORCEBEST : 0), what);
}

std::string whyNothing(Pool* pool, const std::string& spec) {
  Ids found;
  if (select(pool, spec, SELECTION_WITH_DISABLED, &found)) {
    return "all packages that match '" + spec + "' are excluded";
  }
  if (select(pool, spec, SELECTION_WITH_ALL, &found)) {
    return "all packages that match '" + spec + "' are of another architecture or sources";
  }
  return "no package matches '" + spec + "'";
}

}  // namespace

void hideExcluded(Pool* pool, const std::vector<LoadedRepo>& repos, const Input& input, Map* considered) {
  auto hide = [&](const std::string& spec, const Repo* only) {
    Ids found, solvables;
    if (!selectNames(pool, spec, 0, &found)) return;
    selection_solvables(pool, &found, &solvables);
    for (int i = 0; i < solvables.count(); i++) {
      const Repo* repo = pool->solvables[solvables[i]].repo;
      if (repo != pool->installed && (!only || repo == only)) MAPCLR(considered, solvables[i]);
    }
  };
  for (const auto& spec : input.exclude) hide(spec, nullptr);
  for (const auto& loaded : repos) {
    for (const auto& spec : loaded.input->exclude) hide(spec, loaded.repo);
  }
}

std::string addInstallJobs(Pool* pool, const std::string& spec, bool best, Queue* jobs) {
  if (spec[0] == '(') {
    Id dep = pool_parserpmrichdep(pool, spec.c_str());
    if (!dep) return "'" + spec + "' is not a rich dependency that rpm understands";
    queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, dep);
    return "";
  }
  Ids found;
  if (!select(pool, spec, 0, &found)) return whyNothing(pool, spec);
  for (int i = 0; i < found.count(); i += 2) addJob(pool, found[i], found[i + 1], best, jobs);
  return "";
}

bool addMemberJobs(Pool* pool, const GroupMember& member, bool best, Queue* jobs) {
  Ids found;
  if (!selection_make(pool, &found, member.name.c_str(), SELECTION_NAME)) return false;
  if (member.onlyWith.empty()) {
    for (int i = 0; i < found.count(); i += 2) addJob(pool, found[i], found[i + 1], best, jobs);
  } else {
    Id name = pool_str2id(pool, member.name.c_str(), 1);
    Id dep = pool_rel2id(pool, name, pool_str2id(pool, member.onlyWith.c_str(), 1), REL_COND, 1);
    queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, dep);
  }
  return true;
}

}  // namespace solve

// Why no package that a word matches is in the solution.
#include <algorithm>

#include "solve_pool.h"

extern "C" {
#include <solv/evr.h>
#include <solv/knownid.h>
#include <solv/solvable.h>
}

namespace solve {
namespace {

std::string nevra(Pool* pool, Id p) { return pool_solvid2str(pool, p); }

template <typename Test>
std::vector<Id> presentWhere(Pool* pool, const Answer& answer, Test test) {
  std::vector<Id> found;
  for (Id p = 2; p < pool->nsolvables; p++) {
    if (pool->solvables[p].repo && MAPTST(&answer.present, p) && test(p)) found.push_back(p);
  }
  return found;
}

std::vector<std::string> nevras(Pool* pool, std::vector<Id> ids) {
  sortForAnswer(pool, ids);
  std::vector<std::string> texts;
  for (Id p : ids) texts.push_back(nevra(pool, p));
  return texts;
}

// Why the solver chose one of two packages of the same name.
const char* preference(Pool* pool, Id chosen, Id other) {
  const Solvable *a = pool_id2solvable(pool, chosen), *b = pool_id2solvable(pool, other);
  if (a->repo == pool->installed) return "installed";
  if (a->repo->priority != b->repo->priority) return a->repo->priority > b->repo->priority ? "priority" : "needed";
  int compared = pool_evrcmp(pool, a->evr, b->evr, EVRCMP_COMPARE);
  if (compared != 0) return compared > 0 ? "newer" : "needed";
  return a->repo->subpriority > b->repo->subpriority ? "cost" : "needed";
}

bool obsoletes(Pool* pool, Id p, const std::vector<Id>& targets) {
  Ids deps;
  solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_OBSOLETES, &deps, 0);
  for (int i = 0; i < deps.count(); i++) {
    for (Id target : targets) {
      if (pool_match_nevr(pool, pool_id2solvable(pool, target), deps[i])) return true;
    }
  }
  return false;
}

// A weak dependency in the solution that one of the candidates would satisfy.
bool mentionedWeakly(Pool* pool, const Answer& answer, const std::vector<Id>& candidates, WhyNot& why) {
  auto isCandidate = [&](Id p) { return std::find(candidates.begin(), candidates.end(), p) != candidates.end(); };
  auto note = [&](Id from, Id dep) {
    why.by = {nevra(pool, from)};
    why.dependency = pool_dep2str(pool, dep);
    return true;
  };
  for (Id from : presentWhere(pool, answer, [](Id) { return true; })) {
    Ids deps;
    solvable_lookup_deparray(pool_id2solvable(pool, from), SOLVABLE_RECOMMENDS, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      Id p, pp;
      FOR_PROVIDES(p, pp, deps[i]) if (isCandidate(p)) return note(from, deps[i]);
    }
  }
  for (Id candidate : candidates) {
    Ids deps;
    solvable_lookup_deparray(pool_id2solvable(pool, candidate), SOLVABLE_SUPPLEMENTS, &deps, 0);
    for (int i = 0; i < deps.count(); i++) {
      Id p, pp;
      FOR_PROVIDES(p, pp, deps[i]) if (p != SYSTEMSOLVABLE && MAPTST(&answer.present, p)) return note(p, deps[i]);
    }
  }
  return false;
}

}  // namespace

WhyNot whyNot(Pool* pool, const std::string& spec, const Answer& answer, const Resolve& resolve) {
  WhyNot why;
  std::vector<Id> candidates;
  bool excluded = false;
  why.detail = findPackages(pool, spec, candidates, excluded);
  why.candidates = describeAll(pool, candidates);
  auto concluded = [&why](const char* kind) {
    why.kind = kind;
    return why;
  };
  if (candidates.empty()) return concluded("unknown");
  std::vector<Id> there;
  for (Id p : candidates) {
    if (MAPTST(&answer.present, p)) there.push_back(p);
  }
  if (!there.empty()) {
    why.by = nevras(pool, there);
    return concluded("present");
  }
  if (excluded) return concluded("excluded");
  auto sameName = [&](Id p) {
    return std::any_of(candidates.begin(), candidates.end(), [&](Id candidate) {
      const Solvable *a = pool_id2solvable(pool, p), *b = pool_id2solvable(pool, candidate);
      return a->name == b->name && a->arch == b->arch;
    });
  };
  there = presentWhere(pool, answer, sameName);
  if (!there.empty()) {
    why.by = nevras(pool, there);
    for (Id p : candidates) {
      if (pool->solvables[p].name == pool->solvables[there[0]].name) why.detail = preference(pool, there[0], p);
    }
    return concluded("version");
  }
  there = presentWhere(pool, answer, [&](Id p) { return obsoletes(pool, p, candidates); });
  if (!there.empty()) {
    why.by = nevras(pool, there);
    return concluded("replaced");
  }
  why.problems = resolve(spec);
  if (!why.problems.empty()) return concluded("refused");
  return concluded(mentionedWeakly(pool, answer, candidates, why) ? "weak" : "unneeded");
}

}  // namespace solve

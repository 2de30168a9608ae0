// Resolves the words in a recipe's package lists in dnf's order: NEVRA and its parts, then names with globs and
// architecture, then provides, then files.
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

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

// One attempt. libsolv also matches names whose packages are all excluded; they count only if requested.
bool match(Pool* pool, const std::string& spec, int flags, Queue* found) {
  if (!selection_make(pool, found, spec.c_str(), flags)) return false;
  Ids solvables;
  selection_solvables(pool, found, &solvables);
  for (int i = 0; i < solvables.count(); i++) {
    if ((flags & SELECTION_WITH_DISABLED) || !pool_disabled_solvable(pool, pool->solvables + solvables[i])) return true;
  }
  queue_empty(found);
  return false;
}

bool selectNames(Pool* pool, const std::string& spec, int scope, Queue* found) {
  int common = SELECTION_GLOB | SELECTION_DOTARCH | scope;
  return match(pool, spec, SELECTION_CANON | common, found) ||
         match(pool, spec, SELECTION_NAME | SELECTION_REL | common, found);
}

bool select(Pool* pool, const std::string& spec, int scope, Queue* found) {
  int common = SELECTION_GLOB | scope;
  if (selectNames(pool, spec, scope, found)) return true;
  if (match(pool, spec, SELECTION_PROVIDES | SELECTION_REL | common, found)) return true;
  bool file = spec[0] == '/' || spec.compare(0, 2, "*/") == 0;
  return file && match(pool, spec, SELECTION_FILELIST | common, found);
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

// A requested package may have a successor that obsoletes it: both are candidates.
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

// One job: install one of these. An installed package of the parent satisfies it; only without one, the best candidate
// is required. The architecture is fixed, as in dnf: a request for a 32-bit library must not add the 64-bit one.
void addJob(Pool* pool, Ids& candidates, bool byName, bool best, Queue* jobs) {
  Id how = SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF | SOLVER_SETARCH | SOLVER_SETEVR;
  if (byName) addSuccessors(pool, &candidates);
  if (best && !anyInstalled(pool, candidates)) how |= SOLVER_FORCEBEST;
  queue_push2(jobs, how, pool_queuetowhatprovides(pool, &candidates));
}

// A glob requests one package of each name that it matches, any other word one package.
void addJobs(Pool* pool, Queue* found, bool glob, bool best, Queue* jobs) {
  Ids solvables;
  selection_solvables(pool, found, &solvables);
  bool byName = (found->elements[0] & SOLVER_SELECTMASK) == SOLVER_SOLVABLE_NAME && !ISRELDEP(found->elements[1]);
  std::map<std::string, std::vector<Id>> groups;
  for (int i = 0; i < solvables.count(); i++) {
    groups[glob ? pool_id2str(pool, pool->solvables[solvables[i]].name) : ""].push_back(solvables[i]);
  }
  for (const auto& group : groups) {
    Ids candidates;
    for (Id p : group.second) queue_push(&candidates, p);
    addJob(pool, candidates, byName, best, jobs);
  }
}

bool matchesPin(const std::string& evr, const std::string& pin) {
  const size_t colon = evr.find(':');
  const std::string epoch = colon == std::string::npos ? "0:" : evr.substr(0, colon + 1);
  const std::string vr = colon == std::string::npos ? evr : evr.substr(colon + 1);
  const std::string v = vr.substr(0, vr.rfind('-'));
  for (const auto& form : {v, vr, epoch + v, epoch + vr}) {
    if (fnmatch(pin.c_str(), form.c_str(), 0) == 0) return true;
  }
  return false;
}

// As dnf's includepkgs. Words are matched in all repositories, because dnf uses the first kind of match in any of them.
void hideAllBut(Pool* pool, const LoadedRepo& loaded, Map* considered) {
  if (loaded.input->include.empty()) return;
  std::set<Id> included;
  for (const auto& spec : loaded.input->include) {
    Ids found, solvables;
    if (!selectNames(pool, spec, SELECTION_WITH_DISABLED, &found)) continue;
    selection_solvables(pool, &found, &solvables);
    for (int i = 0; i < solvables.count(); i++) included.insert(solvables[i]);
  }
  for (Id p = loaded.repo->start; p < loaded.repo->end; p++) {
    if (pool->solvables[p].repo == loaded.repo && included.count(p) == 0) MAPCLR(considered, p);
  }
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
  for (const auto& loaded : repos) hideAllBut(pool, loaded, considered);
  auto hide = [&](const std::string& spec, const Repo* only) {
    Ids found, solvables;
    // Also packages that a repository's 'include' has hidden, or another kind of match might be found instead.
    if (!selectNames(pool, spec, SELECTION_WITH_DISABLED, &found)) return;
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

std::set<const Repo*> hotfixRepos(const std::vector<LoadedRepo>& repos) {
  std::set<const Repo*> hotfixes;
  for (const auto& loaded : repos) {
    if (loaded.input->moduleHotfixes) hotfixes.insert(loaded.repo);
  }
  return hotfixes;
}

void hideModular(Pool* pool, const std::vector<LoadedRepo>& repos, const Modules& modules, Map* considered) {
  if (modules.hidden.empty() && modules.names.empty()) return;
  const std::unordered_set<std::string> shown(modules.shown.begin(), modules.shown.end());
  const std::unordered_set<std::string> hidden(modules.hidden.begin(), modules.hidden.end());
  const std::set<const Repo*> hotfixes = hotfixRepos(repos);
  std::vector<bool> isShown(static_cast<size_t>(pool->nsolvables));
  for (Id p = 2; p < pool->nsolvables; p++) {
    const Solvable* s = pool_id2solvable(pool, p);
    if (!s->repo || s->repo == pool->installed || hotfixes.count(s->repo) > 0) continue;
    const std::string evr = pool_id2str(pool, s->evr);
    const std::string nevra = std::string(pool_id2str(pool, s->name)) + (evr.find(':') == std::string::npos ? "-0:" : "-") +
                              evr + "." + pool_id2str(pool, s->arch);
    isShown[static_cast<size_t>(p)] = shown.count(nevra) > 0;
    if (hidden.count(nevra) > 0) MAPCLR(considered, p);
  }
  for (const auto& name : modules.names) {
    Id p, pp, id = pool_str2id(pool, name.c_str(), 0);
    if (!id) continue;
    FOR_PROVIDES(p, pp, id) {
      if (p == SYSTEMSOLVABLE || pool->solvables[p].repo == pool->installed) continue;
      if (hotfixes.count(pool->solvables[p].repo) > 0) continue;
      if (!isShown[static_cast<size_t>(p)]) MAPCLR(considered, p);
    }
  }
}

std::vector<std::string> hideOthersThanPinned(Pool* pool, const std::vector<Pin>& pins, Map* considered) {
  std::vector<std::string> problems;
  for (const auto& pin : pins) {
    Id name = pool_str2id(pool, pin.name.c_str(), 0);
    std::set<std::string> others;
    bool met = false;
    for (Id p = 2; name && p < pool->nsolvables; p++) {
      Solvable* s = pool_id2solvable(pool, p);
      if (!s->repo || s->name != name || s->repo == pool->installed || !pool_installable(pool, s)) continue;
      std::string evr = pool_id2str(pool, s->evr);
      if (matchesPin(evr, pin.evr)) {
        met = true;
        continue;
      }
      others.insert(evr);
      MAPCLR(considered, p);
    }
    if (met || others.empty()) continue;
    std::string offered;
    for (const auto& evr : others) offered += (offered.empty() ? "" : ", ") + evr;
    problems.push_back("no '" + pin.name + "' has the pinned version " + pin.evr + "; there is " + offered);
  }
  return problems;
}

std::vector<Id> refused(Pool* pool, const std::vector<Id>& kept, const Input& input) {
  std::set<Id> all;
  for (const auto& spec : input.exclude) {
    Ids found, solvables;
    if (!selectNames(pool, spec, SELECTION_INSTALLED_ONLY, &found)) continue;
    selection_solvables(pool, &found, &solvables);
    for (int i = 0; i < solvables.count(); i++) all.insert(solvables[i]);
  }
  std::vector<Id> packages;
  for (Id p : kept) {
    Solvable* s = pool_id2solvable(pool, p);
    bool pinnedOtherwise = std::any_of(input.pins.begin(), input.pins.end(), [&](const Pin& pin) {
      return pin.name == pool_id2str(pool, s->name) && !matchesPin(pool_id2str(pool, s->evr), pin.evr);
    });
    if (pinnedOtherwise || all.count(p)) packages.push_back(p);
  }
  return packages;
}

std::string findPackages(Pool* pool, const std::string& spec, std::vector<Id>& packages, bool& excluded) {
  Ids found, solvables;
  excluded = false;
  if (!select(pool, spec, 0, &found)) {
    excluded = select(pool, spec, SELECTION_WITH_DISABLED, &found);
    if (!excluded) return whyNothing(pool, spec);
  }
  selection_solvables(pool, &found, &solvables);
  for (int i = 0; i < solvables.count(); i++) packages.push_back(solvables[i]);
  return "";
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
  addJobs(pool, &found, spec.find_first_of("*?[") != std::string::npos, best, jobs);
  return "";
}

bool addMemberJobs(Pool* pool, const GroupMember& member, bool best, Queue* jobs) {
  Ids found;
  if (!match(pool, member.name, SELECTION_NAME | SELECTION_DOTARCH, &found)) return false;
  if (member.onlyWith.empty()) {
    addJobs(pool, &found, false, best, jobs);
  } else {
    Id name = pool_str2id(pool, member.name.c_str(), 1);
    Id dep = pool_rel2id(pool, name, pool_str2id(pool, member.onlyWith.c_str(), 1), REL_COND, 1);
    queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, dep);
  }
  return true;
}

}  // namespace solve

// One solve from the first file to the answer: load, hide what is excluded, make jobs, solve, describe.
#include <algorithm>
#include <memory>
#include <tuple>

#include "solve_pool.h"

extern "C" {
#include <solv/chksum.h>
#include <solv/evr.h>
#include <solv/knownid.h>
#include <solv/problems.h>
#include <solv/solvable.h>
#include <solv/solver.h>
#include <solv/transaction.h>
}

namespace solve {
namespace {

using PoolPtr = std::unique_ptr<Pool, decltype(&pool_free)>;
using SolverPtr = std::unique_ptr<Solver, decltype(&solver_free)>;
using TransactionPtr = std::unique_ptr<Transaction, decltype(&transaction_free)>;

std::string text(const char* s) { return s ? s : ""; }

// libsolv keeps E:V-R as one string; the epoch is absent where it is 0.
void setEvr(Package& package, const std::string& evr) {
  size_t colon = evr.find(':');
  size_t dash = evr.rfind('-');
  size_t start = colon == std::string::npos ? 0 : colon + 1;
  if (colon != std::string::npos) package.epoch = static_cast<uint32_t>(std::strtoul(evr.c_str(), nullptr, 10));
  if (dash == std::string::npos || dash < start) dash = evr.size();
  package.version = evr.substr(start, dash - start);
  package.release = dash < evr.size() ? evr.substr(dash + 1) : "";
}

Package describe(Pool* pool, Id p) {
  Solvable* s = pool_id2solvable(pool, p);
  Package package;
  package.repo = s->repo == pool->installed ? "" : s->repo->name;
  package.name = pool_id2str(pool, s->name);
  package.arch = pool_id2str(pool, s->arch);
  setEvr(package, pool_id2str(pool, s->evr));
  package.location = text(solvable_lookup_location(s, nullptr));
  package.base = text(solvable_lookup_str(s, SOLVABLE_MEDIABASE));
  package.size = solvable_lookup_num(s, SOLVABLE_DOWNLOADSIZE, 0);
  Id type = 0;
  package.checksum = text(solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type));
  package.checksumType = type ? solv_chksum_type2str(type) : "";
  package.sourceRpm = text(solvable_lookup_sourcepkg(s));
  package.buildTime = solvable_lookup_num(s, SOLVABLE_BUILDTIME, 0);
  return package;
}

std::vector<Package> describeAll(Pool* pool, const std::vector<Id>& ids) {
  std::vector<Package> packages;
  for (Id p : ids) packages.push_back(describe(pool, p));
  std::sort(packages.begin(), packages.end(), [](const Package& a, const Package& b) {
    return std::tie(a.name, a.epoch, a.version, a.release, a.arch, a.repo) <
           std::tie(b.name, b.epoch, b.version, b.release, b.arch, b.repo);
  });
  return packages;
}

void describeTransaction(Pool* pool, Solver* solver, Output& output) {
  TransactionPtr transaction(solver_create_transaction(solver), transaction_free);
  std::vector<Id> added, removed;
  for (int i = 0; i < transaction->steps.count; i++) {
    Id p = transaction->steps.elements[i];
    (pool->solvables[p].repo == pool->installed ? removed : added).push_back(p);
  }
  output.packages = describeAll(pool, added);
  output.removed = describeAll(pool, removed);
  output.solved = true;
}

void describeProblems(Solver* solver, Output& output) {
  int count = static_cast<int>(solver_problem_count(solver));
  for (Id problem = 1; problem <= count; problem++) {
    Ids rules, infos;
    std::vector<std::string> lines;
    solver_findallproblemrules(solver, problem, &rules);
    for (int r = 0; r < rules.count(); r++) {
      queue_empty(&infos);
      solver_allruleinfos(solver, rules[r], &infos);
      for (int i = 0; i + 3 < infos.count(); i += 4) {
        auto type = static_cast<SolverRuleinfo>(infos[i]);
        std::string line = solver_problemruleinfo2str(solver, type, infos[i + 1], infos[i + 2], infos[i + 3]);
        if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
      }
    }
    output.problems.push_back(std::move(lines));
  }
}

// What dnf lets stand side by side in several versions.
void addInstallOnlyJobs(Pool* pool, Queue* jobs) {
  for (const char* name : {"kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)",
                           "installonlypkg(vm)", "multiversion(kernel)"}) {
    queue_push2(jobs, SOLVER_MULTIVERSION | SOLVER_SOLVABLE_PROVIDES, pool_str2id(pool, name, 1));
  }
}

SolverPtr makeSolver(Pool* pool, bool weakDeps) {
  SolverPtr solver(solver_create(pool), solver_free);
  // The flags that dnf sets, so that both give one answer.
  for (int flag : {SOLVER_FLAG_ALLOW_VENDORCHANGE, SOLVER_FLAG_KEEP_ORPHANS, SOLVER_FLAG_BEST_OBEY_POLICY,
                   SOLVER_FLAG_YUM_OBSOLETES, SOLVER_FLAG_URPM_REORDER}) {
    solver_set_flag(solver.get(), flag, 1);
  }
  solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, !weakDeps);
  return solver;
}

void solveJobs(Pool* pool, bool weakDeps, Queue* jobs, Output& output) {
  for (;;) {
    SolverPtr solver = makeSolver(pool, weakDeps);
    if (solver_solve(solver.get(), jobs)) return describeProblems(solver.get(), output);
    std::vector<Id> wrong = lacking(pool, solver.get());
    if (wrong.empty()) return describeTransaction(pool, solver.get(), output);
    for (Id p : wrong) {
      for (int i = 0; i < jobs->count; i += 2) {
        if (jobs->elements[i] != (SOLVER_EXCLUDEFROMWEAK | SOLVER_SOLVABLE) || jobs->elements[i + 1] != p) continue;
        output.problems.push_back({text(pool_solvid2str(pool, p)) + " lacks what it requires"});
        return;
      }
      queue_push2(jobs, SOLVER_EXCLUDEFROMWEAK | SOLVER_SOLVABLE, p);
    }
  }
}

bool lacksFilelists(const Input& input) {
  return !input.filelistsGiven && std::any_of(input.repos.begin(), input.repos.end(), [](const RepoInput& repo) {
    return !repo.packages;
  });
}

bool asksForUnknownFile(const std::vector<std::string>& specs) {
  return std::any_of(specs.begin(), specs.end(), [](const std::string& spec) {
    return spec.compare(0, 2, "*/") == 0 || outsidePrimary(spec.c_str());
  });
}

struct Considered {
  Pool* pool;
  Map map;
  explicit Considered(Pool* p) : pool(p) {
    map_init(&map, p->nsolvables);
    map_setall(&map);
    p->considered = &map;
  }
  ~Considered() {
    pool->considered = nullptr;
    map_free(&map);
  }
};

}  // namespace

Output run(const Input& input) {
  PoolPtr owner(pool_create(), pool_free);
  Pool* pool = owner.get();
  // Debian builds libsolv for several package systems; without this, versions compare as Debian's do.
  if (pool_setdisttype(pool, DISTTYPE_RPM) < 0) throw std::runtime_error("this libsolv is built without RPM support");
  pool_setarch(pool, input.arch.c_str());
  // As rpm has it: the 32-bit and the 64-bit variant of a package stand side by side.
  pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1);
  // Excluded packages stay known as providers, so that a problem can say that they are excluded.
  pool_set_flag(pool, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1);
  loadInstalled(pool, input.installed);
  auto repos = loadRepos(pool, input.repos);
  Considered considered(pool);
  pool_addfileprovides(pool);
  pool_createwhatprovides(pool);
  hideRepeated(pool, &considered.map);
  hideExcluded(pool, repos, input, &considered.map);

  Output output;
  Ids jobs;
  auto specs = input.install;
  auto members = input.members;
  std::sort(specs.begin(), specs.end());
  std::sort(members.begin(), members.end(), [](const GroupMember& a, const GroupMember& b) {
    return std::tie(a.name, a.onlyWith) < std::tie(b.name, b.onlyWith);
  });
  for (const auto& spec : specs) {
    std::string why = addInstallJobs(pool, spec, input.best, &jobs);
    if (!why.empty()) output.problems.push_back({why});
  }
  for (const auto& member : members) {
    if (!addMemberJobs(pool, member, input.best, &jobs)) output.skipped.push_back(member.name);
  }
  if (lacksFilelists(input) && (asksForUnknownFile(specs) || reachesUnknownFiles(pool, &jobs, input.weakDeps))) {
    output.needsFilelists = true;
    return output;
  }
  if (!output.problems.empty()) return output;
  addInstallOnlyJobs(pool, &jobs);
  solveJobs(pool, input.weakDeps, &jobs, output);
  return output;
}

}  // namespace solve

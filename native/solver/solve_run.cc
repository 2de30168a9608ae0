// One solve from the files to the solution: load, hide excluded packages, make jobs, solve, describe.
#include <malloc.h>

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

SolverPtr makeSolver(Pool* pool, bool weakDeps) {
  SolverPtr solver(solver_create(pool), solver_free);
  // dnf's flags, so that both find the same solution.
  for (int flag : {SOLVER_FLAG_ALLOW_VENDORCHANGE, SOLVER_FLAG_KEEP_ORPHANS, SOLVER_FLAG_BEST_OBEY_POLICY,
                   SOLVER_FLAG_YUM_OBSOLETES, SOLVER_FLAG_URPM_REORDER, SOLVER_FLAG_ALLOW_DOWNGRADE}) {
    solver_set_flag(solver.get(), flag, 1);
  }
  solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, !weakDeps);
  return solver;
}

Solved solveWanted(Solver* solver, const Kept& kept, const Queue& wanted) {
  if (!kept.empty()) return kept.solve(solver, wanted);
  Ids jobs;
  queue_insertn(&jobs, 0, wanted.count, wanted.elements);
  addInstallOnlyJobs(solver->pool, &jobs);
  if (!solver_get_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED)) leaveUnmetWeak(solver->pool, &jobs);
  return solveJobs(solver, &jobs);
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

void addWords(Pool* pool, const Input& input, Jobs& jobs, Output& output) {
  auto specs = input.install;
  auto members = input.members;
  std::sort(specs.begin(), specs.end());
  std::sort(members.begin(), members.end(), [](const GroupMember& a, const GroupMember& b) {
    return std::tie(a.name, a.onlyWith) < std::tie(b.name, b.onlyWith);
  });
  for (const auto& spec : specs) {
    std::string why = addInstallJobs(pool, spec, input.best, &jobs.queue);
    jobs.name(spec);
    if (!why.empty()) output.problems.push_back({why});
  }
  for (const auto& member : members) {
    if (!addMemberJobs(pool, member, input.best, &jobs.queue)) output.skipped.push_back(member.name);
    jobs.name(member.name);
  }
}

bool needsFilelists(Pool* pool, const Input& input, const Kept& kept, const Jobs& jobs) {
  if (!lacksFilelists(input)) return false;
  Ids all;
  queue_insertn(&all, 0, jobs.queue.count(), jobs.queue.q.elements);
  kept.addJobs(&all);
  if (!input.whyNot.empty()) addInstallJobs(pool, input.whyNot, false, &all);
  return asksForUnknownFile(input.install) || asksForUnknownFile({input.whyNot}) ||
         reachesUnknownFiles(pool, &all, input.weakDeps);
}

WhyNot explainAbsence(Pool* pool, const Input& input, const Kept& kept, const Jobs& jobs, const Answer& answer) {
  return whyNot(pool, input.whyNot, answer, [&](const std::string& spec) {
    Ids more;
    queue_insertn(&more, 0, jobs.queue.count(), jobs.queue.q.elements);
    std::string why = addInstallJobs(pool, spec, false, &more);
    if (!why.empty()) return std::vector<std::vector<std::string>>{{why}};
    return solveWanted(makeSolver(pool, input.weakDeps).get(), kept, more.q).problems;
  });
}

}  // namespace

// dnf's default of installonlypkgs.
const char* const installOnly[] = {"kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)",
                                   "installonlypkg(vm)", "multiversion(kernel)"};

void addInstallOnlyJobs(Pool* pool, Queue* jobs) {
  for (const char* name : installOnly) {
    queue_push2(jobs, SOLVER_MULTIVERSION | SOLVER_SOLVABLE_PROVIDES, pool_str2id(pool, name, 1));
  }
}

bool isInstallOnly(Pool* pool, Id package) {
  for (const char* name : installOnly) {
    Id p, pp, id = pool_str2id(pool, name, 0);
    if (!id) continue;
    FOR_PROVIDES(p, pp, id) if (p == package) return true;
  }
  return false;
}

Answer::Answer(Solver* solver) {
  Map conflicts;
  map_init(&present, 0);
  map_init(&conflicts, 0);
  solver_create_state_maps(solver, &present, &conflicts);
  map_free(&conflicts);
  const Pool* pool = solver->pool;
  TransactionPtr transaction(solver_create_transaction(solver), transaction_free);
  for (int i = 0; i < transaction->steps.count; i++) {
    Id p = transaction->steps.elements[i];
    (pool->solvables[p].repo == pool->installed ? removed : added).push_back(p);
  }
}

Solved solveJobs(Solver* solver, Queue* jobs) {
  Pool* pool = solver->pool;
  for (;;) {
    Solved solved;
    if (solver_solve(solver, jobs)) {
      solved.problems = describeProblems(solver);
      return solved;
    }
    solved.answer = std::make_unique<Answer>(solver);
    std::vector<Id> wrong = lacking(pool, *solved.answer);
    if (wrong.empty()) return solved;
    for (Id p : wrong) {
      for (int i = 0; i < jobs->count; i += 2) {
        if (jobs->elements[i] != (SOLVER_EXCLUDEFROMWEAK | SOLVER_SOLVABLE) || jobs->elements[i + 1] != p) continue;
        solved.answer.reset();
        solved.problems.push_back({text(pool_solvid2str(pool, p)) + " lacks what it requires"});
        return solved;
      }
      queue_push2(jobs, SOLVER_EXCLUDEFROMWEAK | SOLVER_SOLVABLE, p);
    }
  }
}

void setUp(Pool* pool, const std::string& arch) {
  // Debian builds libsolv for several package systems; by default it compares versions as Debian does.
  if (pool_setdisttype(pool, DISTTYPE_RPM) < 0) throw std::runtime_error("this libsolv is built without RPM support");
  // libsolv 0.7.23 does not know the levels of x86_64. An unknown one has no compatible architecture.
  const std::string family = "x86_64";
  if (arch.compare(0, family.size() + 2, family + "_v") == 0 && arch.size() == family.size() + 3) {
    std::string policy;
    for (char level = arch.back(); level > '1'; level--) policy += family + "_v" + level + ":";
    pool_setarchpolicy(pool, (policy + family + ":i686:i586:i486:i386").c_str());
  } else {
    pool_setarch(pool, arch.c_str());
  }
  // As in rpm: the 32-bit and the 64-bit package of a name can both be installed.
  pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1);
  // Excluded packages stay known as providers, so that a problem can say that they are excluded.
  pool_set_flag(pool, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1);
}

std::vector<std::string> installedOf(const Input& input) {
  auto installed = input.installed;
  installed.insert(installed.end(), input.kept.begin(), input.kept.end());
  return installed;
}

void prepareProvides(Pool* pool) {
  pool_addfileprovides(pool);
  pool_createwhatprovides(pool);
}

void answerWith(Pool* pool, const std::vector<LoadedRepo>& repos, const Input& input, Output& output) {
  Considered considered(pool);
  hideRepeated(pool, &considered.map);
  hideExcluded(pool, repos, input, &considered.map);
  hideModular(pool, repos, input.modules, &considered.map);
  Kept kept(pool, input);
  for (const auto& problem : hideOthersThanPinned(pool, input.pins, &considered.map)) output.problems.push_back({problem});
  Jobs jobs;
  addWords(pool, input, jobs, output);
  output.needsFilelists = needsFilelists(pool, input, kept, jobs);
  if (output.needsFilelists || !output.problems.empty()) return;
  SolverPtr solver = makeSolver(pool, input.weakDeps);
  Solved solved = solveWanted(solver.get(), kept, jobs.queue.q);
  output.problems = std::move(solved.problems);
  // Successors of kept packages were not considered.
  output.needsFilelists = !solved.answer && !kept.empty() && lacksFilelists(input);
  if (!solved.answer) return;
  Answer& answer = *solved.answer;
  output.solved = true;
  sortForAnswer(pool, answer.added);
  output.packages = describeAll(pool, answer.added);
  output.removed = describeAll(pool, answer.removed);
  if (input.explain) output.reasons = reasonsFor(solver.get(), answer, jobs, answer.added);
  if (!input.whyNot.empty()) output.whyNot = explainAbsence(pool, input, kept, jobs, answer);
}

Output run(const Input& input) {
  // Returns freed memory before the pool, which needs as much as a small process.
  malloc_trim(0);
  PoolPtr owner(pool_create(), pool_free);
  Pool* pool = owner.get();
  setUp(pool, input.arch);
  loadInstalled(pool, installedOf(input));
  Output output;
  auto repos = loadRepos(pool, input.repos, &output.cached);
  prepareProvides(pool);
  answerWith(pool, repos, input, output);
  return output;
}

}  // namespace solve

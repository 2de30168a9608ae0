// The parts of one solve, on libsolv's pool.
#pragma once

// Solvable has a member 'requires', which is a keyword of newer C++.
#define LIBSOLV_SOLVABLE_PREPEND_DEP
extern "C" {
#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>
}
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "solve.h"

namespace solve {

struct Ids {
  Queue q;
  Ids() { queue_init(&q); }
  ~Ids() { queue_free(&q); }
  Ids(const Ids&) = delete;
  Ids& operator=(const Ids&) = delete;
  Queue* operator&() { return &q; }
  int count() const { return q.count; }
  Id operator[](int i) const { return q.elements[i]; }
};

struct LoadedRepo {
  Repo* repo;
  const RepoInput* input;
};

// Install jobs, each with the word of the request that it is for.
struct Jobs {
  Ids queue;
  std::vector<std::string> words;
  void name(const std::string& word) { words.resize(static_cast<size_t>(queue.count() / 2), word); }
};

// A solution: everything that is installed in the end.
struct Answer {
  Map present;
  std::vector<Id> added, removed;
  explicit Answer(Solver* solver);
  ~Answer() { map_free(&present); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
};

// solve_load.cc: fills the pool in an order that does not depend on that of the input.
// A file may be given as "sha256:HEX", the digest of a package of the repositories: 'find' returns that package.
using FindPackage = std::function<Id(const std::string& digest)>;
void loadInstalled(Pool* pool, const std::vector<std::string>& files, const FindPackage& find = nullptr);
std::vector<LoadedRepo> loadRepos(Pool* pool, const std::vector<RepoInput>& inputs, std::vector<std::string>* cached);
void hideRepeated(Pool* pool, Map* considered);

// solve_copy.cc: packages of repositories as installed ones.
bool isDigest(const std::string& word);
void copyInstalled(Repo* repo, Id from, const std::string& digest);

// solve_cache.cc: libsolv's own format. Reading throws BadFile; writing returns false if it failed.
void readSolv(Repo* repo, const std::string& path, int flags);
bool writeSolv(Repodata* data, const std::string& path);

// solve_select.cc: resolves a recipe's words as dnf does.
void hideExcluded(Pool* pool, const std::vector<LoadedRepo>& repos, const Input& input, Map* considered);
// Packages of the last lock that the recipe now excludes or pins to another version.
std::vector<Id> refused(Pool* pool, const std::vector<Id>& kept, const Input& input);
void hideModular(Pool* pool, const std::vector<LoadedRepo>& repos, const Modules& modules, Map* considered);
// Returns problems with pins: names that exist, but in no version that the pin allows.
std::vector<std::string> hideOthersThanPinned(Pool* pool, const std::vector<Pin>& pins, Map* considered);
// Adds install jobs; returns the problem with the word, or an empty text.
std::string addInstallJobs(Pool* pool, const std::string& spec, bool best, Queue* jobs);

// The packages that a word matches; excluded ones only if no other matches.
std::string findPackages(Pool* pool, const std::string& spec, std::vector<Id>& found, bool& excluded);
// Returns false if no package has that name.
bool addMemberJobs(Pool* pool, const GroupMember& member, bool best, Queue* jobs);

// solve_filelists.cc: whether primary metadata is enough.
bool outsidePrimary(const char* path);
bool reachesUnknownFiles(Pool* pool, const Queue* jobs, bool weakDeps);

// solve_weak.cc
void leaveUnmetWeak(Pool* pool, Queue* jobs);

// solve_verify.cc: whether a dependency, also a rich one, is met.
bool holds(Pool* pool, Id dep, const Map* present);
// Packages of a solution whose requirements are not met.
std::vector<Id> lacking(Pool* pool, const Answer& answer);

// solve_describe.cc
std::string text(const char* s);
Package describe(Pool* pool, Id p);
// In the order in which a solution lists them.
void sortForAnswer(Pool* pool, std::vector<Id>& ids);
std::vector<Package> describeAll(Pool* pool, std::vector<Id> ids);
std::vector<std::vector<std::string>> describeProblems(Solver* solver);

// solve_reasons.cc: one reason for each ID, in their order.
std::vector<Reason> reasonsFor(Solver* solver, const Answer& answer, const Jobs& jobs, const std::vector<Id>& ids);

// solve_whynot.cc. 'resolve' solves with one more word; it returns the problems, none if there is a solution.
using Resolve = std::function<std::vector<std::vector<std::string>>(const std::string& spec)>;
WhyNot whyNot(Pool* pool, const std::string& spec, const Answer& answer, const Resolve& resolve);

// solve_run.cc
void setUp(Pool* pool, const std::string& arch);
std::vector<std::string> installedOf(const Input& input);
void prepareProvides(Pool* pool);
// Solves with a pool that has all packages; adds to the output.
void answerWith(Pool* pool, const std::vector<LoadedRepo>& repos, const Input& input, Output& output);

struct Solved {
  std::unique_ptr<Answer> answer;  // null where there are problems
  std::vector<std::vector<std::string>> problems;
};
// Repeats solving until the solution is valid; packages that must be left out for that become jobs. The solver can be
// asked for reasons afterwards.
Solved solveJobs(Solver* solver, Queue* jobs);

// solve_keep.cc: the packages of the last lock for the same request.
class Kept {
 public:
  Kept(Pool* pool, const Input& input);
  bool empty() const { return packages_.empty(); }
  void addJobs(Queue* jobs) const;
  // Changes as few kept packages as possible: none if there is such a solution, otherwise none that could stay.
  Solved solve(Solver* solver, const Queue& wanted) const;

 private:
  std::set<Id> toStay() const;
  bool standSideBySide() const;
  std::set<Id> besideBase() const;
  void addUpdateJobs(Queue* jobs) const;
  Solved solveWith(const std::set<Id>& locked, Solver* solver, const Queue& wanted) const;
  void dropUnwanted(Answer& answer, const Queue& wanted) const;

  Pool* pool;  // libsolv's FOR_ macros want this name
  const Input& input_;
  std::vector<Id> packages_;
};
// Packages of which dnf installs several versions side by side.
void addInstallOnlyJobs(Pool* pool, Queue* jobs);
bool isInstallOnly(Pool* pool, Id package);

}  // namespace solve

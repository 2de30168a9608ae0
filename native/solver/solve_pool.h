// The parts of one solve, over libsolv's pool.
#pragma once

// Solvable has a member named 'requires', which newer C++ reserves.
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

// Install jobs, each with the word that it was made for.
struct Jobs {
  Ids queue;
  std::vector<std::string> words;
  void name(const std::string& word) { words.resize(static_cast<size_t>(queue.count() / 2), word); }
};

// An answer: what is there once it is installed.
struct Answer {
  Map present;
  std::vector<Id> added, removed;
  explicit Answer(Solver* solver);
  ~Answer() { map_free(&present); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
};

// solve_load.cc: fills the pool in an order that does not depend on the input's order.
void loadInstalled(Pool* pool, const std::vector<std::string>& files);
std::vector<LoadedRepo> loadRepos(Pool* pool, const std::vector<RepoInput>& inputs, std::vector<std::string>* cached);
void hideRepeated(Pool* pool, Map* considered);

// solve_cache.cc: libsolv's own format. Reading throws BadFile; writing gives false where it did not work.
void readSolv(Repo* repo, const std::string& path, int flags);
bool writeSolv(Repodata* data, const std::string& path);

// solve_select.cc: what a recipe's words mean, as dnf takes them.
void hideExcluded(Pool* pool, const std::vector<LoadedRepo>& repos, const Input& input, Map* considered);
// Of the last answer, what the recipe excludes or pins otherwise since.
std::vector<Id> refused(Pool* pool, const std::vector<Id>& kept, const Input& input);
void hideModular(Pool* pool, const std::vector<LoadedRepo>& repos, const Modules& modules, Map* considered);
// Gives what is wrong with the pins: names that are there, but in no version that the pin allows.
std::vector<std::string> hideOthersThanPinned(Pool* pool, const std::vector<Pin>& pins, Map* considered);
// Adds install jobs; gives what is wrong with the word, or an empty text.
std::string addInstallJobs(Pool* pool, const std::string& spec, bool best, Queue* jobs);

// The packages that a word finds; excluded ones only where no other is found.
std::string findPackages(Pool* pool, const std::string& spec, std::vector<Id>& found, bool& excluded);
// Gives false where no package has that name.
bool addMemberJobs(Pool* pool, const GroupMember& member, bool best, Queue* jobs);

// solve_filelists.cc: whether primary metadata alone can answer.
bool outsidePrimary(const char* path);
bool reachesUnknownFiles(Pool* pool, const Queue* jobs, bool weakDeps);

// solve_weak.cc
void leaveUnmetWeak(Pool* pool, Queue* jobs);

// solve_verify.cc: whether a dependency, however rich, is met.
bool holds(Pool* pool, Id dep, const Map* present);
// The packages of an answer that lack something they require.
std::vector<Id> lacking(Pool* pool, const Answer& answer);

// solve_describe.cc
std::string text(const char* s);
Package describe(Pool* pool, Id p);
// In the order in which an answer lists them.
void sortForAnswer(Pool* pool, std::vector<Id>& ids);
std::vector<Package> describeAll(Pool* pool, std::vector<Id> ids);
std::vector<std::vector<std::string>> describeProblems(Solver* solver);

// solve_reasons.cc: one reason for each of the ids, in their order.
std::vector<Reason> reasonsFor(Solver* solver, const Answer& answer, const Jobs& jobs, const std::vector<Id>& ids);

// solve_whynot.cc. 'resolve' solves again with one word more; it gives the problems, none where there is an answer.
using Resolve = std::function<std::vector<std::vector<std::string>>(const std::string& spec)>;
WhyNot whyNot(Pool* pool, const std::string& spec, const Answer& answer, const Resolve& resolve);

// solve_run.cc
struct Solved {
  std::unique_ptr<Answer> answer;  // null where there are problems
  std::vector<std::vector<std::string>> problems;
};
// Solves until the answer holds; what must stay out for that becomes a job. The solver can be asked for reasons then.
Solved solveJobs(Solver* solver, Queue* jobs);

// solve_keep.cc: what the last answer to the same question has.
class Kept {
 public:
  Kept(Pool* pool, const Input& input);
  bool empty() const { return packages_.empty(); }
  void addJobs(Queue* jobs) const;
  // Of the kept packages as few move as can be: none if there is such an answer, otherwise none that could stay as well.
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
// What dnf lets stand side by side in several versions.
void addInstallOnlyJobs(Pool* pool, Queue* jobs);
bool isInstallOnly(Pool* pool, Id package);

}  // namespace solve

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

// solve_load.cc: fills the pool in an order that does not depend on the input's order.
void loadInstalled(Pool* pool, const std::vector<std::string>& files);
std::vector<LoadedRepo> loadRepos(Pool* pool, const std::vector<RepoInput>& inputs);
void hideRepeated(Pool* pool, Map* considered);

// solve_select.cc: what a recipe's words mean, as dnf takes them.
void hideExcluded(Pool* pool, const std::vector<LoadedRepo>& repos, const Input& input, Map* considered);
// Adds install jobs; gives what is wrong with the word, or an empty text.
std::string addInstallJobs(Pool* pool, const std::string& spec, bool best, Queue* jobs);

// Gives false where no package has that name.
bool addMemberJobs(Pool* pool, const GroupMember& member, bool best, Queue* jobs);

// solve_filelists.cc: whether primary metadata alone can answer.
bool outsidePrimary(const char* path);
bool reachesUnknownFiles(Pool* pool, const Queue* jobs, bool weakDeps);

// solve_verify.cc: the packages of an answer that lack something they require.
std::vector<Id> lacking(Pool* pool, Solver* solver);

}  // namespace solve

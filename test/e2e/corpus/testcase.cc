// Reads one of libsolv's test cases as its testsolv does, and has each of its tests solved and described by the
// addon's own code. Tells on stdout, between tabs and line by line, what the case expects and what came out.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "solve_pool.h"

extern "C" {
#include <solv/testcase.h>
}

namespace {

constexpr int answers = TESTCASE_RESULT_TRANSACTION | TESTCASE_RESULT_PROBLEMS;

using Text = std::unique_ptr<char, decltype(&std::free)>;

void tell(const char* what, const std::string& value) { std::printf("%s\t%s\n", what, value.c_str()); }

void tellPackages(const char* what, const std::vector<solve::Package>& packages) {
  for (const auto& package : packages) {
    std::string evr = package.epoch ? std::to_string(package.epoch) + ":" : "";
    evr += package.version + (package.release.empty() ? "" : "-" + package.release);
    tell(what, package.name + "-" + evr + "." + package.arch + "@" + package.repo);
  }
}

void tellSolved(Pool* pool, const solve::Solved& solved) {
  if (solved.answer) {
    tellPackages("added", solve::describeAll(pool, solved.answer->added));
    tellPackages("removed", solve::describeAll(pool, solved.answer->removed));
  }
  for (const auto& lines : solved.problems) {
    tell("problem", "");
    for (const auto& line : lines) tell("line", line);
  }
}

void tellLines(const char* what, const char* result) {
  std::istringstream lines(result ? result : "");
  for (std::string line; std::getline(lines, line);) tell(what, line);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  FILE* file = std::fopen(argv[1], "r");
  if (!file) return 2;
  Pool* pool = pool_create();
  std::shared_ptr<Solver> kept;
  while (!std::feof(file)) {
    solve::Ids jobs;
    char* result = nullptr;
    int flags = 0;
    std::shared_ptr<Solver> solver(testcase_read(pool, file, argv[1], &jobs, &result, &flags), solver_free);
    Text expected(result, std::free);
    // As testsolv: 77 where this libsolv lacks a feature that the case names.
    if (!solver) return flags == 77 ? 77 : 1;
    if (kept) solver = kept;
    kept = flags & TESTCASE_RESULT_REUSE_SOLVER ? solver : nullptr;
    bool asks = flags & answers;
    tell("test", asks ? "expects" : "asks nothing");
    tell("versions", pool->disttype == DISTTYPE_RPM ? "rpm" : "other");
    tellLines("expected", result);
    if (!asks) {
      // A case of other things, such as rules, is still a puzzle: its answer is libsolv's own.
      solver_solve(solver.get(), &jobs);
      Text answer(testcase_solverresult(solver.get(), answers), std::free);
      tellLines("expected", answer.get());
    }
    tellSolved(pool, solve::solveJobs(solver.get(), &jobs));
    std::fflush(stdout);
  }
  // The process ends here: pool and solvers go with it.
  std::_Exit(0);
}

// Converts libsolv's IDs to text: packages, and problems in dnf's words.
#include <algorithm>
#include <tuple>

#include "solve_pool.h"

extern "C" {
#include <solv/chksum.h>
#include <solv/knownid.h>
#include <solv/problems.h>
#include <solv/solvable.h>
#include <solv/solver.h>
}

namespace solve {
namespace {

// libsolv stores E:V-R as one string; an epoch of 0 is omitted.
void setEvr(Package& package, const std::string& evr) {
  size_t colon = evr.find(':');
  size_t dash = evr.rfind('-');
  size_t start = colon == std::string::npos ? 0 : colon + 1;
  if (colon != std::string::npos) package.epoch = static_cast<uint32_t>(std::strtoul(evr.c_str(), nullptr, 10));
  if (dash == std::string::npos || dash < start) dash = evr.size();
  package.version = evr.substr(start, dash - start);
  package.release = dash < evr.size() ? evr.substr(dash + 1) : "";
}

struct Line {
  int rank;
  std::string text;
};

// libsolv returns the rules of a problem in arbitrary order. A reader needs the consequences before the cause.
int rankOf(SolverRuleinfo type) {
  switch (type) {
    case SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP:
    case SOLVER_RULE_JOB_UNKNOWN_PACKAGE:
    case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
    case SOLVER_RULE_PKG_NOT_INSTALLABLE:
    case SOLVER_RULE_PKG_SELF_CONFLICT:
      return 0;
    case SOLVER_RULE_PKG_CONFLICTS:
    case SOLVER_RULE_PKG_OBSOLETES:
    case SOLVER_RULE_PKG_INSTALLED_OBSOLETES:
    case SOLVER_RULE_PKG_IMPLICIT_OBSOLETES:
      return 1;
    case SOLVER_RULE_PKG_SAME_NAME:
      return 2;
    case SOLVER_RULE_PKG_REQUIRES:
      return 3;
    default:
      return 4;
  }
}

// One rule can stand for many dependencies of a package with the same providers, as with libc. One line is enough.
void addLines(Solver* solver, Id rule, std::vector<Line>& lines) {
  Ids infos;
  solver_allruleinfos(solver, rule, &infos);
  int more = infos.count() / 4 - 1;
  for (int i = 0; i + 3 < infos.count(); i += 4) {
    auto type = static_cast<SolverRuleinfo>(infos[i]);
    std::string line = solver_problemruleinfo2str(solver, type, infos[i + 1], infos[i + 2], infos[i + 3]);
    bool one = type == SOLVER_RULE_PKG_REQUIRES && more > 0;
    lines.push_back({rankOf(type), one ? line + " (as for " + std::to_string(more) + " more of its requirements)" : line});
    if (one) return;
  }
}

}  // namespace

std::string text(const char* s) { return s ? s : ""; }

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

void sortForAnswer(Pool* pool, std::vector<Id>& ids) {
  auto key = [pool](Id p) {
    const Solvable* s = pool_id2solvable(pool, p);
    Package evr;
    setEvr(evr, pool_id2str(pool, s->evr));
    return std::make_tuple(text(pool_id2str(pool, s->name)), evr.epoch, evr.version, evr.release,
                           text(pool_id2str(pool, s->arch)), text(s->repo->name));
  };
  std::sort(ids.begin(), ids.end(), [key](Id a, Id b) { return key(a) < key(b); });
}

std::vector<Package> describeAll(Pool* pool, std::vector<Id> ids) {
  sortForAnswer(pool, ids);
  std::vector<Package> packages;
  for (Id p : ids) packages.push_back(describe(pool, p));
  return packages;
}

std::vector<std::vector<std::string>> describeProblems(Solver* solver) {
  std::vector<std::vector<std::string>> problems;
  int count = static_cast<int>(solver_problem_count(solver));
  for (Id problem = 1; problem <= count; problem++) {
    Ids rules;
    std::vector<Line> lines;
    solver_findallproblemrules(solver, problem, &rules);
    for (int r = 0; r < rules.count(); r++) addLines(solver, rules[r], lines);
    std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.rank < b.rank; });
    std::vector<std::string> texts;
    for (const Line& line : lines) {
      if (std::find(texts.begin(), texts.end(), line.text) == texts.end()) texts.push_back(line.text);
    }
    problems.push_back(std::move(texts));
  }
  return problems;
}

}  // namespace solve

// Many solves with one pool. A plan of a night asks of a thousand recipes what their repositories have for them: to load
// the repositories and to index who provides what takes much longer than one answer. Repositories that are those of the
// last call stay loaded, and so do installed packages.
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "solve_pool.h"

extern "C" {
#include <solv/chksum.h>
#include <solv/knownid.h>
#include <solv/solvable.h>
}

namespace solve {
namespace {

using PoolPtr = std::unique_ptr<Pool, decltype(&pool_free)>;

// Everything that the pool depends on, with lengths, so that no two inputs have one text. A cached form gives what its
// document gives, so a session that has read the document, and has written the cache, does not read the cache.
void add(std::string& key, const std::string& word) { key += std::to_string(word.size()) + ":" + word; }

void add(std::string& key, const std::vector<std::string>& words) {
  key += std::to_string(words.size()) + "[";
  for (const auto& word : words) add(key, word);
}

std::string keyOf(const Input& input) {
  std::string key;
  add(key, input.arch);
  for (const auto& repo : input.repos) {
    key += "{" + std::to_string(repo.priority) + "," + std::to_string(repo.cost) + (repo.packages ? "p" : "m");
    add(key, {repo.name, repo.primary, repo.filelists});
    add(key, repo.files);
  }
  return key;
}

class Session {
 public:
  explicit Session(const Input& input) : key_(keyOf(input)), inputs_(input.repos), owner_(pool_create(), pool_free) {
    setUp(owner_.get(), input.arch);
    repos_ = loadRepos(owner_.get(), inputs_, &cached_);
    end_ = owner_->nsolvables;
  }

  bool fits(const Input& input) const { return key_ == keyOf(input); }

  Output solve(const Input& input) {
    Output output;
    output.cached = std::exchange(cached_, {});
    if (!install(installedOf(input), output)) return output;
    answerWith(owner_.get(), reposOf(input), input, output);
    return output;
  }

 private:
  // False if a package is in no repository: then the pool stays as it was.
  bool install(const std::vector<std::string>& files, Output& output) {
    if (isReady_ && files == installed_) return true;
    for (const auto& file : files) {
      if (isDigest(file) && find(file) == 0) output.missing.push_back(file);
    }
    if (!output.missing.empty()) return false;
    isReady_ = false;
    Pool* pool = owner_.get();
    // It is the last one, so its ids are free again.
    if (pool->installed) repo_free(pool->installed, 1);
    loadInstalled(pool, files, [this](const std::string& digest) { return find(digest); });
    prepareProvides(pool);
    installed_ = files;
    isReady_ = true;
    return true;
  }

  Id find(const std::string& digest) {
    if (byDigest_.empty()) index();
    const auto found = byDigest_.find(digest.substr(digest.find(':') + 1));
    return found == byDigest_.end() ? 0 : found->second;
  }

  void index() {
    byDigest_.emplace("", 0);
    for (Id p = 2; p < end_; p++) {
      Solvable* s = pool_id2solvable(owner_.get(), p);
      Id type = 0;
      if (!s->repo) continue;
      const char* sum = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);
      if (sum && type == REPOKEY_TYPE_SHA256) byDigest_.emplace(sum, p);
    }
  }

  // What is excluded and included is each request's own.
  std::vector<LoadedRepo> reposOf(const Input& input) const {
    std::vector<LoadedRepo> repos;
    for (const auto& loaded : repos_) {
      const auto own = std::find_if(input.repos.begin(), input.repos.end(),
                                    [&](const RepoInput& repo) { return repo.name == loaded.input->name; });
      repos.push_back({loaded.repo, &*own});
    }
    return repos;
  }

  std::string key_;
  std::vector<RepoInput> inputs_;
  PoolPtr owner_;
  std::vector<LoadedRepo> repos_;
  std::vector<std::string> cached_;  // written while loading, and not told yet
  Id end_ = 0;
  std::vector<std::string> installed_;
  bool isReady_ = false;
  std::unordered_map<std::string, Id> byDigest_;
};

std::unique_ptr<Session> session;

}  // namespace

Output runInSession(const Input& input) {
  try {
    if (!session || !session->fits(input)) {
      session.reset();
      malloc_trim(0);
      session = std::make_unique<Session>(input);
    }
    return session->solve(input);
  } catch (...) {
    // The pool may be half filled.
    session.reset();
    throw;
  }
}

}  // namespace solve

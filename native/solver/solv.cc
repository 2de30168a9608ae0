// solve(input) and solveInSession(input): the binding. It copies all input before the work starts and all output after it; the thread in between
// uses no JavaScript value.
#include <napi.h>

#include <solv/solvversion.h>

#include "solve.h"
#include "task.h"

namespace {

std::string stringOf(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  return value.IsUndefined() ? std::string() : value.As<Napi::String>().Utf8Value();
}

uint64_t limitOf(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  return value.IsUndefined() ? 0 : static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

std::vector<std::string> stringsOf(const Napi::Object& object, const char* key) {
  std::vector<std::string> strings;
  Napi::Value value = object.Get(key);
  if (value.IsUndefined()) return strings;
  auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) strings.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  return strings;
}

solve::RepoInput repoOf(const Napi::Object& object) {
  solve::RepoInput repo;
  repo.name = stringOf(object, "name");
  repo.priority = object.Get("priority").As<Napi::Number>().Int32Value();
  repo.cost = object.Get("cost").As<Napi::Number>().Int32Value();
  repo.packages = stringOf(object, "kind") == "rpms";
  repo.primary = stringOf(object, "primary");
  repo.primaryLimit = limitOf(object, "primaryLimit");
  repo.filelists = stringOf(object, "filelists");
  repo.filelistsLimit = limitOf(object, "filelistsLimit");
  repo.primarySolv = stringOf(object, "primarySolv");
  repo.filelistsSolv = stringOf(object, "filelistsSolv");
  repo.cachePrimary = stringOf(object, "cachePrimary");
  repo.cacheFilelists = stringOf(object, "cacheFilelists");
  repo.files = stringsOf(object, "files");
  repo.exclude = stringsOf(object, "exclude");
  repo.include = stringsOf(object, "include");
  repo.moduleHotfixes = object.Get("moduleHotfixes").ToBoolean();
  return repo;
}

std::vector<solve::Pin> pinsOf(const Napi::Object& object) {
  std::vector<solve::Pin> pins;
  auto array = object.Get("pins").As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    auto pin = array.Get(i).As<Napi::Object>();
    pins.push_back({stringOf(pin, "name"), stringOf(pin, "evr")});
  }
  return pins;
}

std::vector<solve::GroupMember> membersOf(const Napi::Object& object) {
  std::vector<solve::GroupMember> members;
  auto array = object.Get("members").As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    auto member = array.Get(i).As<Napi::Object>();
    members.push_back({stringOf(member, "name"), stringOf(member, "onlyWith")});
  }
  return members;
}

solve::Input inputOf(const Napi::Object& object) {
  solve::Input input;
  input.arch = stringOf(object, "arch");
  auto repos = object.Get("repos").As<Napi::Array>();
  for (uint32_t i = 0; i < repos.Length(); i++) input.repos.push_back(repoOf(repos.Get(i).As<Napi::Object>()));
  input.filelistsGiven = object.Get("filelistsGiven").ToBoolean();
  input.installed = stringsOf(object, "installed");
  input.kept = stringsOf(object, "kept");
  input.update = stringsOf(object, "update");
  input.install = stringsOf(object, "install");
  input.members = membersOf(object);
  input.exclude = stringsOf(object, "exclude");
  input.pins = pinsOf(object);
  if (!object.Get("modules").IsUndefined()) {
    auto modules = object.Get("modules").As<Napi::Object>();
    input.modules = {stringsOf(modules, "shown"), stringsOf(modules, "hidden"), stringsOf(modules, "names")};
  }
  input.weakDeps = object.Get("weakDeps").ToBoolean();
  input.best = object.Get("best").ToBoolean();
  input.explain = object.Get("explain").ToBoolean();
  input.whyNot = stringOf(object, "whyNot");
  return input;
}

Napi::Object objectOf(Napi::Env env, const solve::Package& package) {
  auto object = Napi::Object::New(env);
  object["repo"] = package.repo;
  object["name"] = package.name;
  object["epoch"] = static_cast<double>(package.epoch);
  object["version"] = package.version;
  object["release"] = package.release;
  object["arch"] = package.arch;
  object["location"] = package.location;
  object["base"] = package.base;
  object["size"] = static_cast<double>(package.size);
  auto checksum = Napi::Object::New(env);
  checksum["type"] = package.checksumType;
  checksum["value"] = package.checksum;
  object["checksum"] = checksum;
  object["sourceRpm"] = package.sourceRpm;
  object["buildTime"] = static_cast<double>(package.buildTime);
  return object;
}

template <typename T, typename Convert>
Napi::Array arrayOf(Napi::Env env, const std::vector<T>& values, Convert convert) {
  auto array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); i++) array[i] = convert(env, values[i]);
  return array;
}

Napi::Array linesOf(Napi::Env env, const std::vector<std::string>& lines) {
  return arrayOf(env, lines, [](Napi::Env e, const std::string& value) { return Napi::String::New(e, value); });
}

Napi::Object objectOf(Napi::Env env, const solve::Reason& reason) {
  auto object = Napi::Object::New(env);
  object["kind"] = reason.kind;
  if (!reason.by.empty()) object["by"] = reason.by;
  if (!reason.dependency.empty()) object["dependency"] = reason.dependency;
  return object;
}

Napi::Object objectOf(Napi::Env env, const solve::WhyNot& why) {
  auto object = Napi::Object::New(env);
  object["kind"] = why.kind;
  object["detail"] = why.detail;
  object["by"] = linesOf(env, why.by);
  object["dependency"] = why.dependency;
  object["candidates"] = arrayOf(env, why.candidates, [](Napi::Env e, const solve::Package& p) { return objectOf(e, p); });
  object["problems"] = arrayOf(env, why.problems, linesOf);
  return object;
}

Napi::Object objectOf(Napi::Env env, const solve::Output& output) {
  auto package = [](Napi::Env e, const solve::Package& value) { return objectOf(e, value); };
  auto reason = [](Napi::Env e, const solve::Reason& value) { return objectOf(e, value); };
  auto object = Napi::Object::New(env);
  object["solved"] = output.solved;
  object["needsFilelists"] = output.needsFilelists;
  object["packages"] = arrayOf(env, output.packages, package);
  object["removed"] = arrayOf(env, output.removed, package);
  if (!output.badFile.empty()) {
    object["badFile"] = output.badFile;
    object["reason"] = output.reason;
  }
  object["reasons"] = arrayOf(env, output.reasons, reason);
  if (*output.whyNot.kind) object["whyNot"] = objectOf(env, output.whyNot);
  object["cached"] = linesOf(env, output.cached);
  object["skipped"] = linesOf(env, output.skipped);
  object["problems"] = arrayOf(env, output.problems, linesOf);
  if (!output.missing.empty()) object["missing"] = linesOf(env, output.missing);
  return object;
}

using Run = solve::Output (*)(const solve::Input&);

solve::Output solveCopy(Run run, const solve::Input& input) {
  try {
    return run(input);
  } catch (const solve::BadFile& bad) {
    solve::Output output;
    output.badFile = bad.file;
    output.reason = bad.what();
    return output;
  }
}

template <Run run>
Napi::Value Solve(const Napi::CallbackInfo& info) {
  auto input = inputOf(info[0].As<Napi::Object>());
  return Task<solve::Output>::Run(
      info.Env(), [input] { return solveCopy(run, input); },
      [](Napi::Env env, const solve::Output& output) { return objectOf(env, output); });
}

}  // namespace

void InitSolv(Napi::Env env, Napi::Object exports) {
  exports["solve"] = Napi::Function::New(env, Solve<solve::run>, "solve");
  exports["solveInSession"] = Napi::Function::New(env, Solve<solve::runInSession>, "solveInSession");
  exports["libsolvVersion"] = Napi::String::New(env, solv_version);
}

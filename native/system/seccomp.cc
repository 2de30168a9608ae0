// The instructions of a seccomp filter, for a program that loads it itself.
#include <seccomp.h>
#include <sys/mman.h>

#include <vector>

#include "descriptor.h"
#include "task.h"

namespace {

struct Rule {
  std::vector<std::string> names;
  uint32_t action;
  std::vector<scmp_arg_cmp> conditions;
};

struct Filter {
  uint32_t otherwise;
  std::vector<std::string> architectures;
  std::vector<Rule> rules;
};

// libseccomp gives errors as negative numbers.
void Require(int result, const std::string& subject) {
  if (result < 0) throw SystemError{-result, "seccomp", subject};
}

uint32_t ActionOf(const std::string& name, uint32_t error) {
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(error);
  throw SystemError{EINVAL, "seccomp", name};
}

scmp_compare ComparisonOf(const std::string& name) {
  if (name == "SCMP_CMP_MASKED_EQ") return SCMP_CMP_MASKED_EQ;
  if (name == "SCMP_CMP_EQ") return SCMP_CMP_EQ;
  if (name == "SCMP_CMP_GT") return SCMP_CMP_GT;
  throw SystemError{EINVAL, "seccomp", name};
}

std::string Text(const Napi::Object& object, const char* key) {
  return object.Get(key).ToString().Utf8Value();
}

uint32_t Count(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

std::vector<Napi::Object> Objects(const Napi::Object& object, const char* key) {
  std::vector<Napi::Object> found;
  const Napi::Value value = object.Get(key);
  if (!value.IsArray()) return found;
  const auto array = value.As<Napi::Array>();
  for (uint32_t index = 0; index < array.Length(); index++) found.push_back(array.Get(index).As<Napi::Object>());
  return found;
}

std::vector<std::string> Texts(const Napi::Object& object, const char* key) {
  std::vector<std::string> found;
  for (const Napi::Object& one : Objects(object, key)) found.push_back(one.ToString().Utf8Value());
  return found;
}

Rule RuleOf(const Napi::Object& rule) {
  std::vector<scmp_arg_cmp> conditions;
  for (const Napi::Object& one : Objects(rule, "args")) {
    const auto number = [&](const char* key) {
      return static_cast<scmp_datum_t>(one.Get(key).As<Napi::Number>().Int64Value());
    };
    conditions.push_back({Count(one, "index"), ComparisonOf(Text(one, "op")), number("value"), number("valueTwo")});
  }
  return {Texts(rule, "names"), ActionOf(Text(rule, "action"), Count(rule, "errnoRet")), conditions};
}

Filter FilterOf(const Napi::Object& filter) {
  Filter result{ActionOf(Text(filter, "defaultAction"), Count(filter, "defaultErrnoRet")), Texts(filter, "architectures"), {}};
  for (const Napi::Object& rule : Objects(filter, "syscalls")) result.rules.push_back(RuleOf(rule));
  return result;
}

// `SCMP_ARCH_X86_64` is x86_64 to libseccomp.
uint32_t ArchitectureOf(std::string name) {
  name = name.substr(name.rfind("ARCH_") + 5);
  for (char& letter : name) letter = static_cast<char>(tolower(letter));
  const uint32_t token = seccomp_arch_resolve_name(name.c_str());
  return token != 0 ? token : throw SystemError{EINVAL, "seccomp", name};
}

std::string Compile(const Filter& filter) {
  struct Context {
    scmp_filter_ctx value;
    ~Context() { seccomp_release(value); }
  } context{seccomp_init(filter.otherwise)};
  if (!context.value) throw SystemError{EINVAL, "seccomp", "default action"};
  for (const std::string& name : filter.architectures) {
    const int result = seccomp_arch_add(context.value, ArchitectureOf(name));
    if (result != -EEXIST) Require(result, name);
  }
  for (const Rule& rule : filter.rules) {
    for (const std::string& name : rule.names) {
      const int number = seccomp_syscall_resolve_name(name.c_str());
      // A call that this libseccomp does not know gets the default action.
      if (number == __NR_SCMP_ERROR || rule.action == filter.otherwise) continue;
      Require(seccomp_rule_add_array(context.value, rule.action, number, static_cast<unsigned>(rule.conditions.size()),
                                     rule.conditions.data()),
              name);
    }
  }
  const Descriptor file(memfd_create("filter", MFD_CLOEXEC));
  if (file.fd < 0) Fail("memfd_create", "filter");
  Require(seccomp_export_bpf(context.value, file.fd), "export");
  std::string instructions(static_cast<size_t>(lseek(file.fd, 0, SEEK_END)), '\0');
  if (pread(file.fd, instructions.data(), instructions.size(), 0) != static_cast<ssize_t>(instructions.size())) {
    Fail("pread", "filter");
  }
  return instructions;
}

Napi::Value CompileJs(const Napi::CallbackInfo& info) {
  return Task<std::string>::Run(
      info.Env(), [filter = FilterOf(info[0].As<Napi::Object>())] { return Compile(filter); },
      [](Napi::Env env, const std::string& bytes) -> Napi::Value {
        return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
      });
}

}  // namespace

void InitSeccomp(Napi::Env env, Napi::Object exports) {
  exports.Set("compileFilter", Napi::Function::New(env, CompileJs, "compileFilter"));
}

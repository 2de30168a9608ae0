// The JavaScript interface of the tracer, and the pipes through which hooks of an OCI runtime report a process.
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "task.h"
#include "trace.h"

namespace {

Napi::Value BytesToJs(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

Napi::Value ProgramToJs(Napi::Env env, const Program& program) {
  auto object = Napi::Object::New(env);
  if (program.hasRun) object.Set("arguments", BytesToJs(env, program.arguments));
  if (program.script) object.Set("script", BytesToJs(env, *program.script));
  object.Set("begin", Napi::BigInt::New(env, program.begin));
  object.Set("end", Napi::BigInt::New(env, program.end));
  object.Set("status", Napi::Number::New(env, program.status));
  object.Set("isAlone", Napi::Boolean::New(env, program.isAlone));
  object.Set("leaves", Napi::Boolean::New(env, program.leaves));
  object.Set("outlives", Napi::Boolean::New(env, program.outlives));
  return object;
}

Napi::Value TraceToJs(Napi::Env env, const Trace& trace) {
  auto programs = Napi::Array::New(env, trace.programs.size());
  for (uint32_t index = 0; index < trace.programs.size(); index++) {
    programs.Set(index, ProgramToJs(env, trace.programs[index]));
  }
  auto object = Napi::Object::New(env);
  object.Set("programs", programs);
  object.Set("left", Napi::Number::New(env, trace.left));
  object.Set("isComplete", Napi::Boolean::New(env, trace.isComplete));
  object.Set("isSteady", Napi::Boolean::New(env, trace.isSteady));
  return object;
}

// Two promises: that the process is seized, and, once it has ended, its programs.
struct Promises {
  explicit Promises(Napi::Env env) : seized(env), ended(env) {}
  Napi::Promise::Deferred seized, ended;
  Napi::ThreadSafeFunction queue;
};

Napi::Value FollowChildrenJs(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto pid = static_cast<pid_t>(Number(info, 0));
  auto line = info[1].As<Napi::Buffer<char>>();
  const std::string arguments(line.Data(), line.Length());
  // A copy of the descriptor, which stays open as long as the tracer needs it.
  const int words = info[2].IsNumber() ? fcntl(static_cast<int>(Number(info, 2)), F_DUPFD_CLOEXEC, 0) : -1;
  if (info[2].IsNumber() && words < 0) throw ToJs(env, SystemError{errno, "fcntl", "F_DUPFD_CLOEXEC"});
  auto* promises = new Promises(env);
  promises->queue = Napi::ThreadSafeFunction::New(
      env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "followChildren", 0, 1, promises,
      [](Napi::Env, Promises* held) { delete held; });
  // If JavaScript has ended before, there is no callback to call.
  const TraceEvents events{
      [promises](std::optional<SystemError> error) {
        promises->queue.BlockingCall([promises, error](Napi::Env called, Napi::Function) {
          if (error) {
            promises->seized.Reject(ToJs(called, *error).Value());
          } else {
            promises->seized.Resolve(called.Undefined());
          }
        });
        if (error) promises->queue.Release();
      },
      [promises](Trace trace) {
        auto held = std::make_shared<Trace>(std::move(trace));
        promises->queue.BlockingCall([promises, held](Napi::Env called, Napi::Function) {
          promises->ended.Resolve(TraceToJs(called, *held));
        });
        promises->queue.Release();
      }};
  auto answer = Napi::Object::New(env);
  answer.Set("seized", promises->seized.Promise());
  answer.Set("ended", promises->ended.Promise());
  FollowChildren(pid, arguments, words, events);
  return answer;
}

// A pair of open descriptors: reading end and writing end.
Napi::Value PipeJs(const Napi::CallbackInfo& info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw ToJs(info.Env(), SystemError{errno, "pipe2", ""});
  auto pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0u, Napi::Number::New(info.Env(), ends[0]));
  pair.Set(1u, Napi::Number::New(info.Env(), ends[1]));
  return pair;
}

}  // namespace

void InitTrace(Napi::Env env, Napi::Object exports) {
  exports.Set("followChildren", Napi::Function::New(env, FollowChildrenJs, "followChildren"));
  exports.Set("pipe", Napi::Function::New(env, PipeJs, "pipe"));
}

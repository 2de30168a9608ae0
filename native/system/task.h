// An asynchronous call: work in the thread pool on copies, then a conversion of the result on the main thread.
#pragma once
#include <napi.h>

#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "system_error.h"

inline Napi::Error ToJs(Napi::Env env, const SystemError& error) {
  const char* code = strerrorname_np(error.number);
  auto thrown = Napi::Error::New(env, std::string(code ? code : "EUNKNOWN") + ": " +
                                          strerror(error.number) + ", " + error.call + " '" + error.path + "'");
  thrown.Set("code", Napi::String::New(env, code ? code : "EUNKNOWN"));
  // Negative, as in Node's own errors.
  thrown.Set("errno", Napi::Number::New(env, -error.number));
  thrown.Set("syscall", Napi::String::New(env, error.call));
  thrown.Set("path", Napi::String::New(env, error.path));
  return thrown;
}

template <typename Result>
class Task final : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;

  static Napi::Value Run(Napi::Env env, Work work, Convert convert) {
    auto* task = new Task(env, std::move(work), std::move(convert));
    auto promise = task->deferred_.Promise();
    task->Queue();
    return promise;
  }

 protected:
  // Any other std::exception (bad_alloc) reaches OnError through AsyncWorker.
  void Execute() override {
    try {
      result_ = work_();
    } catch (const SystemError& error) {
      failure_ = error;
      SetError(error.call);
    }
  }

  void OnOK() override { deferred_.Resolve(convert_(Env(), *result_)); }

  void OnError(const Napi::Error& error) override {
    deferred_.Reject(failure_ ? ToJs(Env(), *failure_).Value() : error.Value());
  }

 private:
  Task(Napi::Env env, Work work, Convert convert)
      : AsyncWorker(env), deferred_(env), work_(std::move(work)), convert_(std::move(convert)) {}

  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  std::optional<Result> result_;
  std::optional<SystemError> failure_;
};

struct Nothing {};

inline Napi::Value RunVoid(Napi::Env env, std::function<void()> work) {
  return Task<Nothing>::Run(
      env,
      [work = std::move(work)] {
        work();
        return Nothing{};
      },
      [](Napi::Env env, const Nothing&) { return env.Undefined(); });
}

// A string (UTF-8) or Buffer (bytes) argument, copied. A NUL inside would silently name another file.
inline std::string Bytes(const Napi::CallbackInfo& info, size_t index) {
  Napi::Value value = info[index];
  std::string bytes;
  if (value.IsString()) {
    bytes = value.As<Napi::String>().Utf8Value();
  } else if (value.IsBuffer()) {
    auto buffer = value.As<Napi::Buffer<char>>();
    bytes.assign(buffer.Data(), buffer.Length());
  } else {
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no string or Buffer");
  }
  if (bytes.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " holds a NUL byte");
  }
  return bytes;
}

inline int64_t Number(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) {
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no number");
  }
  return info[index].As<Napi::Number>().Int64Value();
}

inline bool Flag(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsBoolean()) {
    throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is no boolean");
  }
  return info[index].As<Napi::Boolean>().Value();
}

// makeLayer for JavaScript: the work runs in the thread pool.
#include "../system/task.h"
#include "make_layer.h"

namespace layer {
namespace {

std::string Field(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsString()) throw Napi::TypeError::New(from.Env(), std::string(name) + " is no string");
  return value.As<Napi::String>().Utf8Value();
}

// Each byte as the character of its number, as paths are in JavaScript.
Napi::String ByteString(Napi::Env env, const std::string& bytes) {
  std::u16string text;
  text.reserve(bytes.size());
  for (unsigned char byte : bytes) text += static_cast<char16_t>(byte);
  return Napi::String::New(env, text);
}

Napi::Value Convert(Napi::Env env, const MadeLayer& made) {
  auto result = Napi::Object::New(env);
  if (made.failure) {
    auto failure = Napi::Object::New(env);
    failure.Set("code", made.failure->code);
    failure.Set("text", ByteString(env, made.failure->text));
    failure.Set("subject", ByteString(env, made.failure->subject));
    result.Set("failure", failure);
    return result;
  }
  auto segments = Napi::Array::New(env, made.segments.size());
  for (uint32_t at = 0; at < made.segments.size(); at++) {
    auto segment = Napi::Object::New(env);
    segment.Set("offset", static_cast<double>(made.segments[at].offset));
    segment.Set("size", static_cast<double>(made.segments[at].size));
    if (!made.segments[at].index.empty()) segment.Set("index", made.segments[at].index);
    segments.Set(at, segment);
  }
  result.Set("segments", segments);
  result.Set("diffID", "sha256:" + made.diffId);
  return result;
}

Napi::Value JsMakeLayer(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "makeLayer takes an object");
  const auto given = info[0].As<Napi::Object>();
  if (!given.Get("segments").IsBuffer()) throw Napi::TypeError::New(info.Env(), "segments is no Buffer");
  const auto bytes = given.Get("segments").As<Napi::Buffer<char>>();
  LayerOptions options;
  options.segments.assign(bytes.Data(), bytes.Length());
  options.layer = Field(given, "layer");
  options.listing = Field(given, "listing");
  options.compression = Field(given, "compression");
  options.level = given.Get("level").ToNumber().Int32Value();
  return Task<MadeLayer>::Run(
      info.Env(), [options = std::move(options)] { return MakeLayer(options); }, Convert);
}

}  // namespace
}  // namespace layer

void InitLayer(Napi::Env env, Napi::Object exports) {
  exports.Set("makeLayer", Napi::Function::New(env, layer::JsMakeLayer));
}

// makeLayer for JavaScript: the work runs in the thread pool.
#include "../system/task.h"
#include "make_layer.h"
#include "tree_sink.h"

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

Napi::Value ConvertFailure(Napi::Env env, const LayerFailure& failure) {
  auto fields = Napi::Object::New(env);
  fields.Set("code", failure.code);
  fields.Set("text", ByteString(env, failure.text));
  fields.Set("subject", ByteString(env, failure.subject));
  auto result = Napi::Object::New(env);
  result.Set("failure", fields);
  return result;
}

Napi::Value ConvertListed(Napi::Env env, const ListedLayer& listed) {
  if (listed.failure) return ConvertFailure(env, *listed.failure);
  auto result = Napi::Object::New(env);
  result.Set("digest", "sha256:" + listed.digest);
  result.Set("diffID", "sha256:" + listed.diffId);
  return result;
}

Napi::Value Convert(Napi::Env env, const MadeLayer& made) {
  if (made.failure) return ConvertFailure(env, *made.failure);
  auto result = Napi::Object::New(env);
  auto segments = Napi::Array::New(env, made.segments.size());
  for (uint32_t at = 0; at < made.segments.size(); at++) {
    auto segment = Napi::Object::New(env);
    segment.Set("offset", static_cast<double>(made.segments[at].offset));
    segment.Set("size", static_cast<double>(made.segments[at].size));
    if (!made.segments[at].index.empty()) segment.Set("index", made.segments[at].index);
    segments.Set(at, segment);
  }
  result.Set("segments", segments);
  result.Set("digest", "sha256:" + made.digest);
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

Napi::Value JsListLayer(const Napi::CallbackInfo& info) {
  std::string layer = Bytes(info, 0);
  std::string listing = Bytes(info, 1);
  const bool isGzip = Flag(info, 2);
  return Task<ListedLayer>::Run(
      info.Env(), [=] { return ListLayer(layer, listing, isGzip); }, ConvertListed);
}

Napi::Value JsUnpack(const Napi::CallbackInfo& info) {
  if (!info[0].IsBuffer()) throw Napi::TypeError::New(info.Env(), "segments is no Buffer");
  const auto bytes = info[0].As<Napi::Buffer<char>>();
  std::string segments(bytes.Data(), bytes.Length());
  std::string root = Bytes(info, 1);
  using Failure = std::optional<LayerFailure>;
  return Task<Failure>::Run(
      info.Env(), [=] { return Unpack(segments, root); },
      [](Napi::Env env, const Failure& failure) {
        return failure ? ConvertFailure(env, *failure) : Napi::Value(Napi::Object::New(env));
      });
}

}  // namespace
}  // namespace layer

void InitLayer(Napi::Env env, Napi::Object exports) {
  exports.Set("listLayer", Napi::Function::New(env, layer::JsListLayer));
  exports.Set("unpackSegments", Napi::Function::New(env, layer::JsUnpack));
  exports.Set("makeLayer", Napi::Function::New(env, layer::JsMakeLayer));
}

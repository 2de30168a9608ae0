// The addon's export table: each part adds its functions to the exports.
#include <napi.h>

void InitDeviceMapper(Napi::Env env, Napi::Object exports);
void InitNetwork(Napi::Env env, Napi::Object exports);
void InitNotify(Napi::Env env, Napi::Object exports);
void InitPosix(Napi::Env env, Napi::Object exports);
void InitSolv(Napi::Env env, Napi::Object exports);
void InitUsage(Napi::Env env, Napi::Object exports);

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InitDeviceMapper(env, exports);
  InitNetwork(env, exports);
  InitNotify(env, exports);
  InitPosix(env, exports);
  InitSolv(env, exports);
  InitUsage(env, exports);
  return exports;
}

NODE_API_MODULE(milliner, Init)

// The addon's export table: each part adds its functions.
#include <malloc.h>

#include <napi.h>

void InitDeviceMapper(Napi::Env env, Napi::Object exports);
void InitHashFiles(Napi::Env env, Napi::Object exports);
void InitLoop(Napi::Env env, Napi::Object exports);
void InitKvm(Napi::Env env, Napi::Object exports);
void InitLayer(Napi::Env env, Napi::Object exports);
void InitNetwork(Napi::Env env, Napi::Object exports);
void InitNotify(Napi::Env env, Napi::Object exports);
void InitPosix(Napi::Env env, Napi::Object exports);
void InitSeccomp(Napi::Env env, Napi::Object exports);
void InitShift(Napi::Env env, Napi::Object exports);
void InitSolv(Napi::Env env, Napi::Object exports);
void InitTrace(Napi::Env env, Napi::Object exports);
void InitUsage(Napi::Env env, Napi::Object exports);

// Freed large buffers would stay in the arenas of Node's many threads, and a build would need half as much memory
// again. With this setting each returns to the kernel by itself (mallopt(3)).
static void ReturnLargeBuffers() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
#endif
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  ReturnLargeBuffers();
  InitDeviceMapper(env, exports);
  InitHashFiles(env, exports);
  InitLoop(env, exports);
  InitKvm(env, exports);
  InitLayer(env, exports);
  InitNetwork(env, exports);
  InitNotify(env, exports);
  InitPosix(env, exports);
  InitSeccomp(env, exports);
  InitShift(env, exports);
  InitSolv(env, exports);
  InitTrace(env, exports);
  InitUsage(env, exports);
  return exports;
}

NODE_API_MODULE(milliner, Init)

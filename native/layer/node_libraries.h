// The libraries inside the node executable, which exports them: layers' bytes depend on the pinned Node alone. Node ships
// headers of OpenSSL and zlib, and none of zstd, so what is used of zstd.h (its stable part) is declared here.
#pragma once
#include <openssl/evp.h>
#include <zlib.h>

#include <cstddef>

extern "C" {
typedef struct ZSTD_CCtx_s ZSTD_CCtx;
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
struct ZSTD_inBuffer {
  const void* src;
  size_t size;
  size_t pos;
};
struct ZSTD_outBuffer {
  void* dst;
  size_t size;
  size_t pos;
};
enum ZSTD_cParameter { ZSTD_c_compressionLevel = 100, ZSTD_c_checksumFlag = 201 };
enum ZSTD_EndDirective { ZSTD_e_continue = 0, ZSTD_e_flush = 1, ZSTD_e_end = 2 };
enum ZSTD_ResetDirective { ZSTD_reset_session_only = 1 };

ZSTD_CCtx* ZSTD_createCCtx(void);
size_t ZSTD_freeCCtx(ZSTD_CCtx*);
size_t ZSTD_CCtx_reset(ZSTD_CCtx*, ZSTD_ResetDirective);
size_t ZSTD_CCtx_setParameter(ZSTD_CCtx*, ZSTD_cParameter, int);
size_t ZSTD_compressStream2(ZSTD_CCtx*, ZSTD_outBuffer*, ZSTD_inBuffer*, ZSTD_EndDirective);
size_t ZSTD_compressBound(size_t);
ZSTD_DCtx* ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx*);
size_t ZSTD_DCtx_reset(ZSTD_DCtx*, ZSTD_ResetDirective);
size_t ZSTD_decompressDCtx(ZSTD_DCtx*, void*, size_t, const void*, size_t);
size_t ZSTD_decompressStream(ZSTD_DCtx*, ZSTD_outBuffer*, ZSTD_inBuffer*);
unsigned ZSTD_isError(size_t);
const char* ZSTD_getErrorName(size_t);
}

/* jit_case.h: one call of rms_norm.forward on the host, its inputs fixed, and packs made by the compiler's library. */
#ifndef JIT_CASE_H
#define JIT_CASE_H
#include "liger.h"
#include "ligerc.h"
#include "toy_pack.h"

#define JIT_SPEC LGR_SOURCE_DIR "/specs/rms_norm.tile"
enum { JIT_M = 3, JIT_N = 40 };

typedef struct Norm {
    uint16_t x[JIT_M * JIT_N], w[JIT_N], y[JIT_M * JIT_N];      /* f16, or the first half of bf16's */
    float rstd[JIT_M];
    int64_t shape[4][2];
    DLTensor t[4];
    const DLTensor *list[4];
    int32_t options[2];
    lgr_call call;
} Norm;

/* dtype: kDLFloat or kDLBfloat, 16 bits for both types; casting: "llama", "gemma" or "none". */
void norm_call(Norm *n, const lgr_kernel *k, DLDeviceType device, uint8_t dtype, const char *casting);
/* A context with this cache and compiler, either NULL, where NULL cache is none. */
lgr_context *norm_context(const char *cache, const char *compiler);
/* Opens a pack of rms_norm.forward for these bindings (up to a NULL) on the host, and finds the kernel. */
const lgr_kernel *norm_pack(lgr_context *ctx, const char *const *bindings, void **pack);
/* The compiler's library, opened by its path; the others need it, but for norm_call and norm_context. */
void jit_open(const char *path);
extern int (*jit_compile)(const ligerc_request *, void **, size_t *, char *, size_t);
extern void (*jit_free)(void *);
/* What the kernel built ahead for it gives. */
void norm_expect(uint8_t dtype, const char *casting, Norm *want);

#endif

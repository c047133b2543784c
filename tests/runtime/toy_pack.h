/* toy_pack.h: a small pack made by hand, so that the runtime is tested without the compiler.
 *
 * Op "toy", kernel "scale": in x: T[M, N], in w: f32[N] if opt == with, out y: T[M, N] over x, out s: f32[M], out acc: f32[N] by
 * `+=`, out h: T[M, N/2] if opt == half; types T in {f32, f16}; option opt in {with, without, half}; scalars eps (f32, 0.5) and n
 * (i64, 7).  The host's code writes block + 1 into s[block], as integers.  Instances: f32 with every option, f16 with the first.
 */
#ifndef TOY_PACK_H
#define TOY_PACK_H
#include "cuda_driver.h"
#include "lgk.h"
#include "liger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TOY_X, TOY_W, TOY_Y, TOY_S, TOY_ACC, TOY_H, TOY_TENSORS };

typedef struct Toy { void *bytes; size_t size; } Toy;
Toy  toy_pack(void);               /* aligned to 16; free(bytes) */
void toy_seal(Toy t);              /* makes the manifest's digest right again */

/* A call of toy.scale on compact CPU or CUDA tensors of M x N; memory is the caller's. */
typedef struct ToyCall {
    DLTensor t[TOY_TENSORS];
    int64_t shape[TOY_TENSORS][4], stride[TOY_TENSORS][4];
    const DLTensor *list[TOY_TENSORS];
    int32_t option;
    lgr_call call;
} ToyCall;
void toy_call(ToyCall *c, const lgr_kernel *k, DLDeviceType device, char *memory, int64_t m, int64_t n);   /* tensors 1 MiB apart */
lgr_context *toy_context(const lgr_config *config, Toy t, const lgr_kernel **k);

/* ---- a driver that only remembers ---- */
typedef struct Fake {
    int calls, fail_at, fail_code;     /* the call of that number fails, counted from 1; 0: none */
    const char *failed_call;
    bool hint;                         /* what failed was asked about the memory: nothing that a launch needs */
    int capturing, sm, processors, devices, memory_khz, memory_bits, clocks;      /* clocks: times that the memory's was asked for */
    void *current;                     /* this thread's context */
    int depth, retained, modules, links;
    int launches, loads, assembled, sets;
    uint32_t grid[8], block[8], shared[8], nattrs[8], attr[8][2];
    uint64_t words[8][16];
    void *stream[8], *fn[8];
    char last_symbol[64];
    uint64_t set_at[16], set_bytes[16];
    int shared_limit, carveout, wide;  /* attributes of the last function that had them */
    bool old;                          /* has no cuGetProcAddress_v2 */
    const char *hidden, *absent;       /* a name that cuGetProcAddress_v2 does not know; a symbol that is not exported */
    int asked, exported;               /* functions by cuGetProcAddress_v2, symbols by name */
    uint64_t flags;                    /* of all that was asked */
} Fake;
extern Fake fake;
const LgrCudaDriver *fake_driver(void);    /* forgets everything */
void *fake_symbol(void *lib, const char *symbol);   /* dlsym of the fake driver */

#endif

/* backend.h: internal: another executor for CPU tensors, so that the compiler's checker runs its sim through the very same
 * binding, choice and marshalling as a launch.
 */
#ifndef LGR_BACKEND_H
#define LGR_BACKEND_H
#include "lgk.h"
#include "liger.h"

typedef void (*lgr__host_fn)(const uint64_t *words, uint32_t begin, uint32_t end, uint32_t blocks);

typedef struct lgr__range { uint64_t addr, bytes; } lgr__range;

typedef struct lgr__backend {
    const char *target;        /* the pack's set that it runs */
    uint32_t processors;       /* for persistent grids */
    /* Runs one launch. code: the bytes of the variant's code record. ranges: memory the call may touch. */
    lgr_status (*launch)(void *self, const void *code, size_t size, uint32_t nth, const LgkLaunch *l, uint32_t blocks, const uint64_t *words,
                         uint32_t nwords, const lgr__range *ranges, uint32_t nranges);
} lgr__backend;

/* CPU tensors of this context go to b from now on; NULL: back to the host. */
LGR_API void lgr__set_backend(lgr_context *ctx, const lgr__backend *b, void *self);

#endif

/* lgr_int.h: the runtime's own structures. Nothing of it is public.
 *
 * A context holds packs (mapped, validated), kernels (views into packs) and, per device, the code loaded so far: a table of function
 * handles by launch record, filled by preparing and only read by launching.
 */
#ifndef LGR_INT_H
#define LGR_INT_H
#include "backend.h"
#include "lgk.h"
#include "liger.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { LGR_MAX_DEVICES = 16, LGR_HOST_DEVICE = LGR_MAX_DEVICES, LGR_DEVICES };

typedef struct Pack {
    struct Pack *next;
    const uint8_t *base;
    size_t size;
    bool mapped;
    const LgkHeader *head;
    const char *strings;
#define X(e, type) const type *t_##e;
    LGK_TABLES(X)
#undef X
    _Atomic(void *) *fn[LGR_DEVICES];      /* by launch record; NULL until a device is first used */
    _Atomic(void *) *module[LGR_DEVICES];  /* by code record */
    _Atomic(struct Jit *) jits;            /* what the compiler made for kernels of this pack */
    void *owned;                           /* the bytes, where they are the context's own memory */
} Pack;

struct lgr_kernel {
    Pack *pack;
    const LgkKernel *k;
    _Atomic uint32_t last;                 /* instance found last */
    _Atomic(struct Memos *) memos;         /* NULL until code of it is loaded */
};

/* A pack of one instance of one kernel, made for a call that no other served. */
typedef struct Jit { struct Jit *next; const LgkKernel *of; Pack pack; lgr_kernel kernel; } Jit;

struct lgr_context {
    lgr_config config;                     /* its strings lie in `strings` */
    char *strings;
    pthread_mutex_t jit_lock;              /* one compilation at a time; taken before lock */
    struct Compiler *compiler;             /* NULL until first needed */
    pthread_mutex_t lock;                  /* loading only */
    Pack *packs;
    lgr_kernel *kernels;
    uint32_t nkernels;
    struct Memos *memos;                   /* of all kernels */
    struct Cuda *cuda;                     /* NULL until first needed */
    struct HostPool *pool;
    const lgr__backend *backend;           /* instead of the host's own, for CPU tensors (tests, sim) */
    void *backend_self;
};

/* ---- one call, bound ---- */

typedef struct View { uint64_t base; int64_t shape[LGK_MAX_RANK], stride[LGK_MAX_RANK]; int rank, bytes; bool present; } View;

/* One par nest of a call: its variant, its size and its grids. */
typedef struct Part {
    const LgkSet *set;
    const LgkVariant *variant;
    uint32_t nth;                          /* of the set's variants */
    int64_t instances, row, places;        /* places: rows that a sum through an index may name */
    int64_t par[LGK_MAX_INST];
    uint32_t blocks[LGK_MAX_LAUNCHES];
    size_t work[LGK_MAX_LAUNCHES];         /* where each launch's part of the workspace begins, behind the scratch tensors */
    uint32_t own;                          /* of the blocks of launch 0, those of this nest */
    bool led;                              /* the launch of the nest before works for this one too */
} Part;

/* What picks the instance: element types (0: no tensor tells), options, tensors given. */
typedef struct Key { uint32_t dtype[LGK_MAX_TYPES], option[LGK_MAX_OPTIONS]; uint64_t present; } Key;

typedef struct Bound {
    const lgr_kernel *kernel;
    const LgkInstance *inst;
    int device;                            /* CUDA device number, or LGR_HOST_DEVICE */
    View view[LGK_MAX_TENSORS];            /* the caller's, then the scratch tensors */
    int64_t dims[LGK_MAX_DIMS];
    uint32_t option[LGK_MAX_OPTIONS];      /* choices of the call */
    uint32_t nparts;
    Part part[LGK_MAX_NESTS];
    size_t scratch;                        /* bytes of the workspace's head that hold the kernel's scratch tensors (their views' bases count from there) */
    size_t workspace;                      /* all of it: partial sums of a nest come behind */
} Bound;

/* ---- memory ---- */
void *lgr__alloc(lgr_context *ctx, size_t n);          /* zeroed */
void  lgr__release(lgr_context *ctx, void *p);
void  lgr__log(lgr_context *ctx, lgr_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- error.c ---- */
lgr_status lgr__fail(lgr_status s, const lgr_kernel *k, const char *argument, const char *found, const char *wanted_fmt, ...)
    __attribute__((format(printf, 5, 6)));
lgr_status lgr__fail_driver(const char *call, int code, const char *hint);
lgr_status lgr__name_op(lgr_status s, const lgr_kernel *k);                  /* into the record of a failure that lacks it; s again */

/* ---- pack_open.c ---- */
lgr_status lgr__pack_check(Pack *p, const void *data, size_t size);          /* fills p */
lgr_status lgr__pack_add(lgr_context *ctx, const void *data, size_t size, bool mapped, void *owned);
void       lgr__packs_free(lgr_context *ctx);
bool       lgr__code_intact(const Pack *p, const LgkCode *c);
const char *lgr__str(const Pack *p, LgkStr s);

/* ---- bind.c, choose.c ---- */
bool lgr__well_formed(const lgr_context *ctx, const lgr_call *call);        /* as many arguments as the kernel has */
lgr_status lgr__check_scalars(const lgr_kernel *k, const lgr_call *call);
lgr_status lgr__bind(lgr_context *ctx, const lgr_call *call, Bound *b);     /* instance, dims, views */
lgr_status lgr__bind_key(const lgr_kernel *k, const lgr_call *call, Key *key, int *device);
const char *lgr__dtype_name(uint32_t dt);
void lgr__range_text(const LgkScalar *s, char *buf, size_t n);
lgr_status lgr__choose(lgr_context *ctx, const lgr_call *call, Bound *b);   /* set, variant, grids, workspace */
bool lgr__has_target(lgr_context *ctx, int device, const Pack *p, const LgkInstance *n);   /* code of every nest for the device, which is open */
bool lgr__extent(const LgkExtent *e, uint32_t ndims, const int64_t *dims, int64_t *out);
bool lgr__same_place(const View *a, const View *b);     /* one memory, element for element */
bool lgr__span(const View *v, uint64_t *lo, uint64_t *hi);
void lgr__extent_text(const lgr_kernel *k, const LgkExtent *e, char *buf, size_t n);
int   lgr__dtype_bytes(uint32_t dt);                   /* LGK element types */
/* A launch's words: first what the choice tells, with offsets where the caller's addresses belong, then these and the scalars. */
void lgr__fill_words(const Bound *b, const Part *t, const LgkLaunch *l, uint64_t *words);
void lgr__fill_call(const lgr_kernel *k, const lgr_call *call, const uint64_t *base, const LgkLaunch *l, uint64_t *words);

/* ---- memo.c: a call seen lately, as it was bound and chosen ---- */

/* One launch, but for its words. */
typedef struct LgrStep { const LgkLaunch *launch; void *fn; uint32_t blocks; bool early, small; } LgrStep;    /* early, small: of lgr__cuda_launch, lgr__host_run */

enum { LGR_MEMO_WORDS = 192, LGR_STEP_WORDS = sizeof(LgrStep) / 8 };
/* w: LGR_R_*; then base, and begin and end counted from it, of each tensor; then for each launch a step and its words, up to LGR_R_END. */
enum { LGR_R_WORKSPACE, LGR_R_KERNEL, LGR_R_DEVICE, LGR_R_END, LGR_R_PLACES };
typedef struct LgrRecall { uint64_t base[LGK_MAX_TENSORS], w[LGR_MEMO_WORDS]; } LgrRecall;

bool lgr__recall(const lgr_call *call, LgrRecall *r);                       /* call has the kernel's numbers of arguments; its scalars and workspace are not looked at */
void lgr__remember(const lgr_call *call, const Bound *b);                   /* a call that was launched, or may be: loaded, nothing left to do but its launches */
lgr_status lgr__memos_make(lgr_context *ctx, const lgr_kernel *k);          /* room for the kernel's, once; under the lock */
void lgr__memos_free(lgr_context *ctx);
bool lgr__step(const Bound *b, const Part *t, uint32_t i, LgrStep *s);      /* launch i of the part; false: it has no blocks */

/* ---- devices ---- */
lgr_status lgr__load(lgr_context *ctx, const lgr_call *call, const Bound *b);   /* every launch of the variant; takes the lock */
lgr_status lgr__cuda_open(lgr_context *ctx);
void       lgr__cuda_close(lgr_context *ctx);
int        lgr__cuda_fit(lgr_context *ctx, int device, const LgkSet *set);  /* 0: does not run there; larger is better */
int        lgr__cuda_processors(lgr_context *ctx, int device);
int        lgr__cuda_gbps(lgr_context *ctx, int device);  /* of its memory; 0: the driver does not say */
lgr_status lgr__cuda_enter(lgr_context *ctx, int device, bool *pushed);     /* the device's home context is current until leave */
void       lgr__cuda_leave(lgr_context *ctx, bool pushed);
lgr_status lgr__cuda_capturing(lgr_context *ctx, void *stream, bool *capturing);
lgr_status lgr__cuda_load(lgr_context *ctx, int device, const Pack *p, const LgkCode *code, void **module);
lgr_status lgr__cuda_function(lgr_context *ctx, void *module, const char *symbol, const LgkLaunch *l, void **fn);
lgr_status lgr__cuda_launch(lgr_context *ctx, void *fn, const LgkLaunch *l, uint32_t blocks, bool early, uint64_t *words, void *stream);   /* early: it may start before the kernel before it ends */
lgr_status lgr__cuda_zero(lgr_context *ctx, uint64_t at, uint64_t bytes, uint64_t pitch, uint64_t n, void *stream);   /* n pieces of `bytes`, `pitch` apart */
void       lgr__cuda_unload(lgr_context *ctx, int device, void *module);

int lgr__cuda_sm(lgr_context *ctx, int device);                             /* 90 */

/* ---- jit.c ---- */
/* Makes what the call lacks, where the context may and the kernel's source is there; otherwise `why` again. */
lgr_status lgr__jit(lgr_context *ctx, const lgr_call *call, lgr_status why);
void       lgr__jit_close(lgr_context *ctx);

/* ---- cache.c: a piece of code by what it was made from and a number for the kind ---- */
bool lgr__cache_get(lgr_context *ctx, const void *ptx, size_t n, int sm, void **code, size_t *size);   /* *code is the caller's */
/* Looks at every entry, and removes them if so asked; path gets the folder. How many there are, -1 when there is no such folder of this user's. */
int64_t lgr__cache_walk(lgr_context *ctx, char *path, size_t room, bool remove, void (*each)(void *self, const char *name, uint64_t bytes, int64_t when), void *self);
void lgr__cache_put(lgr_context *ctx, const void *ptx, size_t n, int sm, const void *code, size_t size);

lgr_status lgr__host_load(lgr_context *ctx, const Pack *p, const LgkCode *code, void **module);
void       lgr__host_unload(const LgkCode *code, void *module);
lgr_status lgr__host_run(lgr_context *ctx, lgr__host_fn fn, const uint64_t *words, uint32_t blocks, bool small);
void       lgr__host_close(lgr_context *ctx);

#endif

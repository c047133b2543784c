/* pipeline.h: from an opened spec to compiled units: one unit is one kernel under one binding on one target.
 *
 * Units are planned side by side on `jobs` threads, then all their variants are compiled side by side, each thread with its own arena
 * and LLVM session.  Results are in the order of the request whatever the number of jobs.
 */
#ifndef LGR_PIPELINE_H
#define LGR_PIPELINE_H
#include "ll.h"
#include "lower.h"
#include "pack.h"

#include <signal.h>

/* What to make of a unit: the work stops after the last stage that is asked for. PTX is of GPU targets only, an object of the host only. */
typedef enum PipeWant { PIPE_TILE_IR = 1, PIPE_SCHEDULE = 2, PIPE_LOWERED = 4, PIPE_LLVM = 8, PIPE_PTX = 16, PIPE_OBJECT = 32, PIPE_CODE = 64 } PipeWant;

typedef struct PipeRequest {
    const SemaOp *op;
    const Diag   *source;               /* whose files the spans are in */
    const Target *targets[TARGET_COUNT];
    uint32_t      ntargets;
    const char *const *fix;             /* "T=bf16", "casting=llama": bindings are restricted to these */
    uint32_t      nfix;
    const char   *kernel;               /* NULL: all */
    const Sched  *scheds;               /* one or several instead of the model's choices, for every nest that it is legal for */
    uint32_t      nscheds;
    const int32_t *lengths; const uint32_t *length_nests; uint32_t nlengths, candidates;   /* a bundle for a tuner: so many candidates of a GPU for each of these row lengths, the model's own choices before them;
                                            length_nests: of this par nest only, NULL: of all */
    bool          host_too;             /* candidates of the host as well */
    const char   *tuned, *tuned_name;   /* table of measured schedules, or NULL: they go before the model's; what its file is called */
    double        until_ms;             /* candidates are no longer compiled after this (CLOCK_MONOTONIC), or when *stop is set; 0, NULL: never so */
    const volatile sig_atomic_t *stop;
    bool          general_too;          /* behind it the model's general variants, so that any call is served */
    unsigned      want;                 /* PipeWant bits; 0: PIPE_CODE */
    int           jobs;
    bool          checked_only;         /* only bindings that a check of the spec names */
    bool          fallback;             /* beside each binding's kernels, those whose openable options are switched at run time: any choice is served */
    bool          ptx_only;             /* no ptxas even when it is installed */
} PipeRequest;

typedef struct PipeVariant {
    uint32_t   nest;                    /* of the kernel's par nests, which are compiled each by itself */
    const TirFn *fn;                    /* that nest */
    Sched      sched, planned;          /* planned: the one first compiled, which spilled `spilled` bytes */
    int        spilled;
    LowKernel *low;                     /* NULL before that stage */
    LgkCodeKind kind;                   /* of code; 0 without PIPE_CODE */
    Buf        code;                    /* cubin, PTX or host blob */
    Buf        llvm, ptx, object;       /* where wanted */
    uint32_t   entry[LOW_MAX_LAUNCHES];
    LlAsmInfo  info[LOW_MAX_LAUNCHES]; uint32_t ninfo;
    Diag       diag;                    /* its items end up in the unit's */
    double     ms;
    bool       failed, late;            /* late: not compiled, there was no time */
    bool       own;                     /* among a tuner's candidates: what the model takes without being asked for more */
} PipeVariant;

typedef struct PipeUnit {
    uint32_t kernel;
    SemaBinding binding;
    const Target *target;
    Arena  *arena;
    Diag    diag;                       /* of this unit; its spans are in the source's files */
    TirFn  *fn;
    PipeVariant *variants; uint32_t n, cap;
    double  ms;                         /* of all threads */
    bool    failed;
} PipeUnit;

enum { PIPE_MAX_JOBS = 64 };
typedef struct PipeResult {
    PipeUnit *units; uint32_t n, cap;
    bool   failed;
    Arena *arena[PIPE_MAX_JOBS]; uint32_t narenas;      /* what the threads made of variants */
} PipeResult;

/* False with a diagnostic when the request itself is wrong (an unknown name in fix or kernel). */
bool pipe_run(const PipeRequest *r, Arena *a, Diag *d, PipeResult *out);
/* What ptxas says of the variant's i-th launch; NULL when it was not asked. */
const LlAsmInfo *pipe_info(const PipeVariant *v, uint32_t i);
void pipe_free(PipeResult *r);
/* Every unit of a kernel and binding, by target, into a pack. Without PIPE_CODE its pieces of code are empty: good for texts and headers, not
 * for the runtime. */
void pipe_pack(const PipeRequest *r, const PipeResult *res, PackWriter *w);
/* Every kernel of the op without an instance: what they want, and the source to compile them from. False with a diagnostic. */
bool pipe_pack_kernels(const PipeRequest *r, Arena *a, Diag *d, PackWriter *w);

extern const char tuned_table[];        /* generated/tuned.txt */
extern const char copy_spec[];          /* tools/bench/copy.tile */

#endif

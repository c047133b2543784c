/* check.h: the engine behind `ligerc check`: a compiled kernel against the oracle, through the public runtime.
 *
 * Elements pass by the rule of check_rule.h.  Bytes around every tensor and between its elements must be untouched.
 */
#ifndef LGR_CHECK_H
#define LGR_CHECK_H
#include "check_rule.h"
#include "gpu.h"
#include "liger.h"
#include "pipeline.h"

#include <pthread.h>

/* How the tensors of a case lie in memory. */
typedef enum CheckLayout { LAYOUT_DENSE, LAYOUT_OFFSET, LAYOUT_PITCH, LAYOUT_STRIDED, LAYOUT_INPLACE, LAYOUT_COUNT } CheckLayout;

typedef struct CheckCase {
    int64_t     dims[TIR_MAX_DIMS];
    double      scalars[SEMA_MAX_PARAMS], forward[SEMA_MAX_PARAMS];   /* of the kernel; of the forward kernel whose gradient it is */
    SemaInput   input;
    const SemaCheck *of;              /* whose `below` clauses bound integer inputs */
    CheckLayout layout;
    uint64_t    seed;
    bool        extra;                /* of sizes that the spec does not name: the kernel may not have them */
} CheckCase;

typedef struct CheckOutcome {
    bool   ok;
    double max_err, eager_err;        /* of the worst output, absolute */
    bool   skipped;                   /* the sizes are no sizes of this kernel: nothing was run */
    bool   fatal;                     /* the GPU is lost to this process */
    char   what[256];                 /* why not */
} CheckOutcome;

/* Oracles run side by side, kernels of the GPU one at a time. */
typedef struct CheckGpu { Gpu *gpu; pthread_mutex_t lock; } CheckGpu;

/* Where a case is launched: unit u through ctx, whose backend is that of the unit's target; gpu: where that is a GPU's, else NULL. */
typedef struct CheckSite { lgr_context *ctx; CheckGpu *gpu; const PipeUnit *u; CheckOutcome out; } CheckSite;

/* One case, once by the oracle and then once on each site; all sites have one kernel under one binding. fwd: the forward kernel under the same
 * binding when inputs of it are its outputs, else NULL. `a` is reset. */
void check_case(CheckSite *site, uint32_t nsites, const SemaOp *op, const TirFn *fn, const TirFn *fwd, const SemaDeriv *dv, const CheckCase *c, Arena *a);

/* <dy, J v> = <d_in, v> for random v: the derivative of fwd by dual numbers against bwd, both in double. Relative difference. */
double check_gradient(const TirFn *fwd, const TirFn *bwd, const SemaDeriv *dv, const CheckCase *c, Diag *d);

#endif

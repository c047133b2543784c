/* eval.h: the oracle: runs typed tile IR directly, in double precision.
 *
 * EVAL_EXACT: all float arithmetic in double; casts between float types do not round (inputs are already rounded).
 * EVAL_EAGER: every float op rounds to its dtype (f32, bf16, ...) and casts round: what eager execution in that dtype would
 *             give; its error against EVAL_EXACT is the bar a kernel is held to.
 * EVAL_JITTER: as EVAL_EAGER, but every op rounds up or down at random (seeded by its place): another order of operations would err as
 *             much, so that a result that happens to round well is not taken for an accurate one.  Sums are in another order too, and
 *             with every fourth seed that is all: where roundings to nearest err alike, random ones do not.
 * EVAL_DUAL:  EVAL_EXACT with a tangent beside every value (forward-mode differentiation).
 */
#ifndef LGR_EVAL_H
#define LGR_EVAL_H
#include "tir.h"

typedef enum EvalMode { EVAL_EXACT, EVAL_EAGER, EVAL_JITTER, EVAL_DUAL } EvalMode;

typedef struct EvalTensor {
    double *v;              /* elements as doubles (integers exactly), addressed by stride in elements from v[0] */
    double *tangent;        /* EVAL_DUAL only; NULL = zero for inputs */
    int64_t shape[TIR_MAX_RANK], stride[TIR_MAX_RANK];
} EvalTensor;

typedef struct EvalArgs {
    const int64_t *dims;    /* fn->ndims */
    EvalTensor    *tensors; /* fn->ntensors; absent ones ignored */
    const double  *scalars; /* fn->nscalars */
    uint64_t seed;          /* EVAL_JITTER: another one, other roundings and another order of sums */
} EvalArgs;

/* false with a diagnostic on an index out of range or an extent that does not divide. Outputs with `accumulate` are zeroed first. */
bool eval_run(const TirFn *fn, EvalMode mode, EvalArgs *args, Diag *d);

/* Rounds v to dtype t (nearest even; integers truncate and saturate), as a double. */
double eval_round(double v, DType t);
/* Rounds v up or down, as `up` says, when it is not a value of the float type t. */
double eval_round_to(double v, DType t, bool up);

#endif

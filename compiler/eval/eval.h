/* eval.h: the oracle: runs typed tile IR directly, in double precision.
 *
 * EVAL_EXACT: all float arithmetic in double; casts between float types do not round (inputs are already rounded).
 * EVAL_EAGER: every float op rounds to its dtype (f32, bf16, ...) and casts round: what eager execution in that dtype would
 *             give; its error against EVAL_EXACT is the bar a kernel is held to.
 * EVAL_DUAL:  EVAL_EXACT with a tangent beside every value (forward-mode differentiation).
 */
#ifndef LGR_EVAL_H
#define LGR_EVAL_H
#include "tir.h"

typedef enum EvalMode { EVAL_EXACT, EVAL_EAGER, EVAL_DUAL } EvalMode;

typedef struct EvalTensor {
    double *v;              /* elements as doubles (integers exactly), addressed by stride in elements from v[0] */
    double *tangent;        /* EVAL_DUAL only; NULL = zero for inputs */
    int64_t shape[TIR_MAX_RANK], stride[TIR_MAX_RANK];
} EvalTensor;

typedef struct EvalArgs {
    const int64_t *dims;    /* fn->ndims */
    EvalTensor    *tensors; /* fn->ntensors; absent ones ignored */
    const double  *scalars; /* fn->nscalars */
} EvalArgs;

/* false with a diagnostic on an index out of range or an extent that does not divide. Outputs with `accumulate` are zeroed first. */
bool eval_run(const TirFn *fn, EvalMode mode, EvalArgs *args, Diag *d);

/* Rounds v to dtype t (nearest even; integers truncate and saturate), as a double. */
double eval_round(double v, DType t);

#endif

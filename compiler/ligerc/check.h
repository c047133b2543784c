/* check.h: the engine behind `ligerc check`: a compiled kernel against the oracle, through the public runtime.
 *
 * Rule.  Inputs are rounded to their dtypes.  The oracle runs exact (double throughout), then as eager execution in the declared
 * dtypes would round: to nearest, and three times at random with other orders of sums; the largest error of these is eager's.  An element passes when its error against exact is at most 1.1 times the largest error eager makes in that
 * tensor, plus one unit in the last place of the output dtype at the exact value, plus 8 units of f32 at the tensor's scale (sums in
 * another order).  NaN and Inf must stand where exact, rounded to the output, or eager has them.  Bytes around every tensor and
 * between its elements must be untouched.
 */
#ifndef LGR_CHECK_H
#define LGR_CHECK_H
#include "eval.h"
#include "liger.h"
#include "pipeline.h"

/* How the tensors of a case lie in memory. */
typedef enum CheckLayout { LAYOUT_DENSE, LAYOUT_OFFSET, LAYOUT_PITCH, LAYOUT_STRIDED, LAYOUT_INPLACE, LAYOUT_COUNT } CheckLayout;

typedef struct CheckCase {
    int64_t     dims[TIR_MAX_DIMS];
    double      scalars[SEMA_MAX_PARAMS];
    SemaInput   input;
    const SemaCheck *of;              /* whose `below` clauses bound integer inputs */
    CheckLayout layout;
    uint64_t    seed;
} CheckCase;

typedef struct CheckOutcome {
    bool   ok;
    double max_err, eager_err;        /* of the worst output, absolute */
    char   what[256];                 /* why not */
} CheckOutcome;

/* One launch of unit u (its target decides the context's backend) on one case. fwd: the forward kernel under the same binding when
 * inputs of u are its outputs, else NULL. */
void check_case(lgr_context *ctx, const PipeUnit *u, const SemaOp *op, const TirFn *fwd, const SemaDeriv *dv, const CheckCase *c, CheckOutcome *out);

/* <dy, J v> = <d_in, v> for random v: the derivative of fwd by dual numbers against bwd, both in double. Relative difference. */
double check_gradient(const TirFn *fwd, const TirFn *bwd, const SemaDeriv *dv, const CheckCase *c, Diag *d);

/* check_data.c */
double check_random(uint64_t seed, uint64_t i);                        /* normal, deviation 1 */
double check_uniform(uint64_t seed, uint64_t i);                       /* from 0 to below 1 */
double check_value(SemaInput kind, uint64_t seed, uint64_t i);
void   check_encode(void *to, DType t, double v);
double check_decode(const void *from, DType t);

#endif

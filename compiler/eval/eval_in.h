/* eval_in.h: the evaluator's own state: one instance's values, as arrays of doubles with their tangents. */
#ifndef LGR_EVAL_IN_H
#define LGR_EVAL_IN_H
#include "eval.h"

/* A tile value: n elements, outermost axis first; t holds the tangents (EVAL_DUAL only). */
typedef struct EvalValue { double *v, *t; int64_t n; } EvalValue;

/* Of an element that is summed over instances: what its sum lacks; or, of eager's, the sum of the run of instances that is under way. */
typedef struct EvalPart { float sum; uint32_t run; } EvalPart;
typedef union EvalSum { double lost; EvalPart part; } EvalSum;

typedef struct Eval {
    const TirFn *fn;
    EvalMode  mode;
    uint64_t *tick;          /* EVAL_JITTER: roundings so far */
    EvalArgs *args;
    Diag     *d;
    Arena    *a;             /* reset between instances */
    int64_t  *axis;          /* extents */
    int64_t  *coord;         /* by par */
    EvalValue *val;          /* by TirVal */
    int64_t   instance;      /* of its nest */
    EvalSum **sum;           /* by tensor, of accumulated outputs */
    bool      failed;
} Eval;

/* eval_op.c: one elementwise op on doubles, and its derivative along tangents t at operands x; r is its value there. */
double eval_elem(TirOpcode op, double a, double b, double c);
double eval_slope(TirOpcode op, const double *x, const double *t, double r);
/* eval_op.c: integer op, exact. */
int64_t eval_int(TirOpcode op, int64_t a, int64_t b, int64_t c);
/* eval_round.c: rounds each of n values of the float type t up or down at random; *tick counts them. */
void eval_jitter(double *v, int64_t n, DType t, uint64_t *tick);
/* eval_round.c: integers are counted modulo two to their bits. */
int64_t eval_wrap(int64_t v, DType t);
bool eval_compare(TirOpcode op, double a, double b);

#endif

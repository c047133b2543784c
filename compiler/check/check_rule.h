/* check_rule.h: the rule by which a kernel's numbers pass against the oracle's, and the numbers that it is run on.
 *
 * Rule.  Inputs are rounded to their dtypes.  The oracle runs exact (double throughout), then as eager execution in the declared
 * dtypes would round: to nearest, some times at random, and with other orders of sums; the largest error of these is eager's.  An element passes when its error against exact is at most 1.1 times the largest error eager makes in that
 * tensor, plus one unit in the last place of the output dtype at the exact value, plus 8 units of f32 at the tensor's scale (sums in
 * another order).  NaN and Inf must stand where exact, rounded to the output, or eager has them.
 *
 * One run of eager tells the error of a single sum badly: it may happen to be near zero.  So a tensor of few elements that fails is held
 * against more runs: the verdict is the same as if they had been there from the beginning.
 */
#ifndef LGR_CHECK_RULE_H
#define LGR_CHECK_RULE_H
#include "eval.h"
#include "sema.h"

typedef struct CheckRule { DType dt; double eager_err, scale; } CheckRule;      /* of one tensor; scale: its largest finite exact element */
typedef enum CheckVerdict { CHECK_PASSES, CHECK_CLASS, CHECK_FAR } CheckVerdict; /* CLASS: NaN, Inf or a number where there should be another */

/* runs: eager's, to nearest and at random. */
CheckRule    check_rule(DType dt, const double *exact, const double *const *runs, int nruns, int64_t n);
/* err, not NULL, gets the error of finite elements, else 0. */
CheckVerdict check_element(const CheckRule *r, double got, double exact, double eager, double *err);

/* check_oracle.c: one call, its tensors as arrays of doubles by tensor, last axis fastest */
enum { CHECK_RUNS = 3, CHECK_MOST_RUNS = 20, CHECK_FEW = 2048 };                /* random runs; elements that are few */
typedef struct CheckOracle {
    const TirFn   *fn;
    const int64_t *dims;
    const double  *scalars;
    Arena    *a;                         /* of all arrays */
    int64_t  *count;                     /* elements */
    double  **given;                     /* what the call begins with; kept */
    double  **exact, **eager, **jitter[CHECK_MOST_RUNS];
    int       runs;                      /* in jitter */
} CheckOracle;

/* The verdict is of the first element that does not pass, at `at`. */
typedef struct CheckFound { CheckVerdict verdict; int64_t at; double max_err; CheckRule rule; } CheckFound;

bool       check_is_input(const TirTensor *t);
/* fn to a are set; count and given are made, all 0. False when an extent does not come out whole. */
bool       check_oracle_open(CheckOracle *o);
/* Runs on what is given; false with a diagnostic where the oracle refuses. */
bool       check_oracle_exact(CheckOracle *o, Diag *d);
bool       check_oracle_run(CheckOracle *o, Diag *d);                            /* exact and eager */
/* Tensor i of the call, its elements in v. */
EvalTensor check_tensor_of(const CheckOracle *o, uint32_t i, double *v);
/* Output t, as a kernel made it, by the rule. */
CheckFound check_tensor(CheckOracle *o, uint32_t t, const double *got);

/* check_data.c: deterministic inputs; elements in memory (v is already rounded to t) */
double check_random(uint64_t seed, uint64_t i);                        /* normal, deviation 1 */
double check_uniform(uint64_t seed, uint64_t i);                       /* from 0 to below 1 */
double check_value(SemaInput kind, uint64_t seed, uint64_t i);
void   check_encode(void *to, DType t, double v);
double check_decode(const void *from, DType t);

#endif

/* check_rule.h: the rule by which a kernel's numbers pass against the oracle's, and the numbers that it is run on.
 *
 * Rule.  Inputs are rounded to their dtypes.  The oracle runs exact (double throughout), then as eager execution in the declared
 * dtypes would round: to nearest, and some times at random with other orders of sums; the largest error of these is eager's.  An element passes when its error against exact is at most 1.1 times the largest error eager makes in that
 * tensor, plus one unit in the last place of the output dtype at the exact value, plus 8 units of f32 at the tensor's scale (sums in
 * another order).  NaN and Inf must stand where exact, rounded to the output, or eager has them.
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

/* check_data.c: deterministic inputs; elements in memory (v is already rounded to t) */
double check_random(uint64_t seed, uint64_t i);                        /* normal, deviation 1 */
double check_uniform(uint64_t seed, uint64_t i);                       /* from 0 to below 1 */
double check_value(SemaInput kind, uint64_t seed, uint64_t i);
void   check_encode(void *to, DType t, double v);
double check_decode(const void *from, DType t);

#endif

/* sched_scatter.h: schedules of sums through an index; inside this room only. */
#ifndef LGR_SCHED_SCATTER_H
#define LGR_SCHED_SCATTER_H
#include "sched.h"

/* NULL, or why not; for kernels that are no such sums as well. */
const char *sched_scatter_illegal(const SchedFacts *f, const Sched *s, const Target *t);
/* As sched_choose, sched_candidates and sched_random, for kernels that are. */
void sched_scatter_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out);
void sched_scatter_candidates(const SchedFacts *f, const Target *t, int64_t n, uint32_t most, Arena *a, SchedList *out);
Sched sched_scatter_random(const SchedFacts *f, const Target *t, uint64_t *seed);
#endif

/* sched_forms.h: schedules that need no choosing; inside this room only. */
#ifndef LGR_SCHED_FORMS_H
#define LGR_SCHED_FORMS_H
#include "sched.h"

Sched sched_always(const SchedFacts *f, int vec, SchedAlign align);     /* serves every call whose rows are aligned so */
Sched sched_scalars(void);                                              /* a lane an instance */

/* sched_cost.c */
enum { LONG_ROW = 32768 };
static inline int ceil_div(int64_t a, int64_t b) { return (int)((a + b - 1) / b); }
double sched_typical_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t n);     /* mean over a launch of 64 MiB and one of 512 MiB of input, each against its bytes */
int    sched_looped_registers(const Sched *s);     /* at least, of a lane that walks a row in shared memory */

/* sched_host.c: what sched_choose() and sched_candidates() give for the host */
void sched_host_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out);
void sched_host_candidates(const SchedFacts *f, const Target *t, uint32_t most, Arena *a, SchedList *out);
#endif

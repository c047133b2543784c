/* sched_forms.h: schedules that need no choosing; inside this room only. */
#ifndef LGR_SCHED_FORMS_H
#define LGR_SCHED_FORMS_H
#include "sched.h"

Sched sched_always(const SchedFacts *f, int vec, SchedAlign align);     /* serves every call whose rows are aligned so */
Sched sched_scalars(void);                                              /* a lane an instance */

/* sched_host.c: what sched_choose() and sched_candidates() give for the host */
void sched_host_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out);
void sched_host_candidates(const SchedFacts *f, const Target *t, uint32_t most, Arena *a, SchedList *out);
#endif

/* bench_case.h: one case of a pack, checked and timed beside a copy of as many bytes; and the forms in which results are shown.
 *
 * On a GPU: launches are captured in a graph over rotated buffers (at least 400 MB in all, so that the L2 cache is cold, but 128 sets at most:
 * what takes less than half a megabyte stays in the cache) and replayed; the median of the replays counts.  Outputs are compared with the host target's on the same inputs, of a smaller case where the host would
 * take long.  On the host (m->gpu NULL): launches one after another, against the copy op on as many threads.
 */
#ifndef LGR_BENCH_CASE_H
#define LGR_BENCH_CASE_H
#include "measure.h"

#include <signal.h>
#include <stdio.h>

typedef struct BenchRow { char text[256], schedule[256], target[16]; size_t bytes, workspace; double us, copy, err; int registers, spills; bool wrong; } BenchRow;

/* r->wrong: the outputs differ, a message is on stderr, and nothing was timed. */
void bench_case(Measure *m, const Case *c, BenchRow *r);

/* Cases one after another in a process of their own, as tuner.h has candidates: a case that ends it is told and passed over. */
typedef struct BenchRun {
    const void *pack, *with; size_t pack_size, with_size;     /* with: a pack with the copy op, or NULL */
    bool host;                                                /* CPU tensors, else the first GPU */
    const volatile sig_atomic_t *stop;                        /* set by a handler of the caller's; may be NULL */
    void (*row)(void *self, int nth, const BenchRow *r); void *self;      /* r NULL: the case could not be timed, a message is on stderr */
} BenchRun;
/* 0, or how a process ended before its first case: 2 no such case, 6 no GPU. */
int bench_run(const BenchRun *b, const char *const *cases, int n);

typedef enum BenchForm { BENCH_TEXT, BENCH_CSV, BENCH_JSON } BenchForm;
void bench_head(FILE *f, BenchForm form);
void bench_row(FILE *f, BenchForm form, const BenchRow *r, bool first);
void bench_tail(FILE *f, BenchForm form);
#endif

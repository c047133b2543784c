/* job.h: one kernel under one schedule on one shape: drawn from a seed, lowered, run on the sim, compared with plain loops. */
#ifndef LGR_TEST_JOB_H
#define LGR_TEST_JOB_H
#include "layout.h"

typedef struct Job {
    int kernel;                              /* of plain_kernels */
    DType dt;
    Sched s;
    int64_t m, n;
    Layout how;
    uint64_t seed;
    bool (*change)(const LowKernel *k, uint64_t seed);   /* NULL, or plants a fault; false: there is no place for it */
} Job;

typedef enum { PASS, SKIP, FAIL } Verdict;   /* SKIP: the variant's conditions do not hold for the layout */

bool    job_draw(Job *j, uint64_t seed);     /* false: the kernel has no row form */
Verdict job_run(const Job *j, Buf *why);

#endif

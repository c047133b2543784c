/* spec_job.h: a kernel of a spec under one binding, one schedule, one shape and one layout: drawn from a seed, lowered, run on the sim,
 * compared with the oracle by the rule of `ligerc check`. */
#ifndef LGR_TEST_SPEC_JOB_H
#define LGR_TEST_SPEC_JOB_H
#include "spec_place.h"

typedef struct SpecJob {
    const Spec *spec;
    uint32_t    kernel;
    SemaBinding b;
    uint32_t    nest;                    /* which of the kernel's nests runs under s; the others run element by element */
    Sched       s;
    int64_t     dims[TIR_MAX_DIMS];      /* by the kernel's dims */
    double      scalars[SEMA_MAX_PARAMS];
    SemaInput   input;
    PlaceKind   how;
    bool        in_place;
    uint64_t    seed;
} SpecJob;

typedef enum { SPEC_PASS, SPEC_SKIP, SPEC_NO_ROW, SPEC_FAIL } SpecVerdict;   /* SKIP: the variant's conditions do not hold; NO_ROW: no row form */

SpecVerdict spec_job_draw(SpecJob *j, const SpecSet *set, uint64_t seed, Buf *why);   /* FAIL: the kernel does not type */
SpecVerdict spec_job_run(const SpecJob *j, Buf *why);
void        spec_job_print(Buf *b, const SpecJob *j);

#endif

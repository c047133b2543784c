/* spec_set.h: the specs of the tree, and one call of one of their kernels as numbers: inputs, and what the oracle makes of them. */
#ifndef LGR_TEST_SPEC_SET_H
#define LGR_TEST_SPEC_SET_H
#include "check_rule.h"

typedef struct Spec { const char *file; SemaOp *op; } Spec;
typedef struct SpecSet { Arena *a; Diag d; Spec *spec; uint32_t n, cap; } SpecSet;

/* Opens every .tile file of a folder, in the order of their names; false with items in d. */
bool spec_set_open(SpecSet *set, const char *folder);
void spec_set_close(SpecSet *set);

typedef struct SpecCall {
    const SemaOp *op;
    uint32_t  kernel;
    SemaBinding b;
    TirFn    *fn;
    int64_t   dims[TIR_MAX_DIMS];
    double    scalars[SEMA_MAX_PARAMS];
    SemaInput input;
    uint64_t  seed;
    CheckOracle o;                   /* of fn at dims, on what is drawn */
} SpecCall;

/* Do all extents of the kernel come out whole? */
bool spec_call_fits(const SpecCall *c);
/* Draws the inputs (what forward saves is taken from forward); false when forward's oracle refuses. */
bool spec_call_inputs(SpecCall *c, Arena *a, Diag *d);

#endif

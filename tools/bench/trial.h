/* trial.h: one call of a kernel on the host and on the GPU over the very same bytes, and what came of it.
 *
 * The bytes of every tensor lie in a margin of poison, dense, off their alignment, with a pitch between rows, with gaps between elements, or
 * with outputs over the inputs that they may lie over.  After the launches outputs are compared element by element, and everything that is
 * no element of an output must be as it was.
 *
 * Rule.  Host and GPU round alike, so that they differ by the order of f32 sums, by their elementary functions, and where these tip a later
 * rounding.  NaN, +Inf and -Inf stand in the same places.  With the coarsest floating type C of the call, an element may differ by 4 units in
 * the last place of C, and by one of C at the tensor's largest finite element; the relative L2 difference is at most 1.5 units of C's
 * precision (bf16 5.9e-3, f16 7.3e-4; f32: 1e-5, for long sums).  An f32 output may further differ by 4 units of f32 at L, and by L times 4 units
 * of f32 at the element, where L is the largest finite input and at least 1: what rounding makes of differences and of exponents of that size.
 */
#ifndef LGR_TRIAL_H
#define LGR_TRIAL_H
#include "measure.h"

/* X(name, sentence) */
#define TRIAL_LAYOUTS(X)                                     \
    X(dense, "as a program allocates them")                  \
    X(offset, "bases one element off, rows three apart")     \
    X(pitch, "24 elements between rows")                     \
    X(strided, "every second element")                       \
    X(in_place, "outputs over their inputs")
typedef enum TrialLayout {
#define X(name, doc) TRIAL_##name,
    TRIAL_LAYOUTS(X)
#undef X
    TRIAL_LAYOUT_COUNT
} TrialLayout;
const char *trial_layout_name(TrialLayout l);

typedef struct TrialTensor {
    int64_t shape[6], stride[6], n;
    int rank, over;                   /* over: the input whose bytes it shares, or -1 */
    DLDataType t;
    bool out, present;
    size_t size, offset;
    uint8_t *bytes, *before;          /* the host's, and both sides' before the launch */
    uint64_t dev;
} TrialTensor;

typedef struct TrialSide { DLTensor t[MEASURE_MAX_TENSORS]; const DLTensor *arg[MEASURE_MAX_TENSORS]; lgr_call call; void *work; size_t work_bytes; } TrialSide;

typedef struct Trial {
    Measure *m;
    const Case *c;
    TrialLayout layout;
    char input;                       /* n normal, l large, t tiny, z some NaN, i some Inf */
    uint64_t seed;
    bool bare;                        /* tensors of their own driver allocations, of exact size; dense outputs and the workspace are left as allocated */
    TrialTensor t[MEASURE_MAX_TENSORS]; uint32_t n;
    int32_t options[MEASURE_MAX_NAMES];
    lgr_scalar scalars[MEASURE_MAX_NAMES];
    TrialSide host, dev;
    double size;                      /* L of the rule */
    double worst;                     /* largest error, in shares of what the rule allows */
    char what[256];                   /* empty when all is well */
} Trial;

/* Fills the options, scalars and presence of the case into t; LGR_ERROR_NO_INSTANCE and the like where no pack serves it. No memory is taken. */
lgr_status trial_bind(Trial *t);
/* Tensors of a bound trial, on the host and, with a GPU, there. */
void trial_make(Trial *t);
/* The call of a side, on the tensors as they now stand. */
void trial_side(Trial *t, TrialSide *s, bool device);
/* Workspace for a side as its call now stands. False with t->what where the call is refused. */
bool trial_workspace(Trial *t, TrialSide *s);
bool trial_run_host(Trial *t);
bool trial_run_device(Trial *t);
/* Device bytes as they were before a launch. */
void trial_reset_device(Trial *t);
bool trial_compare(Trial *t);
void trial_free(Trial *t);
#endif

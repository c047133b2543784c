/* lower.h: one typed kernel under one schedule on one target becomes one to nine launches of lowered IR.
 *
 * In: TirFn, Sched (legal).  Out: LowKernel.  Decides nothing: what the schedule does not say, does not happen.
 */
#ifndef LGR_LOWER_H
#define LGR_LOWER_H
#include "lir.h"
#include "sched.h"

/* What must hold for a variant to be taken. All of them are checked by the runtime at launch. */
typedef enum LowCondKind {
    LOW_C_ROWLEN_EQ,      /* row length == value */
    LOW_C_ROWLEN_LE,      /* row length <= value */
    LOW_C_ROWLEN_MULT,    /* row length % value == 0 */
    LOW_C_ALIGNED,        /* tensor a: base and every stride but dimension b's are multiples of value bytes; stride of b is 1 (a tensor of one row has no pitch to align) */
    LOW_C_CONGRUENT,      /* tensors a and b (row dimension value >> 16, value >> 24): every row starts at the same address modulo (value & 0xffff) bytes: bases and pitches agree, row strides are 1 */
    LOW_C_UNIT,           /* tensor a: stride of dimension b is 1 (or its extent is at most 1) */
    LOW_C_INST_GE,        /* at least value instances */
    LOW_C_INST_LE,        /* at most value instances */
    LOW_C_ELEMS_GE,       /* instances * row length >= value */
    LOW_C_ELEMS_LE,       /* instances * row length <= value */
    LOW_C_NEARER          /* tensor a: places that differ in dimension b lie nearer than those that differ in dimension `value` */
} LowCondKind;
typedef struct LowCond { uint8_t kind, nest; uint16_t a, b; int64_t value; } LowCond;     /* nest: 0 this one, 1 the next */

typedef enum LowGridKind {
    LOW_G_GROUPS,         /* ceil(instances / per) blocks, or the next multiple of `multiple`, but no more than instances */
    LOW_G_PERSISTENT,     /* min(as LOW_G_GROUPS, multiprocessors * ctas) blocks, or clusters, as many as run at once, and where per2 is not 0 no more than the
                           * memory's GB/s / per2; host: min(.., ctas); of the second a multiple of `multiple`, the next below or `multiple` itself;
                           * where per3 is not 0, no fewer than take per3 turns each, rounded up to one */
    LOW_G_COLUMNS,        /* ceil(row length / per) blocks (the second stage of cross-row sums) */
    LOW_G_GROUPS_COLUMNS, /* ceil(instances / per) * ceil(row length / per2) blocks, columns fastest */
    LOW_G_GROUPS_PLACES,  /* ceil(instances / per) + ceil(places / per2) blocks */
    LOW_G_GROUPS_BEYOND,  /* ceil(instances / per) blocks where there are more than per2 instances, else none */
    LOW_G_PLACES_COLUMNS, /* (ceil(instances / per) + ceil(places / per2)) * ceil(row length / per3) blocks, columns fastest */
    LOW_G_GROUPS_WITHIN,  /* ceil(instances / per) blocks where there are no more than per2 instances, else none */
    LOW_G_FIXED           /* per blocks */
} LowGridKind;

typedef enum LowWorkBy { LOW_BY_BLOCK /* 1 */, LOW_BY_COLUMN /* row length rounded up to 4 */, LOW_BY_DIGIT /* lgk_digits() of the places */, LOW_BY_PLACES /* ceil(places / per2), and ceil(instances / per3) stands for the blocks */ } LowWorkBy;

typedef struct LowLaunch {
    LirFn  *fn;
    uint8_t grid;               /* LowGridKind */
    int32_t per, per2, per3, ctas;
    int32_t multiple;           /* 1: any number of blocks */
    /* its part of the workspace: blocks, or clusters, * work_bytes * what work_by says, rounded up to 256; the parts lie one after another */
    int32_t work_bytes;
    uint8_t work_by;            /* LowWorkBy */
} LowLaunch;

enum { LOW_MAX_LAUNCHES = 7 };
typedef struct LowKernel {
    LowCond  *conds; uint32_t nconds, capconds;
    LowLaunch launch[LOW_MAX_LAUNCHES]; uint32_t nlaunch;
    uint32_t  covers;          /* nests that launch 0 works for: its grid is the sum of theirs */
    uint32_t  before;          /* nests before it that launch 0 works for as well */
    /* instance extents (pars, then promoted tile axes; INST is their product, PAREXT counts through them) and the row's */
    TirExt    inst_ext[8]; uint32_t ninst;
    TirExt    row_ext;
    TirExt    places;           /* rows that a sum through an index may name; 0: there is no such sum */
} LowKernel;

/* NULL with a DIAG_LIMIT when the kernel has no row form on this target. `symbol` names the launches (suffix _1 for the second). */
LowKernel *low_run(const TirFn *fn, const Sched *s, const Target *t, const char *symbol, Arena *a, Diag *d);

#endif

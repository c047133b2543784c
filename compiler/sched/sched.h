/* sched.h: the schedule record: how one kernel runs on one target.
 *
 * A schedule is data: it prints on one line ("rows=1 lanes=128 vec=8 per=2 keep=reg ...", fields at their default left
 * out) and parses back.  This room decides and never rewrites; compiler/lower rewrites and never decides.
 */
#ifndef LGR_SCHED_H
#define LGR_SCHED_H
#include "row_view.h"
#include "target.h"

typedef enum { KEEP_REG, KEEP_SMEM, KEEP_RELOAD } SchedKeep;
typedef enum { LEN_ANY, LEN_CAP, LEN_EXACT } SchedLen;
typedef enum { ALIGN_VEC, ALIGN_SHIFT, ALIGN_SCALAR } SchedAlign;
typedef enum { GRID_ONESHOT, GRID_PERSISTENT } SchedGrid;
typedef enum { ASYNC_NONE, ASYNC_CP } SchedAsync;
typedef enum { ACC_REG, ACC_MEM } SchedAcc;
typedef enum { WKEEP_LOAD, WKEEP_REG, WKEEP_SMEM, WKEEP_WIDE } SchedWkeep;
typedef enum { HINT_NONE, HINT_STREAM, HINT_KEEP, HINT_NEAR } SchedHint;

typedef struct Sched {
#define E(field, text, list, def, doc) int32_t field;
#define N(field, text, lo, hi, def, doc) int32_t field;
#include "sched.def"
#undef E
#undef N
} Sched;

Sched sched_default(void);
/* Of the nest before, where the lanes of this schedule do it as well. */
Sched sched_aside(const Sched *s);
/* Elements of a row that it need not hold in vectors, single elements at its ends; under line=1 less those that lanes may stand before its first vector. */
static inline int sched_slack(const Sched *s, int bytes)
{
    return s->align != ALIGN_SHIFT ? 0 : 2 * s->vec - 1 - (s->line ? 128 / bytes - s->vec : 0);
}
void  sched_print(Buf *b, const Sched *s);
/* Parses one line; false and a message in err (static text with the field's name) when malformed. */
bool  sched_parse(const char *text, Sched *out, Buf *err);

/* Does every lane hold as many elements of every row as another? */
static inline bool sched_even(const Sched *s)
{
    return s->len == LEN_EXACT && s->align != ALIGN_SHIFT && !s->split && (int64_t)s->lanes * s->cluster * s->vec * s->per == s->n;
}
/* Is the row walked in a loop over memory, where a variance takes two walks? */
static inline bool sched_again(const Sched *s) { return s->len == LEN_ANY && !s->split; }

/* Shared memory of a row kernel's block: where areas begin, and their sizes in bytes. */
typedef struct SchedShared {
    uint32_t slot;            /* size of one of the exchange buffers, which come first; 0: none */
    uint32_t inbox;           /* a cluster's */
    uint32_t async, stage;    /* asynchronous slots; size of a stage of them */
    uint32_t operands, kept;  /* operands, and rows */
    uint32_t told;            /* scalars of the block's rows */
    uint32_t bytes;           /* of all */
} SchedShared;
SchedShared sched_shared(const RowShared *r, const Sched *s);
/* Are the operands of a one-shot block, for rows that begin anywhere, copied as they lie in memory, and put in place where they then are?  A lane's vector
 * lies in two aligned ones, of which a warp has one more of each load and turn than lanes. */
static inline bool sched_places(const Sched *s) { return s->wkeep == WKEEP_SMEM && s->grid == GRID_ONESHOT && s->align == ALIGN_SHIFT; }
/* Do its row groups share such operands? Then their rows begin alike, so many apart as that takes. */
static inline bool sched_apart(const Sched *s) { return s->rows > 1 && sched_places(s); }
/* Vectors of an operand that a block's lanes have room for in a turn. */
static inline int sched_operand_slots(const Sched *s) { return s->lanes + (sched_places(s) ? s->lanes / 32 : 0); }
/* Bytes of one vector there, of elements of so many. */
static inline uint32_t sched_vector(const Sched *s, int bytes) { return ((uint32_t)(s->vec * bytes) + 3) / 4 * 4; }
/* Bytes that the loads before this one take among those of an instance's own (inst), or of operands: all vectors of a load lie side by side. */
uint32_t sched_areas(const RowShared *r, const Sched *s, bool inst, uint32_t before);
/* Bytes of a row group's row of one sum in the area over the slots: its vectors, and, of rows that begin anywhere, the edges. */
static inline uint32_t sched_fold_row(const Sched *s) { return (uint32_t)((s->lanes * s->per + (s->align == ALIGN_SHIFT ? 4 : 0)) * s->vec) * 4; }
/* A block of the launch that adds up the partial rows of cross-row sums: small, so that it finds room beside the first launch's. */
enum { SCHED_SECOND_LANES = 256, SCHED_SECOND_REGS = 32 };
/* Are the exchanges of a one-shot cluster of one row counted in inboxes, one each, instead of met at barriers? */
enum { SCHED_MAX_INBOX = 8 };
static inline bool sched_counts(const RowShared *r, const Sched *s) { return s->cluster > 1 && s->grid == GRID_ONESHOT && s->rows == 1 && r->walks <= SCHED_MAX_INBOX; }

/* Of bins=: the block that has a bin; where its areas of shared memory begin, and their sizes in bytes. */
enum { SCHED_BIN_EACH = 3 /* entries a lane */, SCHED_BIN_TILE = 2048 /* instances that are dealt together */ };
typedef struct SchedBins {
    int threads, full;        /* full: entries that it orders */
    int tiles, window;        /* tiles at most, a power of two; places of a bin that are counted together */
    int begin, segment;       /* by tile */
    int found, warps, tally, totals, entries, groups, ring, bytes;
} SchedBins;
SchedBins sched_bins(const Sched *s);
/* Instances up to which bins= serves: with more, too many bins would be more than full. */
static inline int64_t sched_bins_most(const Sched *s) { return (int64_t)s->bins * s->rows * s->lanes * 5 / 2; }
/* Do the row groups of a one-shot block put the scalars of their rows side by side, for neighbouring threads to write? With fewer they are no whole
 * sector of memory, 32 bytes, anyway. */
enum { SCHED_TOLD_ROWS = 8, SCHED_TOLD_BYTES = 8 };
static inline bool sched_tells(const RowShared *r, const Sched *s)
{
    return r->told && s->rows >= SCHED_TOLD_ROWS && s->grid == GRID_ONESHOT && s->cluster == 1 && !sched_apart(s) && !s->split && s->batch == 1;
}

/* What the scheduler knows of a kernel, found once per TirFn. */
typedef struct SchedFacts {
    bool     scalars;         /* no row at all: instances of scalars */
    bool     strided;         /* a row access with a step, or from a place that is no multiple of the row length */
    bool     apart;           /* row accesses whose other indices differ, or are no coordinates: their rows need not begin at like places */
    bool     offset;          /* a row access that starts behind the row's own length, or a multiple of it */
    int      phases;          /* times the row is walked: 1 + the deepest chain of full-row reductions that a row result needs */
    int      walks;           /* the same, where the row is walked in a loop over memory: a variance takes two there */
    bool     parts;           /* reductions of a part of the row can be put together later: none is an argmax or waits for another, and no row result needs one, nor is a scalar picked from a row written in place */
    int      row_loads;       /* streams read per row element */
    int      row_bytes_in, row_bytes_out;   /* bytes of row streams per element, each tensor once */
    int      shared_loads;    /* row tiles that are the same for every instance (weights) */
    int      axes;            /* along which instances are counted */
    int      accs;            /* cross-row sums along the row axis */
    bool     scatter;         /* the kernel is a sum through an index */
    int      max_elem_bytes, min_elem_bytes;   /* of the row streams */
    int      flops, sfu;      /* per element */
    int      reductions;      /* words exchanged between warps: one a reduction, two for logsumexp, three for a variance and the mean beside it, one for a scalar picked from a row written in place */
    int      lses;            /* logsumexps among the reductions */
    int      picks;           /* of these, scalars picked: one warp tells them to all */
    int      exchanges;       /* walks at whose end lanes exchange words */
    RowShared shared, shared_again;    /* of the row that lanes hold, or that is walked in a loop over memory */
    bool     several;         /* one of a kernel's nests: their launches may overlap */
    bool     twin;            /* the next nest does the same with other tensors, and may run at one time with this one */
    bool     sides;           /* row values are selected by a condition on run-time scalars */
    bool     asks;            /* rows are read under conditions, and from places that are there whether these hold or not */
    int      inner;           /* a par coordinate, counted from 1, that tensors may have nearer in memory than the last one; 0: none */
} SchedFacts;
bool sched_facts(const TirFn *fn, SchedFacts *out, Diag *d);   /* false with a DIAG_LIMIT when no row form exists */

/* Legality on a target: NULL, or one sentence why not (static). */
const char *sched_illegal(const SchedFacts *f, const Sched *s, const Target *t);

/* Shared memory of a block, in bytes. */
static inline uint32_t sched_shared_bytes(const SchedFacts *f, const Sched *s)
{
    return s->bins ? (uint32_t)sched_bins(s).bytes : sched_shared(sched_again(s) ? &f->shared_again : &f->shared, s).bytes;
}

/* Of a tuner's list the first `own` are what the model takes without being asked for more. */
typedef struct SchedList { Sched *s; uint32_t n, cap, own; } SchedList;
/* Several, separated by `;`; as sched_parse. NULL is none. */
bool sched_parse_list(const char *text, Arena *a, SchedList *out, Buf *err);

/* The model's choices for one kernel on one target: variants from most special to the one that always holds. */
void sched_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out);
/* Whether dense rows of n elements are of those it serves; launches of what sizes is not asked. */
bool sched_holds(const Sched *s, const Target *t, int64_t n);
/* Up to `most` legal schedules for rows of exactly n elements (any alignment, where no vector divides n), the model's best first: what a tuner
 * measures. The host's serve every length. */
void sched_candidates(const SchedFacts *f, const Target *t, int64_t n, uint32_t most, Arena *a, SchedList *out);

/* A step towards a form without spills that serves every call that s serves; false when there is none. */
bool sched_lighter(const SchedFacts *f, const Target *t, Sched *s);

/* Entries of a table of measured schedules (its form: sched_tuned.c) that are legal for this nest of a kernel; table may be NULL. */
typedef struct SchedKey { const char *target, *kernel, *types; uint32_t nest; } SchedKey;
/* Is every line of a table, file `file` of d, an entry or a remark? Each that is not is told. */
bool sched_tuned_read(const char *table, uint32_t file, Diag *d);
void sched_tuned(const char *table, const SchedKey *k, const SchedFacts *f, const Target *t, Arena *a, SchedList *out);
/* The line of the table that has this schedule for the nest, NULL when none has. */
const char *sched_tuned_entry(const char *table, const SchedKey *k, const Sched *s, Arena *a);

/* The model's cost in microseconds for `rows` rows of length `n` (performance.md's terms). */
double sched_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n);
/* A random legal schedule (for the tests); seed is advanced. */
Sched sched_random(const SchedFacts *f, const Target *t, uint64_t *seed);

#endif

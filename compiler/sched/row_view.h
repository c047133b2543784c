/* row_view.h: one kernel seen as a row kernel: which values run along the row, which differ by instance, in which phase.
 *
 * A row kernel has one par nest and one row axis; other tile axes are promoted to instance coordinates.  It is cut into
 * phases at full-row reductions: phase 0 needs no reduction's result, phase p needs those of phase p-1.  Row stores and
 * cross-row sums happen in the last phase that walks the row, so that an output may lie over an input.
 *
 * A sum through an index (dw[idx[i], :] += ..) is a store of its own kind: the rows that may be named are places, each owned by
 * whoever writes it; instances only tell the places that they name and the rows that are to be added there.
 */
#ifndef LGR_ROW_VIEW_H
#define LGR_ROW_VIEW_H
#include "tir.h"

enum { ROW_MAX_COORDS = 8, ROW_MAX_MEM = 24, ROW_MAX_PHASES = 16 };

/* A scalar load that one lane does for all, so that it is had one phase later, after a barrier: from a tensor that this kernel writes in place,
 * which is not written before; or of one element of a row that lanes have anyway. */
typedef enum RowPick { ROW_NO_PICK, ROW_PICK_FIRST, ROW_PICK } RowPick;

typedef struct RowMem {          /* one load, store or cross-row sum that runs along the row */
    TirVal  op;
    uint16_t tensor;
    int     row_dim;             /* tensor dimension the row axis runs along */
    int     step;                /* elements of the tensor dimension per element of the row */
    bool    inst;                /* address differs between instances */
    int     start_mul;           /* start of the slice = start_mul * row length, -1: anything else */
} RowMem;

typedef struct RowView {
    const TirFn *fn;
    uint32_t row_axis;           /* UINT32_MAX: no row (scalars only); its length counts as 1 */
    uint32_t par_op;             /* the PAR op */
    uint32_t first_par, npars;
    uint16_t promoted[TIR_MAX_AXES]; uint32_t npromoted;   /* axes made instance coordinates, outermost first */
    uint8_t *is_row, *is_inst;   /* per op */
    uint8_t *pick;               /* per op: RowPick */
    TirVal  *shares;             /* per op: the sqdev whose exchange tells this sum of the same values too, 0 none */
    bool     again;              /* a sqdev walks the row twice, for the mean and for the distances from it */
    uint8_t *summed;             /* per op: a reduction depends on it, whose result may be f32 where the row's stores are 16-bit */
    int     *phase;              /* per op: the phase in which its value can be had */
    TirVal  *guard;              /* per op: innermost enclosing IF op (0 none); guard_else says which side */
    uint8_t *guard_else;
    uint8_t *waits;              /* per op: depends on what an earlier nest writes */
    TirVal   scatter;            /* the sum through an index, also store[0]; 0: none */
    int      place_dim;          /* of it: the tensor dimension that the index stands in */
    int      last_phase;         /* the last one that walks the row; scalars and their stores come behind it */
    RowMem   load[ROW_MAX_MEM], store[ROW_MAX_MEM], acc[ROW_MAX_MEM];
    uint32_t nload, nstore, nacc;
} RowView;

/* What its lanes exchange, and what of it they may keep in shared memory, apart from a schedule. */
typedef struct RowShared {
    struct { uint8_t words, variances, picks; } walk[ROW_MAX_PHASES];   /* told at its end: words, and how many of them are a variance's count, or a pick */
    int     walks;
    struct { uint8_t bytes; bool inst; } load[ROW_MAX_MEM];             /* of an element; of an instance's own, or the same for all */
    uint32_t nload;
    uint8_t aside;               /* words more at the end of the first walk, where the nest before is done as well */
    bool    wide;                /* a word has 8 bytes */
    uint8_t sums;                /* across rows */
    uint8_t told;                /* scalars that every row writes, where it writes, or adds to, no others */
} RowShared;
RowShared row_shared(const RowView *rv);

/* NULL with a DIAG_LIMIT naming what has no row form.  again: see above. */
RowView *row_view(const TirFn *fn, bool again, Arena *a, Diag *d);
/* Walks over the row that a reduction takes: argmax is made of two, the largest and then its first index. */
int row_view_steps(const RowView *rv, TirOpcode op);
/* Is the place of a load told by coordinates alone, so that it is there whether it is wanted or not? */
bool row_plain_place(const TirFn *fn, const TirOp *o);
/* The row load, by its place in load[], of which scalar load v is one element; -1: of none. */
int row_view_held(const RowView *rv, TirVal v);
/* Words exchanged between warps for op v: 0 where it is no reduction (or pick). */
int row_view_words(const RowView *rv, TirVal v);
/* The dimension of the first row store's tensor that par i, counted within the nest, indexes plainly; -1: none. */
int row_view_dim(const RowView *rv, uint32_t i);
/* Words that the lanes of its first walk exchange more where each block does the nest before it too; 0: it cannot, or there is no such nest.  That nest
 * reduces a vector as long as there are instances, in one walk, to results that no row value wants before the first exchange. */
int row_view_aside(const RowView *rv);
/* Does no row value wait for an earlier nest that is had before the first exchange? */
bool row_view_early(const RowView *rv);
/* The condition made of run-time scalars alone, so that it is one for the whole launch, by which most row values are selected; 0: there is none. */
TirVal row_view_side(const RowView *rv);
/* Extent of the row axis. */
TirExt row_view_ext(const RowView *rv);
/* Places of the sum through an index, 0 where there is none. */
TirExt row_view_places(const RowView *rv);

#endif

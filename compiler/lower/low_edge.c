/* low_edge.c: rows that begin anywhere (align=shift): aligned vectors, and single elements before and behind them.
 *
 * The row's body, elements head <= i < body, are whole vectors that lie aligned in memory and are taken as any row's.  The fewer than `vec`
 * elements before it, and the vec .. 2*vec-1 behind it, are taken one by one, an element a lane: its edge, vector number `per`.
 * So much is left behind the body that what all rows share, a weight that begins aligned, may be read in whole aligned units around
 * any vector of the body (LIR_SLIDE).
 *
 * Sums over rows stay in a lane's registers where all rows of a row group begin alike, then: instances of one axis, and a number of groups, of all
 * blocks, that is a multiple of the vector.
 */
#include "low.h"

const RowMem *low_first_stream(const Low *w)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].inst)
            return &w->rv->load[i];
    return w->rv->nstore ? &w->rv->store[0] : &w->rv->load[0];
}

enum { LINE = 128 };   /* bytes of memory that are written as one */

/* i32 bytes by which the row begins behind a line's boundary (modulo a vector, the variant's conditions make it the same for all streams of the
 * instance). */
static LirVal row_offset(Low *w)
{
    const RowMem *m = low_first_stream(w);
    LirVal at = w->at;
    w->at = low_ci(w, 0);
    LirVal base = lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_AND, low_base(w, &w->tir->ops[m->op], m), lir_ci(w->fn, DT_I64, LINE - 1)));
    w->at = at;
    return base;
}

void low_edge_set(Low *w)
{
    LirVal vec = low_ci(w, w->s->vec);
    int bytes = dt_bytes(w->tir->tensors[low_first_stream(w)->tensor].dt);
    w->head = w->body = 0;
    LirVal past = lir_op2(w->fn, LIR_DIV, row_offset(w), low_ci(w, bytes));
    LirVal head = lir_op2(w->fn, LIR_AND, lir_op1(w->fn, LIR_NEG, past), low_ci(w, w->s->vec - 1));
    LirVal rest = lir_op2(w->fn, LIR_SUB, w->rowlen, lir_op2(w->fn, LIR_ADD, head, vec));
    rest = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_MAX, rest, low_ci(w, 0)), low_ci(w, -w->s->vec));
    w->head = w->first = head;
    if (w->s->line)                         /* vectors of the line that head stands in, before it */
        w->first = lir_op2(w->fn, LIR_SUB, head, lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_ADD, past, head), low_ci(w, LINE / bytes - 1)));
    w->body = lir_op2(w->fn, LIR_ADD, head, rest);
    LirVal before = lir_op2(w->fn, LIR_LT, w->at, vec);
    LirVal behind = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_SUB, w->body, vec), w->at);
    w->edge_at = lir_op3(w->fn, LIR_SELECT, before, w->at, behind);
    LirVal end = lir_op3(w->fn, LIR_SELECT, before, lir_op2(w->fn, LIR_MIN, head, w->rowlen), w->rowlen);
    w->edge_in = lir_op2(w->fn, LIR_LT, w->edge_at, end);
    if (w->s->split)                        /* by the block of the first columns */
        w->edge_in = low_and(w, w->edge_in, lir_op2(w->fn, LIR_EQ, w->turn, low_ci(w, 0)));
}

void low_edge_begin(Low *w)
{
    w->edge = true;
    w->vec = 1;
    w->k = w->s->per;
    low_mask(w);
}

void low_edge_end(Low *w)
{
    w->edge = false;
    w->vec = w->s->vec;
    w->k = 0;
}

LirVal low_edge_step(Low *w) { return lir_op2(w->fn, LIR_SUB, w->edge_at, low_lane_first(w)); }

static LirVal up_to(Low *w, LirVal v, int most) { return lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_MAX, v, low_ci(w, 0)), low_ci(w, most)); }

LirVal low_edge_count(Low *w, int lanes)
{
    LirVal vec = low_ci(w, w->s->vec), before = lir_op2(w->fn, LIR_MIN, w->head, w->rowlen);
    LirVal end = lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_SUB, w->rowlen, w->body), vec), vec);
    LirVal n = up_to(w, lir_op2(w->fn, LIR_SUB, before, w->at), lanes);
    n = lir_op2(w->fn, LIR_ADD, n, up_to(w, lir_op2(w->fn, LIR_SUB, end, w->at), lanes));
    n = lir_op2(w->fn, LIR_SUB, n, up_to(w, lir_op2(w->fn, LIR_SUB, vec, w->at), lanes));
    return w->s->split ? lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, w->turn, low_ci(w, 0)), n, low_ci(w, 0)) : n;
}

/* Within what their vectors, or lines, are aligned to. */
int low_period(const Low *w) { return w->s->line ? LINE / dt_bytes(w->tir->tensors[low_first_stream(w)->tensor].dt) : w->s->vec; }

/* Those of a row group, or, where the groups share operands in shared memory, of all. */
int low_alike(const Low *w)
{
    int alike = low_period(w);
    for (int rows = w->s->wkeep == WKEEP_SMEM ? 1 : w->s->rows; rows % 2 == 0 && alike > 1; rows /= 2)
        alike /= 2;
    return alike;
}

/* The first instance of row group grp of this block stands for all of that group. */
void low_edge_fix(Low *w, LirVal grp)
{
    w->head_fixed = false;
    low_set_instance(w, w->s->late ? low_turn_instance(w, 0) : lir_op2(w->fn, LIR_ADD, w->block, lir_op2(w->fn, LIR_MUL, grp, w->blocks)), false);
    w->head_fixed = true;
}

LirVal low_edge_load(Low *w, uint32_t load, LirVal inside)
{
    const RowMem *m = &w->rv->load[load];
    low_edge_begin(w);
    LirVal guard = low_and(w, inside, w->rv->guard[m->op] ? low_guard(w, m->op) : 0);
    LirVal v = low_load_vec(w, low_base(w, &w->tir->ops[m->op], m), m, w->tir->tensors[m->tensor].dt, guard);
    low_edge_end(w);
    return v;
}

/* low_told.c: scalars of the rows of a one-shot block of many row groups: each group puts its own into shared memory, and as many threads as there
 * are groups write them side by side.  Written by the groups themselves they would reach the memory a few bytes at a time.
 */
#include "low.h"

static bool is_told(const Low *w, TirVal v) { return w->tir->ops[v].op == TIR_STORE && !w->rv->is_row[v]; }

/* Of row group, or thread, `of` the n-th scalar. */
static LirVal place(Low *w, uint32_t n, LirVal of)
{
    LirVal at = lir_op2(w->fn, LIR_MUL, of, low_ci(w, SCHED_TOLD_BYTES));
    return lir_op2(w->fn, LIR_ADD, at, low_ci(w, (int64_t)w->smem.told + (int64_t)n * w->s->rows * SCHED_TOLD_BYTES));
}

static void put(Low *w, uint32_t n, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    LirVal first = w->lanes > 1 ? lir_op2(w->fn, LIR_EQ, w->at, low_ci(w, 0)) : lir_ci(w->fn, DT_BOOL, 1);
    DType dt = w->tir->tensors[o->ref].dt;
    LirVal x = lir_cast(w->fn, dt, low_scalar(w, o->a[0]));
    lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {place(w, n, w->grp), x, first}, .imm.i = dt_bytes(dt), .sp = o->sp});
}

/* By this thread, for the instance that is set. */
static void write(Low *w, uint32_t n, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    DType dt = w->tir->tensors[o->ref].dt;
    LirVal x = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = dt, .lanes = 1, .ref = -1, .a = {place(w, n, w->tid)}, .imm.i = dt_bytes(dt), .sp = o->sp});
    lir_add(w->fn, (LirOp){.op = LIR_STGP, .ref = (int16_t)o->ref, .flags = LIR_F_KEEP, .a = {low_base(w, o, NULL), x, w->active}, .imm.i = dt_bytes(dt), .sp = o->sp});
}

void low_told(Low *w)
{
    uint32_t n = 0;
    for (TirVal v = 1; v < w->tir->nops; v++)
        if (is_told(w, v))
            put(w, n++, v);
    lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, w->tid, low_ci(w, w->s->rows)));
    low_set_instance(w, lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, w->block, low_ci(w, w->s->rows)), w->tid), true);
    n = 0;
    for (TirVal v = 1; v < w->tir->nops; v++)
        if (is_told(w, v))
            write(w, n++, v);
    low_mark(w, LIR_END, 0);
}

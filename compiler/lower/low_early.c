/* low_early.c: a nest behind others of its kernel that starts before they end: its rows are on their way while it waits for what
 * the others write.
 *
 * Before the wait stand the loads of phase 0 and the work on them alone: nothing that an earlier nest writes is read there, and
 * nothing is written.  What other kernels wrote is there from the start, since the first nest waits for them before it lets others start.
 */
#include "low.h"

bool low_early(Low *w)
{
    const RowView *rv = w->rv;
    bool writes_first = !rv->last_phase && rv->nstore;
    if (w->s->aside || !w->s->pdl || w->s->join || w->s->sides || w->tir->place != TIR_AFTER || !w->tir->earlier || w->s->grid != GRID_ONESHOT || rv->nacc || writes_first)
        return false;
    bool early = rv->nload && row_view_early(rv);
    w->waits = early ? rv->waits : NULL;
    return early;
}

/* ---- what a block asks for while it waits for the kernel before ----
 *
 * The rows that it begins with, their scalars and its operands come into the second cache, through which all writes go: whatever the kernel before
 * writes there until then is what will be read.
 */

static bool is_asked(const Low *w, TirVal v) { return w->tir->ops[v].op == TIR_LOAD && row_plain_place(w->tir, &w->tir->ops[v]) && !w->rv->pick[v]; }

/* Of a row that begins anywhere, what lies behind its head. */
static int64_t asked_bytes(const Low *w, const RowMem *m)
{
    int64_t bytes = (int64_t)w->s->n * dt_bytes(w->tir->tensors[m->tensor].dt), most = w->s->asked && m->inst ? (int64_t)w->s->asked * 1024 : bytes;
    if (w->s->align == ALIGN_SHIFT)
        bytes = bytes < 32 ? 0 : (bytes - 15) / 16 * 16;
    return bytes < most ? bytes : most;
}

/* The rows of the instance that is set, or operands, where the guard holds. */
static void ask_rows(Low *w, bool inst, LirVal guard)
{
    for (uint32_t i = 0; i < w->rv->nload; i++) {
        const RowMem *m = &w->rv->load[i];
        const TirOp *o = &w->tir->ops[m->op];
        int64_t bytes = asked_bytes(w, m);
        if (m->inst == inst && is_asked(w, m->op) && bytes && bytes % 16 == 0)
            lir_add(w->fn, (LirOp){.op = LIR_ASK, .ref = (int16_t)m->tensor, .a = {low_base(w, o, m), guard}, .imm.i = bytes, .sp = o->sp});
    }
}

static void ask_scalars(Low *w)
{
    for (TirVal v = 1; v < w->tir->nops; v++)
        if (is_asked(w, v) && !w->rv->is_row[v] && w->rv->is_inst[v])
            low_mark(w, LIR_PREFETCH, low_base(w, &w->tir->ops[v], NULL));
}

/* For instance g; the first blocks ask for the operands. */
static void ask_turn(Low *w, LirVal g, bool operands)
{
    enum { ASKING = 8 };
    LirVal last = lir_op2(w->fn, LIR_SUB, w->ninst, low_ci(w, 1)), inside = lir_op2(w->fn, LIR_LE, g, last);
    low_set_instance(w, lir_op2(w->fn, LIR_MIN, g, last), false);
    ask_rows(w, true, inside);
    ask_scalars(w);
    if (operands)
        ask_rows(w, false, lir_op2(w->fn, LIR_LT, g, low_ci(w, ASKING)));
    low_forget_instance(w);
}

/* By a lane of each row group. Of one-shot blocks those ask that a launch begins with: the others find the kernel before ended. */
void low_ask(Low *w)
{
    const Sched *s = w->s;
    if (!s->ask)
        return;
    int ctas = s->ctas ? s->ctas : w->t->threads_mp / (s->rows * s->lanes);
    LirVal asks = lir_op2(w->fn, LIR_EQ, w->at, low_ci(w, 0));
    if (s->grid == GRID_ONESHOT)
        asks = lir_op2(w->fn, LIR_AND, asks, lir_op2(w->fn, LIR_LT, w->block, low_ci(w, w->t->mps * ctas / s->cluster)));
    low_mark(w, LIR_IF, asks);
    for (int i = 0; i < s->ask; i++)
        ask_turn(w, low_turn_instance(w, i), i == 0);
    low_mark(w, LIR_END, 0);
}

bool low_wait(Low *w)
{
    bool waits = w->waits != NULL;
    if (waits)
        low_mark(w, LIR_PDLWAIT, 0);
    w->waits = NULL;
    return waits;
}

/* low_tail.c: the next nest, a single instance made of what this one's instances leave, done by the block that ends last (tail=1).
 *
 * A block, or the first of a cluster, takes a ticket when its scalars are stored, which is before the last walk over its row where they do not
 * wait for that.  Whose ticket is the last one knows all others' scalars to be there, and does the next nest with all its lanes, whatever order
 * the blocks came in: the result is the same.  The kernel's first nest sets the counter to 0.
 */
#include "low.h"

static LirVal counter(Low *w) { return low_word(w, DT_I64, (LirWord){LIR_W_COUNTER, 0, 0, 0}); }

void low_tail_count(Low *w)
{
    if (!w->tir->counts || w->host)
        return;
    LirVal first = low_and(w, lir_op2(w->fn, LIR_EQ, w->tid, low_ci(w, 0)), lir_op2(w->fn, LIR_EQ, lir_add(w->fn, (LirOp){.op = LIR_CTAID, .dt = DT_I32, .lanes = 1, .ref = -1}), low_ci(w, 0)));
    lir_add(w->fn, (LirOp){.op = LIR_STGP, .ref = -1, .a = {counter(w), low_ci(w, 0), first}, .imm.i = 4});
}

void low_tail_take(Low *w)
{
    if (w->s->tail)
        w->ticket = lir_add(w->fn, (LirOp){.op = LIR_TICKET, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {counter(w), lir_op2(w->fn, LIR_EQ, w->at, low_ci(w, 0))}});
}

/* bool: this block took the last ticket. Shared memory is free then. */
static LirVal is_last(Low *w, uint32_t at)
{
    lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {low_ci(w, at), w->ticket, lir_op2(w->fn, LIR_EQ, w->lane, low_ci(w, 0))}, .imm.i = 4});
    lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    LirVal mine = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {low_ci(w, at)}, .imm.i = 4});
    return lir_op2(w->fn, LIR_EQ, mine, lir_op2(w->fn, LIR_SUB, w->ninst, low_ci(w, 1)));
}

static void if_block(Low *w, LirVal holds) { lir_add(w->fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {holds}}); }

/* The next nest under a schedule of its own, as the block at hand does it. */
static void next_nest(const Low *w)
{
    Sched s = sched_tail(w->s);
    LirFn *fn = w->fn;
    uint32_t smem = fn->smem, inbox = fn->inbox;
    Low t = {.fn = fn, .tir = w->tir->tail, .s = &s, .t = w->t, .a = w->a, .d = w->d, .out = w->out, .tid = w->tid, .lane = w->lane, .at = w->lane,
             .lanes = s.lanes, .vec = s.vec, .joined = true};
    t.rv = row_view(t.tir, true, w->a, w->d);
    low_arrays(&t);
    low_plan_smem(&t);
    fn->smem = fn->smem > smem ? fn->smem : smem;
    fn->inbox = inbox;
    t.grp = t.block = low_ci(&t, 0);
    t.blocks = t.ninst = low_ci(&t, 1);
    t.rowlen = low_word(&t, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0, 1});
    low_set_instance(&t, t.block, false);
    low_instance(&t);
}

void low_tail(Low *w)
{
    if (!w->s->tail)
        return;
    uint32_t at = (w->fn->smem + 15) / 16 * 16;
    w->fn->smem = at + 16;
    if (w->s->cluster > 1)
        if_block(w, lir_op2(w->fn, LIR_LT, w->at, low_ci(w, w->s->lanes)));
    if_block(w, is_last(w, at));
    low_mark(w, LIR_HEED, counter(w));
    next_nest(w);
    low_mark(w, LIR_END, 0);
    if (w->s->cluster > 1)
        low_mark(w, LIR_END, 0);
}

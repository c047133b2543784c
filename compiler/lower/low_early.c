/* low_early.c: a nest behind others of its kernel that starts before they end: its rows are on their way while it waits for what
 * the others write.
 *
 * Before the wait stand the loads of phase 0 and the work on them alone: nothing that an earlier nest writes is read there, and
 * nothing is written.  What other kernels wrote is there from the start, since the first nest waits for them before it lets others start.
 */
#include "low.h"

void low_launch_wait(Low *w)
{
    if (w->fn->pdl)
        low_mark(w, LIR_PDLWAIT, 0);
}

void low_launch_go(Low *w)
{
    if (w->fn->pdl)
        low_mark(w, LIR_PDLGO, 0);
}

bool low_goes_behind(const Low *w) { return w->fn->pdl == LIR_PDL_AFTER && w->tir->more && w->tir->place == TIR_AFTER; }

bool low_early(Low *w)
{
    const RowView *rv = w->rv;
    bool writes_first = !rv->last_phase && rv->nstore;
    if (w->s->aside || !w->s->pdl || w->s->join || w->s->sides || sched_apart(w->s) || w->tir->place != TIR_AFTER || !w->tir->earlier || w->s->grid != GRID_ONESHOT || rv->nacc || writes_first)
        return false;
    bool early = rv->nload && row_view_early(rv);
    w->waits = early ? rv->waits : NULL;
    return early;
}

/* ---- what a block asks for ----
 *
 * While it waits for the kernel before: the rows that it begins with, their scalars and its operands.  They come into the second cache, through which all
 * writes go: whatever the kernel before writes there until then is what will be read.  And for the block that comes in its place, the rows that that begins with.
 */

enum { UNIT = 16 };                          /* bytes that can be asked for */

static bool is_asked(const Low *w, TirVal v) { return w->tir->ops[v].op == TIR_LOAD && row_plain_place(w->tir, &w->tir->ops[v]) && !w->rv->pick[v]; }

/* Bytes of a row that the block takes, all of it or its column tile, down to whole units, `most` at most. */
static LirVal bytes_of_row(Low *w, LirVal tile, int64_t one, int64_t most)
{
    int64_t whole = tile ? low_tile(w) : w->s->n, bytes = whole * one / UNIT * UNIT;
    if (w->s->len == LEN_EXACT && (!tile || w->s->n % whole == 0))
        return low_ci(w, bytes < most ? bytes : most);
    LirVal left = tile ? lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_SUB, w->rowlen, tile), low_ci(w, whole)) : w->rowlen;
    left = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_MUL, left, low_ci(w, one)), low_ci(w, -UNIT));
    return bytes <= most ? left : lir_op2(w->fn, LIR_MIN, left, low_ci(w, most));
}

/* Of a row that its block asks for.  Blocks of which a multiprocessor has as many already find room when the kernel before is at its last rows, and ask for twice
 * as much: the memory has nothing else to do then. */
static LirVal bytes_to_ask(Low *w, LirVal tile, int64_t one)
{
    int64_t most = (int64_t)w->s->asked * 1024;
    if (!most)
        return bytes_of_row(w, tile, one, INT32_MAX);
    if (w->s->grid != GRID_ONESHOT || w->s->ctas < 2)
        return bytes_of_row(w, tile, one, most);
    LirVal last = lir_op2(w->fn, LIR_GE, low_sreg(w, LIR_CTAID), low_ci(w, w->t->mps * (w->s->ctas - 1)));
    return lir_op3(w->fn, LIR_SELECT, last, bytes_of_row(w, tile, one, 2 * most), bytes_of_row(w, tile, one, most));
}

/* The rows of the instance that is set, so many KB of each (0: as bytes_to_ask has it), or operands, where the guard holds. Those that do not begin with a unit lose
 * less than one at their end. */
static void ask_rows(Low *w, bool inst, LirVal tile, int kb, LirVal guard)
{
    for (uint32_t i = 0; i < w->rv->nload; i++) {
        const RowMem *m = &w->rv->load[i];
        const TirOp *o = &w->tir->ops[m->op];
        int64_t one = dt_bytes(w->tir->tensors[m->tensor].dt);
        if (m->inst != inst || !is_asked(w, m->op))
            continue;
        LirVal at = low_base(w, o, NULL), bytes = inst && !kb ? bytes_to_ask(w, tile, one) : bytes_of_row(w, tile, one, inst ? kb * 1024 : INT32_MAX);
        if (tile)
            at = lir_op2(w->fn, LIR_ADD, at, low_mul_i64(w, tile, one));
        if (w->s->align == ALIGN_SHIFT || w->s->vec * one % UNIT)
            at = lir_op2(w->fn, LIR_AND, at, lir_ci(w->fn, DT_I64, -UNIT));
        LirVal any = lir_op2(w->fn, LIR_AND, guard, lir_op2(w->fn, LIR_LT, low_ci(w, 0), bytes));
        lir_add(w->fn, (LirOp){.op = LIR_ASK, .ref = (int16_t)m->tensor, .a = {at, any, bytes}, .sp = o->sp});
    }
}

static void ask_scalars(Low *w)
{
    for (TirVal v = 1; v < w->tir->nops; v++)
        if (is_asked(w, v) && !w->rv->is_row[v] && w->rv->is_inst[v])
            low_mark(w, LIR_PREFETCH, low_base(w, &w->tir->ops[v], NULL));
}

/* For instance g; the first blocks ask for the operands. */
static void ask_turn(Low *w, LirVal g, LirVal tile, int kb, bool operands)
{
    enum { ASKING = 8 };
    LirVal last = lir_op2(w->fn, LIR_SUB, w->ninst, low_ci(w, 1)), inside = lir_op2(w->fn, LIR_LE, g, last);
    low_set_instance(w, lir_op2(w->fn, LIR_MIN, g, last), false);
    ask_rows(w, true, tile, kb, inside);
    ask_scalars(w);
    if (operands)
        ask_rows(w, false, tile, 0, lir_op2(w->fn, LIR_LT, g, low_ci(w, ASKING)));
    low_forget_instance(w);
}

/* A one-shot block's turns are the rows of its batch. */
static void ask_turns(Low *w, int turns, int kb)
{
    LirVal tile = 0, own = w->s->grid == GRID_ONESHOT ? low_own_instance(w, &tile) : 0, apart = 0;
    if (w->s->batch > 1)
        apart = lir_op2(w->fn, LIR_MUL, w->blocks, low_ci(w, w->s->rows));
    for (int i = 0; i < turns; i++) {
        LirVal g = !own ? low_turn_instance(w, i) : !i ? own : lir_op2(w->fn, LIR_ADD, own, lir_op2(w->fn, LIR_MUL, apart, low_ci(w, i)));
        ask_turn(w, g, tile, kb, i == 0 && !kb);
    }
}

/* By a lane of each row group. Of one-shot blocks, and others that do not all run at once, those ask that a launch begins with: the others find the kernel before ended. */
void low_ask(Low *w)
{
    const Sched *s = w->s;
    if (!s->ask)
        return;
    int ctas = s->ctas ? s->ctas : w->t->threads_mp / (s->rows * s->lanes);
    LirVal asks = lir_op2(w->fn, LIR_EQ, w->at, low_ci(w, 0));
    if (s->grid == GRID_ONESHOT || s->turns)
        asks = lir_op2(w->fn, LIR_AND, asks, lir_op2(w->fn, LIR_LT, low_sreg(w, LIR_CTAID), low_ci(w, w->t->mps * ctas)));
    low_mark(w, LIR_IF, asks);
    ask_turns(w, s->ask, 0);
    low_mark(w, LIR_END, 0);
}

/* By a lane of each row group; no value of the other block's is one of this one's.  A block that is not there has no rows, but for the first of a batch, whose
 * number is that of another block's second. */
void low_ask_next(Low *of)
{
    if (!of->s->next)
        return;
    Low next = *of, *w = &next;
    low_own_values(w);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_EQ, w->at, low_ci(w, 0)));
    w->block = lir_op2(w->fn, LIR_ADD, w->block, low_ci(w, low_at_once(w)));
    if (w->s->batch > 1)
        low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, w->block, w->blocks));
    ask_turns(w, w->s->batch, w->s->next);
    if (w->s->batch > 1)
        low_mark(w, LIR_END, 0);
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

/* low_early.c: a nest behind others of its kernel that starts before they end: its rows are on their way while it waits for what
 * the others write.
 *
 * Before the wait stand the loads of phase 0 and the work on them alone: nothing that an earlier nest writes is read there, and
 * nothing is written.  What other kernels wrote is there from the start, since the first nest waits for them before it lets others start.
 */
#include "low.h"

static bool operands_wait(const Low *w, const TirOp *o)
{
    for (int i = 0; i < tir_op_nargs(o->op); i++)
        if (w->waits[o->a[i]])
            return true;
    for (uint32_t i = 0; i < o->nix; i++)
        if (w->waits[w->tir->ix[o->ix + i].val])
            return true;
    return false;
}

/* Operands and guards stand before what uses them. */
static void note_waits(Low *w)
{
    w->waits = ARENA_ARRAY(w->a, uint8_t, w->tir->nops);
    for (TirVal v = 1; v < w->tir->nops; v++) {
        const TirOp *o = &w->tir->ops[v];
        w->waits[v] = operands_wait(w, o) || w->waits[w->rv->guard[v]] || (o->op == TIR_LOAD && w->tir->earlier[o->ref]);
    }
}

bool low_early(Low *w)
{
    const RowView *rv = w->rv;
    bool writes_first = !rv->last_phase && rv->nstore;
    if (!w->s->pdl || w->s->join || w->s->sides || w->tir->place != TIR_AFTER || !w->tir->earlier || w->s->grid != GRID_ONESHOT || rv->nacc || writes_first)
        return false;
    note_waits(w);
    bool early = rv->nload > 0;
    for (TirVal v = 1; v < w->tir->nops; v++)
        early &= !rv->is_row[v] || rv->phase[v] > 0 || !w->waits[v];
    if (!early)
        w->waits = NULL;
    return early;
}

bool low_wait(Low *w)
{
    bool waits = w->waits != NULL;
    if (waits)
        low_mark(w, LIR_PDLWAIT, 0);
    w->waits = NULL;
    return waits;
}

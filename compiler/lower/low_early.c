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

bool low_wait(Low *w)
{
    bool waits = w->waits != NULL;
    if (waits)
        low_mark(w, LIR_PDLWAIT, 0);
    w->waits = NULL;
    return waits;
}

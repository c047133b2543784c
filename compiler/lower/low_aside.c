/* low_aside.c: under aside=, the nest before this one is done by each block of this one, or each cluster, in place of a launch of its own.
 *
 * It reduces few elements, which come from the L2 cache: they are asked for when the row's own loads are on their way, and what the lanes have of them
 * goes through the row's first exchange with the row's own reductions.
 */
#include "low.h"

#include <string.h>

/* The same lanes, over the other nest's row, an element at a time. */
void low_aside_open(Low *w)
{
    if (!w->s->aside)
        return;
    w->waits = w->rv->waits;
    Low *p = w->aside = ARENA_NEW(w->a, Low);
    Sched *s = ARENA_NEW(w->a, Sched);
    *s = sched_aside(w->s);
    *p = (Low){.fn = w->fn, .tir = w->tir->aside, .s = s, .t = w->t, .a = w->a, .d = w->d, .out = w->out, .tid = w->tid, .lane = w->lane, .at = w->at,
               .block = w->block, .blocks = w->blocks, .lanes = w->lanes, .vec = s->vec, .together = 1};
    p->rv = row_view(p->tir, sched_again(s), w->a, w->d);
    low_own_values(p);
    p->grp = low_ci(p, 0);
    p->ninst = low_ci(p, 1);
    p->rowlen = lir_cast(w->fn, DT_I32, low_extent(p, row_view_ext(p->rv)));
}

uint32_t low_aside_reductions(const Low *w, int phase, Red *r)
{
    uint32_t n = w->aside && !phase ? low_reductions(w->aside, 0, r) : 0;
    for (uint32_t i = 0; i < n; i++)
        r[i].of = w->aside;
    return n;
}

void low_aside_ask(Low *w)
{
    Low *p = w->aside;
    if (!p)
        return;
    low_set_instance(p, low_ci(p, 0), false);
    low_enter_phase(p, 0);
    low_wkeep_fill(p);
}

uint32_t low_aside_walk(Low *w, int phase, Red *r)
{
    if (!w->aside || phase)
        return 0;
    LowWalk x = low_walk_of(w->aside, 0);
    low_walk(&x);
    memcpy(r, x.r, x.n * sizeof *r);
    for (uint32_t i = 0; i < x.n; i++)
        r[i].of = w->aside;
    return x.n;
}

/* Place of a scalar of scratch, told by a constant. */
static int64_t place(const TirFn *fn, const TirOp *o) { return fn->ops[fn->ix[o->ix].val].imm.i; }

LirVal low_aside_found(Low *w, const TirOp *load)
{
    Low *p = w->aside;
    for (TirVal v = 1; p && v < p->tir->nops; v++) {
        const TirOp *o = &p->tir->ops[v];
        if (o->op == TIR_STORE && o->ref == load->ref && place(p->tir, o) == place(w->tir, load))
            return lir_cast(w->fn, load->dt, low_scalar(p, o->a[0]));
    }
    return 0;
}

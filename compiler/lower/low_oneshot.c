/* low_oneshot.c: a block with rows of its own: when it sets out, and in what order it asks for operands and rows.
 *
 * The assembler puts off loads, and copies into shared memory, that nothing waits for soon, up to where a loop begins: what is to be under way early is
 * asked for before one.
 */
#include "low.h"

int low_at_once(const Low *w) { return w->t->mps * w->s->ctas / w->s->cluster; }

/* Those that a launch begins with set out one after the other, where there are as many: fewer do not keep the memory busy anyway. */
static void lag(Low *w)
{
    LirVal late = lir_op2(w->fn, LIR_MUL, w->block, low_ci(w, w->s->lag)), first = low_ci(w, low_at_once(w));
    LirVal begins = low_and(w, lir_op2(w->fn, LIR_LT, w->block, first), lir_op2(w->fn, LIR_GE, w->blocks, first));
    low_mark(w, LIR_PAUSE, lir_op3(w->fn, LIR_SELECT, begins, late, low_ci(w, 0)));
}

/* The assembler takes nothing across a wait of which it does not know that it is none. */
void low_hold(Low *w) { low_mark(w, LIR_PAUSE, lir_op2(w->fn, LIR_MIN, w->ninst, low_ci(w, 0))); }

/* Operands that are put in place while the rows come go ahead of them. */
void low_set_out(Low *w)
{
    if (sched_places(w->s))
        low_wkeep_fill(w);
    if (w->s->lag)
        lag(w);
    else if (sched_places(w->s))
        low_hold(w);
}

static void fetch_vector(Low *w, const uint8_t *need)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (need[i] && w->rv->load[i].inst)
            low_kept_load(w, i);
}

/* Single elements go with the vectors: asked for in their own walk, they would be waited for there. */
int low_fetch(Low *w)
{
    int part = w->s->unroll ? low_part_vectors(w) : 1;
    low_enter_phase(w, 0);
    const uint8_t *need = low_needs(w, 0);
    if (low_has_edges(w)) {
        low_edge_begin(w);
        fetch_vector(w, need);
        low_edge_end(w);
    }
    if (w->s->async == ASYNC_CP) {
        low_async_issue(w, w->active, w->slot);
        return (w->s->per + part - 1) / part;
    }
    for (w->k = 0; w->k < w->s->per && w->s->keep == KEEP_REG; w->k++) {
        low_mask(w);
        fetch_vector(w, need);
    }
    w->k = 0;
    return 0;
}

/* Is it a loaded scalar that says whether the row is wanted? Its work waits for that, then. */
static bool waits_for_guard(const Low *w)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].inst && w->rv->guard[w->rv->load[i].op])
            return true;
    return false;
}

/* What is to be known before a row is worked on, of the nest before as well where it is done here: behind the row's copies, and those of the multiprocessor's
 * other blocks, it would come after them all.  The assembler would put it there but for the barrier. */
static void ask_first(Low *w)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].inst)
            low_guard(w, w->rv->load[i].op);
    low_aside_ask(w);
    low_mark(w, LIR_WARPSYNC, 0);
}

/* Of blocks whose row groups' rows begin alike as many lie side by side as it takes for that: the first group's instance. */
static LirVal first_apart(Low *w)
{
    LirVal beside = lir_op2(w->fn, LIR_AND, w->block, low_ci(w, low_alike(w) - 1));
    return lir_op2(w->fn, LIR_ADD, beside, lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_SUB, w->block, beside), low_ci(w, w->s->rows)));
}

LirVal low_own_instance(Low *w, LirVal *tile)
{
    LirVal g = w->block;
    *tile = 0;
    if (w->s->split) {
        LirVal n = low_tiles(w);
        *tile = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_REM, g, n), low_ci(w, low_tile(w)));
        g = lir_op2(w->fn, LIR_DIV, g, n);
    }
    if (sched_apart(w->s))
        return lir_op2(w->fn, LIR_ADD, first_apart(w), lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, low_alike(w))));
    return w->s->rows > 1 ? lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, g, low_ci(w, w->s->rows)), w->grp) : g;
}

/* A row group that has none repeats the first one's, since it begins as that does. */
static void set_own_instance(Low *w, LirVal g)
{
    bool apart = sched_apart(w->s);
    LirVal in = apart ? lir_op2(w->fn, LIR_LT, g, w->ninst) : 0;
    low_set_instance(w, apart ? lir_op3(w->fn, LIR_SELECT, in, g, first_apart(w)) : g, w->s->rows > 1 && !apart);
    if (!apart)
        return;
    w->active = in;
    w->head_fixed = true;
}

static void own_rows(Low *w, LirVal g)
{
    set_own_instance(w, g);
    low_set_out(w);
    bool first = w->s->async == ASYNC_CP && (w->aside || waits_for_guard(w));
    if (first)
        ask_first(w);
    w->slot = w->s->async == ASYNC_CP ? low_ci(w, 0) : 0;
    if (sched_places(w->s))
        low_wkeep_place(w, low_fetch(w));
    else if (w->s->async == ASYNC_CP)
        low_async_issue(w, w->active, w->slot);
    if (low_fills(w) && !sched_places(w->s) && !low_fills_late(w))
        low_wkeep_fill(w);
    w->behind = w->due;
    low_ask_next(w);
    if (!first)
        low_aside_ask(w);
    low_sides(w);
}

/* Blocks are so many as rows that begin alike ask for, the last of which may have none. */
void low_oneshot(Low *w)
{
    LirVal g = low_own_instance(w, &w->turn);
    if (w->s->batch > 1) {
        low_batch(w, g);
        return;
    }
    if (sched_apart(w->s))
        lir_add(w->fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {lir_op2(w->fn, LIR_LT, first_apart(w), w->ninst)}});
    own_rows(w, g);
    if (sched_apart(w->s))
        low_mark(w, LIR_END, 0);
}

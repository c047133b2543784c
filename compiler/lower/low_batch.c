/* low_batch.c: rows that a one-shot block takes together (batch), as many rows apart as there are row groups: fetched one behind the other, reduced with
 * one exchange, and walked side by side where nothing is reduced any more, so that each operand is fetched, and put in place, once for all of them.
 * Blocks are so many that all its rows begin alike; those that then have fewer rows are the last ones.
 *
 * The instance that the other files know as the current one is any of these: its values lie in arrays of its own.
 */
#include "low.h"

#include <string.h>

typedef struct LowRow {
    LirVal active, coord[ROW_MAX_COORDS], slot;
    LirVal *scalar, *row_base, *red_value, *red_rest, *red_share, *kept;
} LowRow;

static LowRow current(const Low *w)
{
    LowRow r = {.active = w->active, .slot = w->slot, .scalar = w->scalar, .row_base = w->row_base, .red_value = w->red_value,
                .red_rest = w->red_rest, .red_share = w->red_share, .kept = w->kept};
    memcpy(r.coord, w->coord, sizeof r.coord);
    return r;
}

static void make_current(Low *w, const LowRow *r)
{
    w->active = r->active;
    w->slot = r->slot;
    w->scalar = r->scalar;
    w->row_base = r->row_base;
    w->red_value = r->red_value;
    w->red_rest = r->red_rest;
    w->red_share = r->red_share;
    w->kept = r->kept;
    memcpy(w->coord, r->coord, sizeof r->coord);
}

void low_batch_turn(Low *w, int j)
{
    if (!w->batch || j == w->turn_of)
        return;
    w->batch[w->turn_of] = current(w);
    make_current(w, &w->batch[j]);
    w->turn_of = j;
    for (uint32_t i = 0; i < w->rv->nload && j; i++)
        if (!w->rv->load[i].inst)
            memcpy(&w->kept[i * LOW_MAX_PER], &w->batch[0].kept[i * LOW_MAX_PER], sizeof *w->kept * LOW_MAX_PER);
}

static void open_batch(Low *w)
{
    LowRow *rows = ARENA_ARRAY(w->a, LowRow, (uint32_t)w->s->batch);
    for (int j = 1; j < w->s->batch; j++) {
        Low own = *w;
        low_own_values(&own);
        rows[j] = current(&own);
    }
    w->batch = rows;
}

/* Each row by itself, but for the exchange. */
static void reduce(Low *w, int p, int groups)
{
    Red r[LOW_MAX_RED];
    Partial total[LOW_MAX_RED];
    uint32_t n = 0, m = 0;
    for (int j = 0; j < w->s->batch; j++, m += n) {
        low_batch_turn(w, j);
        w->behind = p ? 0 : (w->s->batch - 1 - j) * groups + w->due;
        low_enter_phase(w, p);
        LowWalk x = low_walk_of(w, p);
        low_walk(&x);
        n = x.n;
        memcpy(&r[m], x.r, n * sizeof *r);
        low_red_totals(w, &r[m], &total[m], n);
    }
    if (low_red_meet(w, m))
        low_red_exchange(w, r, total, m);
    for (uint32_t i = 0; i < m; i++) {
        low_batch_turn(w, (int)(i / n));
        low_red_deliver(w, &r[i], total[i]);
    }
}

/* What an earlier walk read of operands, it may have read in a loop. */
static void forget_operands(Low *w)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (!w->rv->load[i].inst && (!low_fills(w) || w->s->wkeep == WKEEP_SMEM))
            memset(&w->kept[i * LOW_MAX_PER], 0, sizeof *w->kept * (low_fills(w) ? (uint32_t)w->s->per : LOW_MAX_PER));
}

/* All rows side by side. */
static void finish(Low *w, int p)
{
    low_batch_turn(w, 0);
    forget_operands(w);
    for (int j = w->s->batch; j-- > 0;) {
        low_batch_turn(w, j);
        low_enter_phase(w, p);
    }
    w->together = w->s->batch;
    LowWalk all = low_walk_of(w, p);
    low_walk(&all);
    w->together = 1;
}

void low_batch(Low *w, LirVal g)
{
    LirVal apart = lir_op2(w->fn, LIR_MUL, w->blocks, low_ci(w, w->s->rows));
    int groups = 0;
    open_batch(w);
    for (int j = 0; j < w->s->batch; j++) {
        low_batch_turn(w, j);
        low_set_instance(w, lir_op2(w->fn, LIR_ADD, g, lir_op2(w->fn, LIR_MUL, apart, low_ci(w, j))), true);
        w->head_fixed = low_has_edges(w);
        w->slot = low_ci(w, (int64_t)j * w->smem.stage);
        if (!j)
            low_set_out(w);
        if (!j && low_fills(w) && w->s->wkeep != WKEEP_SMEM)
            low_wkeep_fill(w);
        groups = low_fetch(w);
    }
    low_batch_turn(w, 0);
    if (w->s->wkeep == WKEEP_SMEM && !sched_places(w->s))
        low_wkeep_fill(w);
    low_ask_next(w);
    if (low_has_edges(w))
        low_mark(w, LIR_WARPSYNC, 0);       /* or the assembler puts single loads off */
    low_wkeep_place(w, groups * w->s->batch);
    for (int p = 0; p < w->rv->last_phase; p++)
        reduce(w, p, groups);
    finish(w, w->rv->last_phase);
    for (int j = 0; j < w->s->batch; j++) {
        low_batch_turn(w, j);
        low_scalars_of_phase(w, w->rv->last_phase + 1);
        low_scalar_stores(w);
    }
}

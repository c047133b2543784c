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

/* Groups of copies of a row. */
static int groups_of_row(const Low *w)
{
    int part = w->s->unroll ? low_part_vectors(w) : 1;
    return w->s->async == ASYNC_CP ? (w->s->per + part - 1) / part : 0;
}

static void fetch_vector(Low *w, const uint8_t *need)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (need[i])
            low_kept_load(w, i);
}

static void fetch_row(Low *w, const uint8_t *need)
{
    if (low_has_edges(w)) {
        low_edge_begin(w);
        fetch_vector(w, need);
        low_edge_end(w);
    }
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        fetch_vector(w, need);
    }
    w->k = 0;
}

/* Every row is on its way before the work on the first begins. */
static void fetch(Low *w)
{
    for (int j = 0; j < w->s->batch; j++) {
        low_batch_turn(w, j);
        fetch_row(w, low_walk_begin(w, 0).need);
    }
}

/* Each row by itself, but for the exchange. */
static void reduce(Low *w, int p)
{
    Red r[LOW_MAX_RED];
    Partial total[LOW_MAX_RED];
    uint32_t n = 0, m = 0;
    if (!p && w->s->async == ASYNC_NONE)
        fetch(w);
    for (int j = 0; j < w->s->batch; j++, m += n) {
        low_batch_turn(w, j);
        w->behind = p ? 0 : (w->s->batch - 1 - j) * groups_of_row(w);
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

/* A row's single elements go with its copies: asked for in its own walk, they would be waited for there. */
static void fetch_edges(Low *w)
{
    low_edge_begin(w);
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].inst)
            low_kept_load(w, i);
    low_edge_end(w);
}

static void issue_row(Low *w)
{
    if (w->s->async != ASYNC_CP)
        return;
    low_async_issue(w, w->active, w->slot);
    if (low_has_edges(w))
        fetch_edges(w);
}

void low_batch(Low *w, LirVal g)
{
    LirVal groups = lir_op2(w->fn, LIR_MUL, w->blocks, low_ci(w, w->s->rows));
    open_batch(w);
    for (int j = 0; j < w->s->batch; j++) {
        low_batch_turn(w, j);
        low_set_instance(w, lir_op2(w->fn, LIR_ADD, g, lir_op2(w->fn, LIR_MUL, groups, low_ci(w, j))), true);
        w->head_fixed = low_has_edges(w);
        w->slot = low_ci(w, (int64_t)j * w->smem.stage);
        if (!j)
            low_set_out(w);
        issue_row(w);
    }
    low_batch_turn(w, 0);
    low_mark(w, LIR_WARPSYNC, 0);           /* or the assembler puts single loads off */
    for (int p = 0; p < w->rv->last_phase; p++)
        reduce(w, p);
    finish(w, w->rv->last_phase);
    for (int j = 0; j < w->s->batch; j++) {
        low_batch_turn(w, j);
        low_scalars_of_phase(w, w->rv->last_phase + 1);
        low_scalar_stores(w);
    }
}

/* low_persistent.c: blocks that walk over row groups: which ones, and what they fetch ahead of use. */
#include "low.h"

/* Do a block's row groups meet at barriers of their own only? Then each walks by itself, as many turns as it has rows. */
static bool walk_apart(const Low *w) { return w->s->rows > 1 && w->s->rows <= LOW_MAX_BARN && w->s->lanes % 32 == 0; }

/* The host's threads take blocks as they are done with others, and all are to end at one time: blocks have fewer instances the later they come, from twice
 * the mean down to none.  Of n instances the blocks from `block` on have the share ((blocks - block) / blocks)^2. */
static LirVal host_first(Low *w, LirVal block)
{
    LirVal n = lir_cast(w->fn, DT_I64, w->ninst), all = lir_cast(w->fn, DT_I64, w->blocks);
    LirVal left = lir_op2(w->fn, LIR_SUB, all, lir_cast(w->fn, DT_I64, block));
    LirVal rest = lir_op2(w->fn, LIR_DIV, lir_op2(w->fn, LIR_MUL, n, lir_op2(w->fn, LIR_MUL, left, left)), lir_op2(w->fn, LIR_MUL, all, all));
    return lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_SUB, n, rest));
}

/* Blocks, or clusters, that a launch begins with, or a few less: as many as groups of 16 multiprocessors hold, whole multiples where rows are to begin alike.
 * One that does not begin with the others must not have as much to do. */
static int64_t first_blocks(const Low *w)
{
    const Sched *s = w->s;
    int64_t alike = low_has_edges(w) ? low_alike(w) : 1, n = w->t->mps / 16 * (16 * s->ctas / s->cluster) / alike * alike;
    return n > alike ? n : alike;
}

/* late=: of more blocks than a launch begins with each of the others takes so many of the last instances; the first share those before.  Each has one, since
 * there are no more blocks than instances. */
static void walk_late(Low *w, LirVal *first, LirVal *end, LirVal *step)
{
    LirVal begin = low_ci(w, first_blocks(w)), others = lir_op2(w->fn, LIR_SUB, w->blocks, begin), more = lir_op2(w->fn, LIR_LT, begin, w->blocks);
    LirVal last = lir_op2(w->fn, LIR_MUL, others, low_ci(w, w->s->late)), most = lir_op2(w->fn, LIR_SUB, w->ninst, begin);
    LirVal before = lir_op2(w->fn, LIR_SUB, w->ninst, lir_op2(w->fn, LIR_MIN, last, most));
    LirVal is_late = low_and(w, more, lir_op2(w->fn, LIR_GE, w->block, begin)), shares = low_and(w, more, lir_op2(w->fn, LIR_LT, w->block, begin));
    *first = lir_op3(w->fn, LIR_SELECT, is_late, lir_op2(w->fn, LIR_ADD, before, lir_op2(w->fn, LIR_SUB, w->block, begin)), w->block);
    *end = lir_op3(w->fn, LIR_SELECT, shares, before, w->ninst);
    *step = lir_op3(w->fn, LIR_SELECT, shares, begin, lir_op3(w->fn, LIR_SELECT, is_late, others, w->blocks));
}

/* First instance, or row group, and step of this block: interleaved over blocks on a GPU, a contiguous range on the host. */
static void walk(Low *w, LirVal *first, LirVal *end, LirVal *step)
{
    LirVal block = w->block, blocks = w->blocks;
    if (w->s->late) {
        walk_late(w, first, end, step);
        return;
    }
    *step = lir_op2(w->fn, LIR_MUL, blocks, low_ci(w, w->s->rows));
    *first = walk_apart(w) ? lir_op2(w->fn, LIR_ADD, block, lir_op2(w->fn, LIR_MUL, w->grp, blocks)) : lir_op2(w->fn, LIR_MUL, block, low_ci(w, w->s->rows));
    *end = w->ninst;
    if (!w->host)
        return;
    *first = host_first(w, block);
    *end = host_first(w, lir_op2(w->fn, LIR_ADD, block, low_ci(w, 1)));
    *step = low_ci(w, 1);
}

static LirVal group_instance(Low *w, LirVal base) { return w->s->rows > 1 && !walk_apart(w) ? lir_op2(w->fn, LIR_ADD, base, w->grp) : base; }

LirVal low_turn_instance(Low *w, int turn)
{
    LirVal first, end, step;
    walk(w, &first, &end, &step);
    return group_instance(w, lir_op2(w->fn, LIR_ADD, first, lir_op2(w->fn, LIR_MUL, step, low_ci(w, turn))));
}

/* ---- what a persistent block fetches ahead of use: rows by asynchronous copies, scalars of an instance in variables ---- */

enum { MAX_AHEAD = 8, MAX_SCALARS = 8, DEAL_BYTES = 8 };

typedef struct Ahead {
    int    distance;                        /* row groups between fetch and use */
    TirVal load[MAX_SCALARS + ROW_MAX_MEM]; uint32_t n, scalars;    /* fetched ahead: scalar loads, then row loads of which the edge is */
    LirVal var[MAX_SCALARS + ROW_MAX_MEM][MAX_AHEAD];               /* var[i][j]: value for the instance j turns on */
    LirVal base[MAX_AHEAD + 1];             /* variables, under deal: the instance of this turn, of the next, .. */
} Ahead;

static void find_ahead(Low *w, Ahead *h)
{
    *h = (Ahead){.distance = w->s->stages > 1 ? w->s->stages - 1 : 1};
    for (TirVal v = 1; v < w->tir->nops && !w->host; v++) {
        const TirOp *o = &w->tir->ops[v];
        bool scalar = o->op == TIR_LOAD && !w->rv->pick[v] && !w->rv->is_row[v] && w->rv->is_inst[v] && !w->rv->guard[v];
        if (scalar && row_plain_place(w->tir, o) && h->n < MAX_SCALARS)
            h->load[h->n++] = v;
    }
    h->scalars = h->n;
    for (uint32_t i = 0; i < w->rv->nload && low_has_edges(w) && w->s->async == ASYNC_CP; i++)
        if (w->rv->load[i].inst)
            h->load[h->n++] = i;
}

/* Does one lane of a warp fetch scalar v for all? What all of them fetch from one place the assembler takes to a uniform register, for which it waits in the
 * very turn. */
static bool told_by_first(const Low *w, TirVal v) { return w->s->lanes % 32 == 0 && dt_bytes(w->tir->ops[v].dt) == 4; }

static LirVal fetch_scalar(Low *w, TirVal v)
{
    LirVal first = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, 31)), low_ci(w, 0));
    return low_scalar_raw(w, v, told_by_first(w, v) ? first : 0);
}

/* Value i of those fetched ahead, of the instance just set, where that is inside. */
static LirVal fetch_value(Low *w, const Ahead *h, uint32_t i, LirVal inside)
{
    return i < h->scalars ? fetch_scalar(w, h->load[i]) : low_edge_load(w, h->load[i], inside);
}

static void have_value(Low *w, const Ahead *h, uint32_t i, LirVal v)
{
    if (i < h->scalars)
        w->scalar[h->load[i]] = told_by_first(w, h->load[i]) ? lir_add(w->fn, (LirOp){.op = LIR_BCAST, .dt = lir_dt(w->fn, v), .lanes = 1, .ref = -1, .a = {v}}) : v;
    else
        w->kept[h->load[i] * LOW_MAX_PER + (uint32_t)w->s->per] = v;
}

/* Sets the instance at base (or the last one, past the end) and starts its copies into stage `slot`; 0: no copies.  Returns whether it is one. */
static LirVal fetch(Low *w, LirVal base, LirVal end, LirVal slot)
{
    LirVal g = group_instance(w, base), inside = lir_op2(w->fn, LIR_LT, g, end);
    low_set_instance(w, lir_op2(w->fn, LIR_MIN, g, lir_op2(w->fn, LIR_SUB, end, low_ci(w, 1))), false);
    if (slot)
        low_async_issue(w, inside, slot);
    return inside;
}

static void fetch_first(Low *w, Ahead *h, LirVal first, LirVal end, LirVal step)
{
    for (int i = 0; i < h->distance; i++) {
        if (w->s->async != ASYNC_CP && !h->n)
            continue;
        LirVal base = lir_op2(w->fn, LIR_ADD, first, lir_op2(w->fn, LIR_MUL, step, low_ci(w, i)));
        LirVal inside = fetch(w, base, end, w->s->async == ASYNC_CP ? low_ci(w, (int64_t)i * w->smem.stage) : 0);
        for (uint32_t j = 0; j < h->n; j++)
            h->var[j][i] = lir_op1(w->fn, LIR_VAR, fetch_value(w, h, j, inside));
    }
}

/* What is to be fetched in the turn of base. */
static LirVal turns_on(Low *w, const Ahead *h, LirVal base, LirVal step)
{
    if (w->s->deal)
        return lir_op1(w->fn, LIR_GET, h->base[h->distance]);
    return lir_op2(w->fn, LIR_ADD, base, lir_op2(w->fn, LIR_MUL, step, low_ci(w, h->distance)));
}

/* Fetches the row group `distance` turns on; values of it into next. */
static void fetch_on(Low *w, Ahead *h, LirVal base, LirVal end, LirVal step, LirVal slot, LirVal *next)
{
    LirVal inside = 0;
    if (slot || h->n)
        inside = fetch(w, turns_on(w, h, base, step), end, slot);
    for (uint32_t j = 0; j < h->n; j++)
        next[j] = fetch_value(w, h, j, inside);
}

static void await(Low *w, int newer) { lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = newer}); }

/* Makes `base`, so many turns on, the current instance with its scalars at hand. */
static void have(Low *w, const Ahead *h, LirVal base, int on)
{
    low_set_instance(w, group_instance(w, base), w->s->rows > 1 && !walk_apart(w));
    for (uint32_t j = 0; j < h->n; j++)
        have_value(w, h, j, lir_op1(w->fn, LIR_GET, h->var[j][on]));
}

static void move_on(Low *w, const Ahead *h, const LirVal *next)
{
    for (uint32_t j = 0; j < h->n; j++) {
        for (int i = 0; i + 1 < h->distance; i++)
            lir_set(w->fn, h->var[j][i], lir_op1(w->fn, LIR_GET, h->var[j][i + 1]));
        lir_set(w->fn, h->var[j][h->distance - 1], next[j]);
    }
}

static LirVal next_stage(Low *w, LirVal slot, int by)
{
    int64_t ring = (int64_t)w->smem.stage * w->s->stages;
    LirVal n = lir_op2(w->fn, LIR_ADD, slot, low_ci(w, (int64_t)by * w->smem.stage));
    return lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_GE, n, low_ci(w, ring)), lir_op2(w->fn, LIR_SUB, n, low_ci(w, ring)), n);
}

/* A group that had a turn less than the first, which had the most, passes barriers for it all the same: the groups need not, but tools that count barriers
 * (compute-sanitizer's racecheck) take them to race where they come to the block's own after different numbers.  at: a group's place after its last turn. */
static void even_out(Low *w, LirVal at, LirVal end)
{
    LirVal fewer = lir_op2(w->fn, LIR_LT, lir_op2(w->fn, LIR_SUB, at, lir_op2(w->fn, LIR_MUL, w->grp, w->blocks)), end);
    for (int i = 0; i < w->events; i++)
        lir_add(w->fn, (LirOp){.op = LIR_BARW, .ref = -1, .a = {fewer}, .imm.i = w->s->rows + 1});
}

/* ---- skew=1: a row's reductions are on their way between blocks while the row before is finished ---- */

typedef struct Sent { Red r[LOW_MAX_RED]; LirVal var[LOW_MAX_RED][LOW_MAX_WORDS]; uint32_t n; } Sent;

static void open_sent(Low *w, Sent *t)
{
    t->n = low_reductions(w, 0, t->r);
    for (uint32_t i = 0; i < t->n; i++) {
        Partial none = low_red_none(w, &t->r[i]);
        for (uint32_t k = 0; k < low_red_words(w, &t->r[i]); k++)
            t->var[i][k] = lir_op1(w->fn, LIR_VAR, none.v[k]);
    }
}

/* The walk over the row of the instance that is set for what it reduces. */
static void reduce_ahead(Low *w, Sent *t)
{
    Partial total[LOW_MAX_RED];
    LowWalk x = low_walk_begin(w, 0);
    low_walk(&x);
    low_red_totals(w, x.r, total, x.n);
    for (uint32_t i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < low_red_words(w, &t->r[i]); k++)
            lir_set(w->fn, t->var[i][k], total[i].v[k]);
}

static void send(Low *w, const Sent *t)
{
    Partial total[LOW_MAX_RED];
    for (uint32_t i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < low_red_words(w, &t->r[i]); k++)
            total[i].v[k] = lir_op1(w->fn, LIR_GET, t->var[i][k]);
    low_red_send(w, t->r, total, t->n);
}

static void take(Low *w, const Sent *t)
{
    Partial total[LOW_MAX_RED];
    low_red_take(w, t->r, total, t->n);
    for (uint32_t i = 0; i < t->n; i++)
        low_red_deliver(w, &t->r[i], total[i]);
}

/* The first row, up to what it sends. */
static void skew_first(Low *w, const Ahead *h, Sent *t, LirVal first, LirVal end)
{
    open_sent(w, t);
    await(w, h->distance - 1);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, first, end));
    have(w, h, first, 0);
    w->slot = low_ci(w, 0);
    reduce_ahead(w, t);
    send(w, t);
    low_mark(w, LIR_END, 0);
}

/* Row `base` from its exchange on.  What comes of the next row is sent only then: its place is that of the row before this one. */
static void skew_turn(Low *w, const Ahead *h, Sent *t, LirVal base, LirVal end, LirVal step, LirVal slot)
{
    LirVal on = lir_op2(w->fn, LIR_ADD, base, step), more = lir_op2(w->fn, LIR_LT, on, end);
    low_mark(w, LIR_IF, more);
    have(w, h, on, 1);
    w->slot = next_stage(w, slot, 1);
    reduce_ahead(w, t);
    low_mark(w, LIR_END, 0);
    have(w, h, base, 0);
    w->slot = slot;
    take(w, t);
    low_mark(w, LIR_IF, more);
    send(w, t);
    low_mark(w, LIR_END, 0);
    low_phases(w, 1);
}

/* ---- deal=1: rows behind the first ones go to whoever comes for them ----
 *
 * Workspace: 8 bytes for each class of row groups, those whose rows begin alike: a count.  A row group knows as many instances as it fetches ahead, and draws one
 * more in each turn, which the turn's first exchange tells all of its lanes; so there are as many draws as instances, and the last puts zeros there. */

/* Row groups that keep operands of rows that begin anywhere take every so many-th instance. */
static int classes(const Low *w) { return w->head_fixed ? low_period(w) : 1; }
static LirVal class_of(Low *w) { return classes(w) > 1 ? lir_op2(w->fn, LIR_REM, low_turn_instance(w, 0), low_ci(w, classes(w))) : low_ci(w, 0); }

/* There are a multiple of low_alike() blocks. */
int32_t low_deal_bytes(const Low *w) { return DEAL_BYTES * (w->head_fixed ? low_period(w) / low_alike(w) : 1); }

/* What follows is worked out where it is used: it is the same for all lanes of a warp, and kept over a turn it would take their registers. */
static LirVal count_at(Low *w) { return lir_op2(w->fn, LIR_ADD, low_word(w, DT_I64, (LirWord){LIR_W_WORK, 0, 0, 0}), low_mul_i64(w, class_of(w), DEAL_BYTES)); }
static LirVal draws_here(Low *w) { return lir_op2(w->fn, LIR_EQ, w->s->cluster > 1 ? w->at : w->lane, low_ci(w, 0)); }

/* How many draw from it. */
static LirVal draws(Low *w)
{
    LirVal n = lir_op2(w->fn, LIR_SUB, w->ninst, class_of(w));
    return classes(w) > 1 ? lir_op2(w->fn, LIR_DIV, lir_op2(w->fn, LIR_ADD, n, low_ci(w, classes(w) - 1)), low_ci(w, classes(w))) : n;
}

/* lir_mark_counts() of them. */
static LirVal bits_of(Low *w, LirVal n)
{
    for (int by = 1; by < 32; by *= 2)
        n = lir_op2(w->fn, LIR_OR, n, lir_op2(w->fn, LIR_SHR, n, low_ci(w, by)));
    return n;
}

static void deal_open(Low *w, Ahead *h, LirVal first, LirVal step)
{
    for (int i = 0; i <= h->distance; i++)
        h->base[i] = lir_op1(w->fn, LIR_VAR, lir_op2(w->fn, LIR_ADD, first, lir_op2(w->fn, LIR_MUL, step, low_ci(w, i))));
}

/* By row groups that draw: a mark of one that has no turn would stay.  The first of a block has one. */
static void deal_mark(Low *w, LirVal first, LirVal end)
{
    LirVal does = low_and(w, draws_here(w), w->s->rows > 1 ? lir_op2(w->fn, LIR_LT, first, end) : 0);
    lir_add(w->fn, (LirOp){.op = LIR_MARK, .ref = -1, .a = {count_at(w), draws(w), does}});
}

static void deal_draw(Low *w) { w->drawn = lir_add(w->fn, (LirOp){.op = LIR_DRAW, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {count_at(w), low_ci(w, 1), draws_here(w)}}); }

/* What was drawn is known. */
static void deal_on(Low *w, Ahead *h, LirVal step)
{
    LirVal all = draws(w), number = lir_op2(w->fn, LIR_AND, w->told, bits_of(w, all)), last = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_ADD, number, low_ci(w, 1)), all);
    LirVal first = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, step, low_ci(w, h->distance + 1)), class_of(w));
    lir_add(w->fn, (LirOp){.op = LIR_STGP, .ref = -1, .a = {count_at(w), lir_ci(w->fn, DT_I64, 0), low_and(w, draws_here(w), last)}, .imm.i = DEAL_BYTES});
    for (int i = 0; i < h->distance; i++)
        lir_set(w->fn, h->base[i], lir_op1(w->fn, LIR_GET, h->base[i + 1]));
    lir_set(w->fn, h->base[h->distance], lir_op2(w->fn, LIR_ADD, first, lir_op2(w->fn, LIR_MUL, number, low_ci(w, classes(w)))));
}

void low_persistent(Low *w)
{
    bool async = w->s->async == ASYNC_CP;
    LirVal first, end, step, slot = 0, next[MAX_SCALARS + ROW_MAX_MEM];
    Ahead h;
    Sent sent;
    walk(w, &first, &end, &step);
    if (w->host && w->s->stages > 1) {
        low_along(w, first, end);
        return;
    }
    find_ahead(w, &h);
    if (w->s->deal)
        deal_open(w, &h, first, step);
    LirVal var = w->s->deal ? h.base[0] : lir_op1(w->fn, LIR_VAR, first);
    if (async)
        slot = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    fetch_first(w, &h, first, end, step);
    if (w->s->deal)
        deal_mark(w, first, end);
    if (w->s->wkeep != WKEEP_LOAD)
        low_wkeep_fill(w);                  /* behind the first rows' copies, which nothing holds up then */
    if (w->s->skew)
        skew_first(w, &h, &sent, first, end);
    lir_add(w->fn, (LirOp){.op = LIR_LOOP, .ref = -1, .flags = walk_apart(w) ? LIR_F_APART : 0});
    LirVal base = lir_op1(w->fn, LIR_GET, var);
    low_mark(w, LIR_WHILE, lir_op2(w->fn, LIR_LT, base, end));
    w->events = 0;
    if (async)
        w->slot = lir_op1(w->fn, LIR_GET, slot);
    if (w->s->deal)
        deal_draw(w);
    fetch_on(w, &h, base, end, step, async ? next_stage(w, w->slot, w->s->stages - 1) : 0, next);
    if (async)
        await(w, h.distance - w->s->skew);
    if (w->s->skew) {
        skew_turn(w, &h, &sent, base, end, step, w->slot);
        move_on(w, &h, next);
    } else {
        have(w, &h, base, 0);
        move_on(w, &h, next);
        low_instance(w);
    }
    if (async)
        lir_set(w->fn, slot, next_stage(w, w->slot, 1));
    if (w->turns)
        lir_set(w->fn, w->turns, lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_GET, w->turns), low_ci(w, w->events)));
    else if (w->toggle && w->events & 1)
        lir_set(w->fn, w->toggle, lir_op2(w->fn, LIR_SUB, low_ci(w, w->smem.slot), lir_op1(w->fn, LIR_GET, w->toggle)));
    if (w->s->deal)
        deal_on(w, &h, step);
    else
        lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, base, step));
    low_mark(w, LIR_END, 0);
    if (walk_apart(w) && w->events && !w->turns && w->rv->nacc && w->s->acc == ACC_REG)
        even_out(w, lir_op1(w->fn, LIR_GET, var), end);
}

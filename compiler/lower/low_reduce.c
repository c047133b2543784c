/* low_reduce.c: reductions along the row: vectors of partial results in each lane, then the elements of the vector, the
 * lanes of a warp by butterfly shuffles, the warps through shared memory.
 *
 * All reductions of a phase share one exchange and one barrier.  Two exchange buffers alternate, so that one barrier per
 * exchange is enough: a buffer is written again only after the barrier of the exchange in between.  Every lane ends with the
 * same bits, since each adds the same pairs.
 */
#include "low.h"

#include <math.h>

static bool adds(RedKind k) { return k == RED_SUM || k == RED_VAR; }
static LirOpcode merge_op(RedKind k) { return adds(k) ? LIR_ADD : k == RED_MAX || k == RED_LSE ? LIR_MAX : LIR_MIN; }
static LirOpcode fold_op(RedKind k) { return adds(k) ? LIR_HSUM : k == RED_MAX ? LIR_HMAX : LIR_HMIN; }

static LirVal identity(Low *w, const Red *r, int lanes)
{
    if (dt_is_float(r->dt))
        return lir_cf(w->fn, r->dt, lanes, adds(r->kind) ? 0.0 : r->kind == RED_MIN ? INFINITY : -INFINITY);
    DType dt = adds(r->kind) || w->tir->ops[r->op].op == TIR_ARGMAX ? r->dt : (DType)w->tir->ops[r->op].dt;       /* the result's, which may be narrower */
    int64_t lo = dt == DT_I64 ? INT64_MIN : dt == DT_I32 ? INT32_MIN : dt == DT_I8 ? INT8_MIN : 0;
    int64_t hi = dt == DT_I64 ? INT64_MAX : dt == DT_I32 ? INT32_MAX : dt == DT_I8 ? INT8_MAX : UINT8_MAX;
    return lir_splat(w->fn, lir_ci(w->fn, r->dt, r->kind == RED_SUM ? 0 : r->kind == RED_MAX ? lo : hi), lanes);
}

/* The squared distance from the mean, which the walk before told; outside the row the mean itself stands for an element. */
static LirVal square_of(Low *w, const TirOp *o, LirVal x)
{
    LirVal mean = lir_splat(w->fn, w->red_value[o - w->tir->ops], w->vec);
    LirVal d = lir_op2(w->fn, LIR_SUB, low_inside(w, lir_splat(w->fn, x, w->vec), mean), mean);
    return lir_op2(w->fn, LIR_MUL, d, d);
}

static LirVal first_index(Low *w, const TirOp *o, LirVal x)
{
    LirVal m = w->red_value[o - w->tir->ops];
    LirVal both = lir_op2(w->fn, LIR_AND, lir_op1(w->fn, LIR_ISNAN, x), lir_splat(w->fn, lir_op1(w->fn, LIR_ISNAN, m), w->vec));
    LirVal hit = lir_op2(w->fn, LIR_OR, lir_op2(w->fn, LIR_EQ, x, m), both);
    LirVal steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)w->vec, .ref = -1, .sp = o->sp});
    LirVal at = lir_op2(w->fn, LIR_ADD, low_position(w), steps);
    return lir_op3(w->fn, LIR_SELECT, hit, at, lir_splat(w->fn, low_ci(w, INT32_MAX), w->vec));
}

/* What the reduction adds up, for vector k. */
static LirVal term(Low *w, const Red *r)
{
    const TirOp *o = &w->tir->ops[r->op];
    LirVal x = low_row(w, o->a[0]);
    if (o->op == TIR_ARGMAX)
        return r->step ? first_index(w, o, lir_cast(w->fn, lir_dt(w->fn, w->red_value[r->op]), x)) : lir_cast(w->fn, r->dt, x);
    x = lir_cast(w->fn, r->dt, x);
    return o->op == TIR_SQDEV && r->step ? square_of(w, o, x) : x;
}

/* A slot that no copy filled holds anything. */
static bool copied(const Low *w, TirVal v)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].op == v)
            return w->rv->load[i].inst ? w->s->async == ASYNC_CP : w->s->wkeep == WKEEP_SMEM && w->s->grid == GRID_ONESHOT;
    return false;
}

bool low_zero_outside(const Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    switch (o->op) {
    case TIR_LOAD: return w->rv->is_row[v] && (w->edge || !copied(w, v));
    case TIR_CAST: return dt_is_float(o->dt) && low_zero_outside(w, o->a[0]);
    case TIR_NEG: case TIR_ABS: return low_zero_outside(w, o->a[0]);
    case TIR_ADD: case TIR_SUB: case TIR_MUL: case TIR_MIN: case TIR_MAX: return low_zero_outside(w, o->a[0]) && low_zero_outside(w, o->a[1]);
    case TIR_CONST: return dt_is_float(o->dt) && o->imm.f == 0;
    default: return false;
    }
}

static LirVal inside_only(Low *w, const Red *r, LirVal x)
{
    LirVal none = identity(w, r, w->vec);
    bool zeros = adds(r->kind) && !r->step && low_zero_outside(w, w->tir->ops[r->op].a[0]);
    bool squares = w->tir->ops[r->op].op == TIR_SQDEV && r->step;      /* of the mean's distance from itself */
    return zeros || squares ? x : low_inside(w, x, none);
}

void low_red_open(Low *w, Red *r)
{
    if (r->kind == RED_VAR && low_var_once(w))
        low_var_open(w, r);
    for (uint32_t k = 0; r->kind < RED_PICK && !(r->kind == RED_VAR && low_var_once(w)) && k < r->nacc; k++)
        if (r->kind == RED_LSE)
            low_lse_open(w, &r->acc[k], &r->sum[k]);
        else
            r->acc[k] = lir_op1(w->fn, LIR_VAR, identity(w, r, w->s->vec));
}

void low_red_merge(Low *w, const Red *into, const Red *from)
{
    for (uint32_t k = 0; into->kind < RED_PICK && k < into->nacc; k++) {
        if (into->kind == RED_LSE) {
            low_lse_merge(w, into->acc[k], into->sum[k], from->acc[k], from->sum[k]);
            continue;
        }
        LirVal a = lir_op1(w->fn, LIR_GET, into->acc[k]), b = lir_op1(w->fn, LIR_GET, from->acc[k]);
        lir_set(w->fn, into->acc[k], lir_op2(w->fn, merge_op(into->kind), a, b));
    }
}

void low_red_update(Low *w, Red *r)
{
    bool loop = low_loops(w);
    if (r->kind >= RED_PICK)
        return;
    if (r->kind == RED_VAR && low_var_once(w) && !w->edge) {
        low_var_update(w, r, lir_splat(w->fn, term(w, r), w->s->vec));
        return;
    }
    LirVal x = inside_only(w, r, lir_splat(w->fn, term(w, r), w->vec));
    if (w->edge) {
        r->edge = x;
        return;
    }
    if (r->kind == RED_LSE) {
        int k = r->nacc > 1 ? w->k : 0;
        if (!r->nacc) {
            r->nacc = 1;
            low_red_open(w, r);
        }
        if (r->first)
            low_lse_first(w, r->acc[k], r->sum[k], x);
        else                                /* row groups, and blocks that stay, go on where they have no row, or want none of it */
            low_lse_update(w, r->acc[k], r->sum[k], x, w->active || w->s->grid == GRID_PERSISTENT ? low_guard(w, r->op) : 0);
        return;
    }
    int k = loop ? w->k : 0;
    if (!loop && !r->nacc) {
        r->nacc = 1;
        r->acc[0] = x;
        return;
    }
    if (loop)
        lir_set(w->fn, r->acc[k], lir_op2(w->fn, merge_op(r->kind), lir_op1(w->fn, LIR_GET, r->acc[k]), x));
    else
        r->acc[0] = lir_op2(w->fn, merge_op(r->kind), r->acc[0], x);
}

uint32_t low_red_words(const Low *w, const Red *r)
{
    return r->kind == RED_LSE || (r->kind == RED_VAR && sched_even(w->s)) ? 2 : r->kind == RED_VAR ? 3 : 1;
}

/* Word i of the partial result of no elements. */
static LirVal no_word(Low *w, const Red *r, uint32_t i)
{
    return i || r->kind == RED_VAR ? lir_cf(w->fn, DT_F32, 1, 0) : identity(w, r, 1);
}

Partial low_red_none(Low *w, const Red *r)
{
    Partial p = {{0}};
    for (uint32_t i = 0; i < low_red_words(w, r); i++)
        p.v[i] = no_word(w, r, i);
    return p;
}

Partial low_red_join(Low *w, const Red *r, Partial a, Partial b)
{
    if (r->kind == RED_VAR)
        return low_var_join(w, a, b);
    if (r->kind == RED_LSE)
        low_lse_join(w, &a.v[0], &a.v[1], b.v[0], b.v[1]);
    else
        a.v[0] = lir_op2(w->fn, merge_op(r->kind), a.v[0], b.v[0]);
    return a;
}

/* The vectors of this lane together. */
static Partial vectors_total(Low *w, Red *r)
{
    Partial t = {{0}};
    if (r->kind == RED_DEAL)
        return (Partial){{w->drawn}};
    if (r->kind == RED_PICK) {
        LirVal held = low_held_element(w, r->op, &r->teller);
        t.v[0] = lir_cast(w->fn, r->dt, held ? held : low_scalar_raw(w, r->op, 0));
        return t;
    }
    if (r->kind == RED_LSE && r->nacc) {
        low_lse_lane(w, r->acc, r->sum, r->nacc, &t.v[0], &t.v[1]);
        return t;
    }
    for (uint32_t i = 0; i < r->nacc; i++) {
        LirVal v = low_loops(w) ? lir_op1(w->fn, LIR_GET, r->acc[i]) : r->acc[i];
        t.v[0] = t.v[0] ? lir_op2(w->fn, merge_op(r->kind), t.v[0], v) : v;
    }
    if (!t.v[0])
        t.v[0] = identity(w, r, 1);
    if (lir_lanes(w->fn, t.v[0]) > 1)
        t.v[0] = lir_op1(w->fn, fold_op(r->kind), t.v[0]);
    if (r->kind == RED_LSE)
        t.v[1] = lir_cf(w->fn, DT_F32, 1, 0);
    return t;
}

/* One value per lane. */
static Partial lane_total(Low *w, Red *r)
{
    Partial t = vectors_total(w, r);
    if (!r->edge)
        return t;
    if (r->kind == RED_VAR)                /* its sum alone: the squares come in a second walk */
        return (Partial){{lir_op2(w->fn, LIR_ADD, t.v[0], r->edge)}};
    return low_red_join(w, r, t, (Partial){{r->edge, r->kind == RED_LSE ? low_lse_one(w, r->edge) : 0}});
}

LirVal low_butterfly(Low *w, LirVal v, int o)
{
    return lir_add(w->fn, (LirOp){.op = LIR_BFLY, .dt = (uint8_t)lir_dt(w->fn, v), .lanes = 1, .ref = -1, .a = {v}, .imm.i = o});
}

/* The lanes of a warp together.  A pick goes through a shuffle too: it has been read, then, by every lane. */
Partial low_red_across(Low *w, const Red *r, Partial t, int lanes)
{
    if (r->kind == RED_LSE)
        low_lse_across(w, &t.v[0], &t.v[1], lanes);
    else if (r->kind == RED_PICK)
        t.v[0] = w->host ? t.v[0] : low_butterfly(w, t.v[0], 0);
    else if (r->kind == RED_DEAL)
        t.v[0] = lir_add(w->fn, (LirOp){.op = LIR_BCAST, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {t.v[0]}});
    for (int o = lanes / 2; o && r->kind < RED_PICK && r->kind != RED_LSE; o /= 2)
        t.v[0] = lir_op2(w->fn, merge_op(r->kind), t.v[0], low_butterfly(w, t.v[0], o));
    return t;
}

/* ---- warps, through shared memory; blocks of a cluster, through each other's ---- */

/* Partials of a row: one a warp, in each block of the cluster. */
static int partials(const Low *w) { return w->s->lanes < 32 ? w->s->cluster : w->s->lanes / 32 * w->s->cluster; }

/* In a one-shot block what is picked is told by the first warp alone. */
static bool by_one(const Low *w, const Red *r) { return r->kind == RED_DEAL || (r->kind == RED_PICK && w->s->grid == GRID_ONESHOT); }

/* Of a word: a place for each warp's. */
static uint32_t word_bytes(const Low *w, const Red *r)
{
    uint32_t places = by_one(w, r) ? 1 : (uint32_t)partials(w);
    return (places + 3) / 4 * 4 * (uint32_t)w->red_bytes;
}

/* Bit i of the number of this exchange: bit 0 tells which of the two buffers and inboxes it takes, bit 1 the parity of that use. */
static LirVal turn_bit(Low *w, int i)
{
    LirVal turn = lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_GET, w->turns), low_ci(w, w->events));
    return lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_SHR, turn, low_ci(w, i)), low_ci(w, 1));
}

static LirVal group_inbox(Low *w) { return lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, 2)), turn_bit(w, 0)); }

/* Byte offset of a word of this group in the current exchange buffer, of which `before` bytes stand before the word.  A group has as many bytes in each exchange:
 * one that is ahead of another must not write where that reads. */
static LirVal exchange_at(Low *w, uint32_t before)
{
    LirVal at = lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, w->smem.slot / (uint32_t)w->s->rows));
    at = lir_op2(w->fn, LIR_ADD, at, low_ci(w, before));
    if (w->turns)
        return lir_op2(w->fn, LIR_ADD, at, lir_op2(w->fn, LIR_MUL, turn_bit(w, 0), low_ci(w, w->smem.slot)));
    if (w->toggle) {
        LirVal q = lir_op1(w->fn, LIR_GET, w->toggle);
        q = w->events & 1 ? lir_op2(w->fn, LIR_SUB, low_ci(w, w->smem.slot), q) : q;
        return lir_op2(w->fn, LIR_ADD, at, q);
    }
    return lir_op2(w->fn, LIR_ADD, at, low_ci(w, w->events & 1 ? w->smem.slot : 0));
}

static void group_barrier(Low *w)
{
    if (w->turns) {
        lir_add(w->fn, (LirOp){.op = LIR_TAKE, .ref = -1, .a = {group_inbox(w), turn_bit(w, 1)}, .imm.i = w->s->lanes});
        return;
    }
    if (w->s->cluster > 1) {
        lir_add(w->fn, (LirOp){.op = w->inboxes ? LIR_AWAIT : LIR_CLBAR, .ref = (int16_t)(w->inboxes ? w->events : -1), .imm.i = 0});
        return;
    }
    if (w->s->rows == 1 || w->s->rows > LOW_MAX_BARN || w->s->lanes % 32) {
        lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
        return;
    }
    LirVal id = lir_op2(w->fn, LIR_ADD, w->grp, low_ci(w, 1));
    lir_add(w->fn, (LirOp){.op = LIR_BARN, .ref = -1, .a = {id}, .imm.i = w->s->lanes});
}

static LirVal lds(Low *w, DType dt, LirVal at, int lanes)
{
    return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = (uint8_t)dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {at}, .imm.i = lanes * dt_bytes(dt)});
}

enum { FEW = 16 };   /* partials that every lane reads */

/* n partials in vectors, as many of them as returned. */
static int read_few(Low *w, DType dt, LirVal at, int n, LirVal *v)
{
    int chunks = 0;
    for (int i = 0, take; i < n; i += take) {
        bool dense = dt_bytes(dt) == w->red_bytes;
        take = dense && n - i >= 4 && w->red_bytes == 4 ? 4 : dense && n - i >= 2 ? 2 : 1;
        v[chunks++] = lds(w, dt, lir_op2(w->fn, LIR_ADD, at, low_ci(w, i * w->red_bytes)), take);
    }
    return chunks;
}

/* Every lane reads all partials. */
static LirVal read_all(Low *w, const Red *r, LirVal at)
{
    LirVal v[LOW_MAX_PARTS], all = 0;
    int chunks = read_few(w, r->dt, at, r->kind >= RED_PICK ? 1 : partials(w), v);
    for (int i = 0; i < chunks; i++) {
        LirVal one = lir_lanes(w->fn, v[i]) > 1 ? lir_op1(w->fn, fold_op(r->kind), v[i]) : v[i];
        all = all ? lir_op2(w->fn, merge_op(r->kind), all, one) : one;
    }
    return all;
}

/* Partial i of this lane, which is l, l + 32, ..: as of no elements past the last. */
static Partial read_one(Low *w, const Red *r, const LirVal *at, int from)
{
    int n = partials(w);
    Partial p = {{0}};
    LirVal i = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, 31)), low_ci(w, from)), in = lir_op2(w->fn, LIR_LT, i, low_ci(w, n));
    LirVal off = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_MIN, i, low_ci(w, n - 1)), low_ci(w, w->red_bytes));
    for (uint32_t k = 0; k < low_red_words(w, r); k++)
        p.v[k] = lir_op3(w->fn, LIR_SELECT, in, lds(w, r->dt, lir_op2(w->fn, LIR_ADD, at[k], off), 1), no_word(w, r, k));
    if (r->kind == RED_VAR && sched_even(w->s))
        p.v[2] = lir_op3(w->fn, LIR_SELECT, in, low_var_partial(w, r).v[2], no_word(w, r, 2));
    return p;
}

/* Lane l reads partials l, l + 32, ..; then the lanes of each warp put them together. */
static Partial read_spread(Low *w, const Red *r, const LirVal *at)
{
    Partial p[LOW_MAX_PARTS];
    int n = 0;
    for (int from = 0; from < partials(w); from += 32)
        p[n++] = read_one(w, r, at, from);
    if (r->kind == RED_VAR)
        return low_var_many(w, p, n);
    for (int i = 1; i < n; i++)
        p[0] = low_red_join(w, r, p[0], p[i]);
    return low_red_across(w, r, p[0], 32);
}

/* Every lane reads all. */
static Partial read_all_var(Low *w, const Red *r, const LirVal *at)
{
    LirVal v[LOW_MAX_WORDS][LOW_MAX_PARTS];
    Partial p[LOW_MAX_PARTS];
    int vectors = 0;
    for (uint32_t k = 0; k < low_red_words(w, r); k++)
        vectors = read_few(w, DT_F32, at[k], partials(w), v[k]);
    for (int i = 0; i < vectors; i++)
        p[i] = (Partial){{v[0][i], v[1][i], low_red_words(w, r) > 2 ? v[2][i] : 0}};
    return low_var_few(w, p, vectors);
}

static Partial read_partials(Low *w, const Red *r, uint32_t before)
{
    LirVal at[LOW_MAX_WORDS];
    for (uint32_t k = 0; k < low_red_words(w, r); k++)
        at[k] = exchange_at(w, before + k * word_bytes(w, r));
    bool many = partials(w) > FEW && r->kind < RED_PICK && w->s->lanes % 32 == 0;
    if (r->kind == RED_LSE || many)
        return read_spread(w, r, at);
    return r->kind == RED_VAR ? read_all_var(w, r, at) : (Partial){{read_all(w, r, at[0])}};
}

/* This warp's partial into its place, in the own block or in each of the cluster; what is picked, the first warp's. */
static void put_partial(Low *w, const Red *r, LirVal at, LirVal v)
{
    LirVal me = lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, 31)), lane = w->s->cluster > 1 ? w->at : w->lane;
    LirVal in = lir_op2(w->fn, LIR_LT, me, low_ci(w, w->s->cluster));
    if (by_one(w, r) && r->teller)
        in = low_and(w, in, lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_DIV, lane, low_ci(w, 32)), r->teller));
    else if (by_one(w, r))
        in = low_and(w, in, lir_op2(w->fn, LIR_LT, lane, low_ci(w, 32)));
    else
        at = lir_op2(w->fn, LIR_ADD, at, lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_DIV, lane, low_ci(w, 32)), low_ci(w, w->red_bytes)));
    if (w->turns)
        lir_add(w->fn, (LirOp){.op = LIR_SEND, .ref = -1, .a = {at, v, group_inbox(w), by_one(w, r) ? lir_op3(w->fn, LIR_SELECT, in, me, low_ci(w, 32)) : me}, .imm.i = 4});
    else if (w->s->cluster > 1)
        lir_add(w->fn, (LirOp){.op = LIR_STSC, .ref = (int16_t)(w->inboxes ? w->events : -1), .a = {at, v, me, in}, .imm.i = 4});
    else
        lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {at, v, in}, .imm.i = dt_bytes(r->dt)});
}

/* Bytes that come to each block of a cluster. */
static int64_t sent_bytes(const Low *w, const Red *r, uint32_t n)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += (int64_t)low_red_words(w, &r[i]) * (by_one(w, &r[i]) ? 1 : partials(w)) * w->red_bytes;
    return bytes;
}

void low_inboxes(Low *w)
{
    Red r[LOW_MAX_RED];
    int16_t at = 0;
    if (low_numbers(w))
        lir_add(w->fn, (LirOp){.op = LIR_INBOXES, .ref = -1, .imm.i = 2 * w->s->rows});
    for (int p = 0; w->inboxes && p <= w->rv->last_phase; p++) {
        uint32_t n = low_reductions(w, p, r);
        n += low_aside_reductions(w, p, r + n);
        if (n)
            lir_add(w->fn, (LirOp){.op = LIR_INBOX, .ref = at++, .imm.i = sent_bytes(w, r, n) * w->s->batch});
    }
}

/* Before the first word goes to another block, that must be there. */
static void join(Low *w)
{
    if (w->s->cluster > 1 && !w->joined)
        lir_add(w->fn, (LirOp){.op = LIR_CLBAR, .ref = -1, .imm.i = 2});
    w->joined = true;
}

bool low_red_meet(const Low *w, uint32_t n) { return n && (w->s->lanes > 32 || w->s->cluster > 1); }

/* A one-shot block's places for partials are free from the start. Only what the first warp reads is told. */
void low_red_pick(Low *w, Red *r, uint32_t n)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; at += low_red_words(w, &r[i]) * word_bytes(w, &r[i]), i++) {
        if (r[i].kind != RED_PICK || w->s->grid != GRID_ONESHOT || !low_red_meet(w, n) || (w->waits && w->waits[r[i].op]) || low_holds_element(w, r[i].op))
            continue;
        LirVal lane = w->s->cluster > 1 ? w->at : w->lane, first = lir_op2(w->fn, LIR_LT, lane, low_ci(w, 32));
        Partial t = {{lir_cast(w->fn, r[i].dt, low_scalar_raw(w, r[i].op, first))}};
        join(w);
        put_partial(w, &r[i], exchange_at(w, at), low_red_across(w, &r[i], t, 32).v[0]);
        r[i].sent = true;
    }
}

void low_red_send(Low *w, const Red *r, const Partial *total, uint32_t n)
{
    uint32_t at = 0;
    join(w);
    if (w->turns)
        lir_add(w->fn, (LirOp){.op = LIR_ARM, .ref = -1, .a = {group_inbox(w), lir_op2(w->fn, LIR_EQ, w->lane, low_ci(w, 0))}, .imm.i = sent_bytes(w, r, n)});
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < low_red_words(w, &r[i]); k++, at += word_bytes(w, &r[i]))
            if (!r[i].sent)
                put_partial(w, &r[i], exchange_at(w, at), total[i].v[k]);
}

void low_red_take(Low *w, const Red *r, Partial *total, uint32_t n)
{
    uint32_t at = 0;
    group_barrier(w);
    for (uint32_t i = 0; i < n; i++) {
        total[i] = read_partials(w, &r[i], at);
        at += low_red_words(w, &r[i]) * word_bytes(w, &r[i]);
    }
    w->events++;
}

void low_red_exchange(Low *w, const Red *r, Partial *total, uint32_t n)
{
    low_red_send(w, r, total, n);
    low_red_take(w, r, total, n);
}

static void deliver_var(Low *w, const Red *r, Partial t)
{
    w->scalar[r->op] = lir_cast(w->fn, w->tir->ops[r->op].dt, t.v[1]);
    for (TirVal v = 1; v < w->tir->nops; v++)
        if (w->rv->shares[v] == r->op)
            w->scalar[v] = lir_cast(w->fn, w->tir->ops[v].dt, t.v[0]);
}

void low_red_deliver(Low *w, const Red *r, Partial t)
{
    const TirOp *o = &w->tir->ops[r->op];
    LirVal v = t.v[0];
    if (r->kind == RED_DEAL) {
        w->told = v;
        return;
    }
    if (o->op == TIR_ARGMAX && !r->step) {
        w->red_value[r->op] = v;
        return;
    }
    if (o->op == TIR_SQDEV && w->rv->again && !r->step) {
        w->red_value[r->op] = lir_op2(w->fn, LIR_DIV, v, lir_cast(w->fn, r->dt, w->rowlen));
        return;
    }
    if (r->kind == RED_VAR) {
        deliver_var(w, r, t);
        return;
    }
    if (r->kind == RED_LSE) {
        w->red_value[r->op] = v;
        w->red_rest[r->op] = low_lse_rest(w, v, t.v[1], &w->red_share[r->op]);
        v = lir_op2(w->fn, LIR_ADD, v, w->red_rest[r->op]);
    }
    if (o->op == TIR_ARGMAX)
        v = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, v, low_ci(w, INT32_MAX)), low_ci(w, -1), v);
    w->scalar[r->op] = lir_cast(w->fn, o->dt, v);
}

static Partial of_warp(Low *w, Red *r) { return low_red_across(w, r, lane_total(w, r), w->s->lanes < 32 ? w->s->lanes : 32); }

LirVal low_red_warp(Low *w, Red *r) { return of_warp(w, r).v[0]; }

void low_red_totals(Low *w, Red *r, Partial *total, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!r[i].sent)
            total[i] = r[i].kind == RED_VAR ? low_var_partial(w, &r[i]) : of_warp(r[i].of ? r[i].of : w, &r[i]);
}

void low_red_finish(Low *w, Red *r, uint32_t n)
{
    Partial total[LOW_MAX_RED];
    bool picks = false;
    for (uint32_t i = 0; i < n; i++)
        picks |= r[i].kind == RED_PICK;
    low_red_totals(w, r, total, n);
    if (low_red_meet(w, n))
        low_red_exchange(w, r, total, n);
    else if (picks && w->s->lanes > 1)
        lir_add(w->fn, (LirOp){.op = LIR_WARPSYNC, .ref = -1});
    if (w->parts) {
        low_parts_store(w, r, total, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        low_red_deliver(r[i].of ? r[i].of : w, &r[i], total[i]);
}

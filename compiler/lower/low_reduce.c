/* low_reduce.c: reductions along the row: vectors of partial results in each lane, then the elements of the vector, the
 * lanes of a warp by butterfly shuffles, the warps through shared memory.
 *
 * All reductions of a phase share one exchange and one barrier.  Two exchange buffers alternate, so that one barrier per
 * exchange is enough: a buffer is written again only after the barrier of the exchange in between.  Every lane ends with the
 * same bits, since each adds the same pairs.
 */
#include "low.h"

#include <math.h>

static LirOpcode merge_op(RedKind k) { return k == RED_SUM ? LIR_ADD : k == RED_MAX || k == RED_LSE ? LIR_MAX : LIR_MIN; }
static LirOpcode fold_op(RedKind k) { return k == RED_SUM ? LIR_HSUM : k == RED_MAX ? LIR_HMAX : LIR_HMIN; }

static LirVal identity(Low *w, const Red *r, int lanes)
{
    if (dt_is_float(r->dt))
        return lir_cf(w->fn, r->dt, lanes, r->kind == RED_SUM ? 0.0 : r->kind == RED_MIN ? INFINITY : -INFINITY);
    DType dt = r->kind == RED_SUM || w->tir->ops[r->op].op == TIR_ARGMAX ? r->dt : (DType)w->tir->ops[r->op].dt;       /* the result's, which may be narrower */
    int64_t lo = dt == DT_I64 ? INT64_MIN : dt == DT_I32 ? INT32_MIN : dt == DT_I8 ? INT8_MIN : 0;
    int64_t hi = dt == DT_I64 ? INT64_MAX : dt == DT_I32 ? INT32_MAX : dt == DT_I8 ? INT8_MAX : UINT8_MAX;
    return lir_splat(w->fn, lir_ci(w->fn, r->dt, r->kind == RED_SUM ? 0 : r->kind == RED_MAX ? lo : hi), lanes);
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
    if (o->op != TIR_ARGMAX)
        return lir_cast(w->fn, r->dt, x);
    return r->step ? first_index(w, o, lir_cast(w->fn, lir_dt(w->fn, w->red_value[r->op]), x)) : lir_cast(w->fn, r->dt, x);
}

/* Is v zero where the row's loads gave zeros, as they do past its ends? */
static bool zero_outside(const Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    switch (o->op) {
    case TIR_LOAD: return w->rv->is_row[v];
    case TIR_CAST: return dt_is_float(o->dt) && zero_outside(w, o->a[0]);
    case TIR_NEG: case TIR_ABS: return zero_outside(w, o->a[0]);
    case TIR_ADD: case TIR_SUB: case TIR_MUL: case TIR_MIN: case TIR_MAX: return zero_outside(w, o->a[0]) && zero_outside(w, o->a[1]);
    case TIR_CONST: return dt_is_float(o->dt) && o->imm.f == 0;
    default: return false;
    }
}

static LirVal inside_only(Low *w, const Red *r, LirVal x)
{
    LirVal none = identity(w, r, w->vec);
    bool zeros = (w->s->async == ASYNC_NONE || w->edge) && r->kind == RED_SUM && zero_outside(w, w->tir->ops[r->op].a[0]);      /* a slot that no copy filled holds anything */
    if (w->mask.kind == MASK_FULL || zeros)
        return x;
    if (w->mask.kind == MASK_WHOLE)
        return lir_op3(w->fn, LIR_SELECT, w->mask.in, x, none);
    LirVal steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)w->vec, .ref = -1});
    LirVal in = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, steps, w->mask.lo), lir_op2(w->fn, LIR_LT, steps, w->mask.hi));
    return lir_op3(w->fn, LIR_SELECT, in, x, none);
}

void low_red_open(Low *w, Red *r)
{
    for (uint32_t k = 0; r->kind != RED_PICK && k < r->nacc; k++)
        if (r->kind == RED_LSE)
            low_lse_open(w, &r->acc[k], &r->sum[k]);
        else
            r->acc[k] = lir_op1(w->fn, LIR_VAR, identity(w, r, w->s->vec));
}

void low_red_merge(Low *w, const Red *into, const Red *from)
{
    for (uint32_t k = 0; into->kind != RED_PICK && k < into->nacc; k++) {
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
    if (r->kind == RED_PICK)
        return;
    LirVal x = inside_only(w, r, lir_splat(w->fn, term(w, r), w->vec));
    if (w->edge) {
        r->edge = x;
        return;
    }
    int k = loop ? w->k : 0;
    if (!loop && !r->nacc) {
        r->nacc = 1;
        if (r->kind == RED_LSE)
            low_red_open(w, r);
        else {
            r->acc[0] = x;
            return;
        }
    }
    if (r->kind == RED_LSE)
        low_lse_update(w, r->acc[k], r->sum[k], x);
    else if (loop)
        lir_set(w->fn, r->acc[k], lir_op2(w->fn, merge_op(r->kind), lir_op1(w->fn, LIR_GET, r->acc[k]), x));
    else
        r->acc[0] = lir_op2(w->fn, merge_op(r->kind), r->acc[0], x);
}

uint32_t low_red_words(const Red *r) { return r->kind == RED_LSE ? 2 : 1; }

Partial low_red_none(Low *w, const Red *r)
{
    return (Partial){{identity(w, r, 1), r->kind == RED_LSE ? lir_cf(w->fn, DT_F32, 1, 0) : 0}};
}

Partial low_red_join(Low *w, const Red *r, Partial a, Partial b)
{
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
    if (r->kind == RED_PICK) {
        t.v[0] = lir_cast(w->fn, r->dt, low_scalar_raw(w, r->op));
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
    for (int o = lanes / 2; o && r->kind != RED_LSE && r->kind != RED_PICK; o /= 2)
        t.v[0] = lir_op2(w->fn, merge_op(r->kind), t.v[0], low_butterfly(w, t.v[0], o));
    return t;
}

/* ---- warps, through shared memory; blocks of a cluster, through each other's ---- */

/* Partials of a row: one a warp, in each block of the cluster. */
static int partials(const Low *w) { return w->s->lanes < 32 ? w->s->cluster : w->s->lanes / 32 * w->s->cluster; }

static uint32_t slot_bytes(const Low *w) { return ((uint32_t)partials(w) + 3) / 4 * 4 * (uint32_t)w->red_bytes; }

/* Bit i of the number of this exchange: bit 0 tells which of the two buffers and inboxes it takes, bit 1 the parity of that use. */
static LirVal turn_bit(Low *w, int i)
{
    LirVal turn = lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_GET, w->turns), low_ci(w, w->events));
    return lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_SHR, turn, low_ci(w, i)), low_ci(w, 1));
}

static LirVal group_inbox(Low *w) { return lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, 2)), turn_bit(w, 0)); }

/* Byte offset of word i of this group's partials in the current exchange buffer; all rows of a block have n words. */
static LirVal exchange_at(Low *w, uint32_t i, uint32_t n)
{
    uint32_t row = slot_bytes(w);
    LirVal at = lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, n * row));
    at = lir_op2(w->fn, LIR_ADD, at, low_ci(w, w->red_base + i * row));
    if (w->turns)
        return lir_op2(w->fn, LIR_ADD, at, lir_op2(w->fn, LIR_MUL, turn_bit(w, 0), low_ci(w, w->red_slot)));
    if (w->toggle) {
        LirVal q = lir_op1(w->fn, LIR_GET, w->toggle);
        q = w->events & 1 ? lir_op2(w->fn, LIR_SUB, low_ci(w, w->red_slot), q) : q;
        return lir_op2(w->fn, LIR_ADD, at, q);
    }
    return lir_op2(w->fn, LIR_ADD, at, low_ci(w, w->events & 1 ? w->red_slot : 0));
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

/* Every lane reads all partials. */
static LirVal read_all(Low *w, const Red *r, LirVal at)
{
    int n = r->kind == RED_PICK ? 1 : partials(w);
    LirVal all = 0;
    for (int i = 0; i < n;) {
        bool dense = dt_bytes(r->dt) == w->red_bytes;
        int take = dense && n - i >= 4 && w->red_bytes == 4 ? 4 : dense && n - i >= 2 ? 2 : 1;
        LirVal v = lds(w, r->dt, lir_op2(w->fn, LIR_ADD, at, low_ci(w, i * w->red_bytes)), take);
        v = take > 1 ? lir_op1(w->fn, fold_op(r->kind), v) : v;
        all = all ? lir_op2(w->fn, merge_op(r->kind), all, v) : v;
        i += take;
    }
    return all;
}

/* Lane l reads partials l, l + 32, ..; then the lanes of each warp put them together. */
static Partial read_spread(Low *w, const Red *r, LirVal at, LirVal at2)
{
    int n = partials(w);
    Partial t = {{0}};
    LirVal me = lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, 31));
    for (int from = 0; from < n; from += 32) {
        LirVal i = lir_op2(w->fn, LIR_ADD, me, low_ci(w, from)), in = lir_op2(w->fn, LIR_LT, i, low_ci(w, n));
        LirVal off = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_MIN, i, low_ci(w, n - 1)), low_ci(w, w->red_bytes));
        LirVal v = lir_op3(w->fn, LIR_SELECT, in, lds(w, r->dt, lir_op2(w->fn, LIR_ADD, at, off), 1), identity(w, r, 1));
        if (r->kind != RED_LSE) {
            t.v[0] = from ? lir_op2(w->fn, merge_op(r->kind), t.v[0], v) : v;
            continue;
        }
        LirVal s = lir_op3(w->fn, LIR_SELECT, in, lds(w, r->dt, lir_op2(w->fn, LIR_ADD, at2, off), 1), lir_cf(w->fn, DT_F32, 1, 0));
        t = from ? low_red_join(w, r, t, (Partial){{v, s}}) : (Partial){{v, s}};
    }
    return low_red_across(w, r, t, 32);
}

static Partial read_partials(Low *w, const Red *r, uint32_t word, uint32_t n)
{
    LirVal at = exchange_at(w, word, n);
    if (r->kind == RED_LSE || (partials(w) > 16 && r->kind != RED_PICK && w->s->lanes % 32 == 0))
        return read_spread(w, r, at, r->kind == RED_LSE ? exchange_at(w, word + 1, n) : 0);
    return (Partial){{read_all(w, r, at)}};
}

/* This warp's partial into its place, in the own block or in each of the cluster. */
static void put_partial(Low *w, LirVal at, LirVal v, DType dt)
{
    LirVal me = lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, 31));
    if (w->turns)
        lir_add(w->fn, (LirOp){.op = LIR_SEND, .ref = -1, .a = {at, v, group_inbox(w), me}, .imm.i = 4});
    else if (w->s->cluster > 1)
        lir_add(w->fn, (LirOp){.op = LIR_STSC, .ref = (int16_t)(w->inboxes ? w->events : -1), .a = {at, v, me, lir_op2(w->fn, LIR_LT, me, low_ci(w, w->s->cluster))}, .imm.i = 4});
    else
        lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {at, v, lir_op2(w->fn, LIR_EQ, me, low_ci(w, 0))}, .imm.i = dt_bytes(dt)});
}

void low_inboxes(Low *w)
{
    Red r[LOW_MAX_RED];
    int16_t at = 0;
    if (w->s->cluster > 1 && w->s->grid == GRID_PERSISTENT)
        lir_add(w->fn, (LirOp){.op = LIR_INBOXES, .ref = -1, .imm.i = 2 * w->s->rows});
    for (int p = 0; w->inboxes && p <= w->rv->last_phase; p++) {
        uint32_t n = low_reductions(w, p, r), all = 0;
        for (uint32_t i = 0; i < n; i++)
            all += low_red_words(&r[i]);
        if (n)
            lir_add(w->fn, (LirOp){.op = LIR_INBOX, .ref = at++, .imm.i = (int64_t)all * partials(w) * w->red_bytes});
    }
}

static void exchange(Low *w, Red *r, Partial *total, uint32_t n)
{
    LirVal warp = lir_op2(w->fn, LIR_DIV, w->s->cluster > 1 ? w->at : w->lane, low_ci(w, 32));
    uint32_t all = 0, word = 0;
    for (uint32_t i = 0; i < n; i++)
        all += low_red_words(&r[i]);
    if (w->s->cluster > 1 && !w->joined)
        lir_add(w->fn, (LirOp){.op = LIR_CLBAR, .ref = -1, .imm.i = 2});
    w->joined = true;
    if (w->turns)
        lir_add(w->fn, (LirOp){.op = LIR_ARM, .ref = -1, .a = {group_inbox(w), lir_op2(w->fn, LIR_EQ, w->lane, low_ci(w, 0))}, .imm.i = (int64_t)all * partials(w) * 4});
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < low_red_words(&r[i]); k++, word++) {
            LirVal at = lir_op2(w->fn, LIR_ADD, exchange_at(w, word, all), lir_op2(w->fn, LIR_MUL, warp, low_ci(w, w->red_bytes)));
            put_partial(w, at, total[i].v[k], r[i].dt);
        }
    group_barrier(w);
    word = 0;
    for (uint32_t i = 0; i < n; i++) {
        total[i] = read_partials(w, &r[i], word, all);
        word += low_red_words(&r[i]);
    }
    w->events++;
}

void low_red_deliver(Low *w, const Red *r, Partial t)
{
    const TirOp *o = &w->tir->ops[r->op];
    LirVal v = t.v[0];
    if (o->op == TIR_ARGMAX && !r->step) {
        w->red_value[r->op] = v;
        return;
    }
    if (r->kind == RED_LSE) {
        w->red_value[r->op] = v;
        w->red_rest[r->op] = low_lse_rest(w, v, t.v[1]);
        v = lir_op2(w->fn, LIR_ADD, v, w->red_rest[r->op]);
    }
    if (o->op == TIR_ARGMAX)
        v = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, v, low_ci(w, INT32_MAX)), low_ci(w, -1), v);
    w->scalar[r->op] = lir_cast(w->fn, o->dt, v);
}

void low_red_finish(Low *w, Red *r, uint32_t n)
{
    Partial total[LOW_MAX_RED];
    bool picks = false;
    for (uint32_t i = 0; i < n; i++)
        picks |= r[i].kind == RED_PICK;
    for (uint32_t i = 0; i < n; i++)
        total[i] = low_red_across(w, &r[i], lane_total(w, &r[i]), w->s->lanes < 32 ? w->s->lanes : 32);
    if (n && (w->s->lanes > 32 || w->s->cluster > 1))
        exchange(w, r, total, n);
    else if (picks && w->s->lanes > 1)
        lir_add(w->fn, (LirOp){.op = LIR_WARPSYNC, .ref = -1});
    if (w->parts) {
        low_parts_store(w, r, total, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        low_red_deliver(w, &r[i], total[i]);
}

/* low_reduce.c: reductions along the row: vectors of partial results in each lane, then the elements of the vector, the
 * lanes of a warp by butterfly shuffles, the warps through shared memory.
 *
 * All reductions of a phase share one exchange and one barrier.  Two exchange buffers alternate, so that one barrier per
 * exchange is enough: a buffer is written again only after the barrier of the exchange in between.  Every lane ends with the
 * same bits, since each adds the same pairs.
 */
#include "low.h"

#include <math.h>

static LirOpcode merge_op(RedKind k) { return k == RED_SUM ? LIR_ADD : k == RED_MAX ? LIR_MAX : LIR_MIN; }
static LirOpcode fold_op(RedKind k) { return k == RED_SUM ? LIR_HSUM : k == RED_MAX ? LIR_HMAX : LIR_HMIN; }

static LirVal identity(Low *w, const Red *r, int lanes)
{
    if (dt_is_float(r->dt))
        return lir_cf(w->fn, r->dt, lanes, r->kind == RED_SUM ? 0.0 : r->kind == RED_MAX ? -INFINITY : INFINITY);
    int64_t lo = r->dt == DT_I64 ? INT64_MIN : INT32_MIN, hi = r->dt == DT_I64 ? INT64_MAX : INT32_MAX;
    return lir_splat(w->fn, lir_ci(w->fn, r->dt, r->kind == RED_SUM ? 0 : r->kind == RED_MAX ? lo : hi), lanes);
}

/* -inf and +inf would make x - m a NaN; 0 serves. */
static LirVal finite_max(Low *w, LirVal m)
{
    LirVal inf = lir_op1(w->fn, LIR_ISINF, m);
    return lir_op3(w->fn, LIR_SELECT, inf, lir_cf(w->fn, lir_dt(w->fn, m), 1, 0.0), m);
}

static LirVal first_index(Low *w, const TirOp *o, LirVal x)
{
    LirVal m = w->red_value[o - w->tir->ops];
    LirVal both = lir_op2(w->fn, LIR_AND, lir_op1(w->fn, LIR_ISNAN, x), lir_splat(w->fn, lir_op1(w->fn, LIR_ISNAN, m), w->s->vec));
    LirVal hit = lir_op2(w->fn, LIR_OR, lir_op2(w->fn, LIR_EQ, x, m), both);
    LirVal steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)w->s->vec, .ref = -1, .sp = o->sp});
    LirVal at = lir_op2(w->fn, LIR_ADD, low_position(w), steps);
    return lir_op3(w->fn, LIR_SELECT, hit, at, lir_splat(w->fn, low_ci(w, INT32_MAX), w->s->vec));
}

/* What the reduction adds up, for vector k. */
static LirVal term(Low *w, const Red *r)
{
    const TirOp *o = &w->tir->ops[r->op];
    LirVal x = low_row(w, o->a[0]);
    if (o->op == TIR_ARGMAX || o->op == TIR_LSE) {
        x = lir_dt(w->fn, x) == DT_F32 || !dt_is_float(lir_dt(w->fn, x)) ? x : lir_cast(w->fn, DT_F32, x);
        if (o->op == TIR_ARGMAX)
            return r->step ? first_index(w, o, x) : x;
        if (r->step)
            return lir_op1(w->fn, LIR_EXP, lir_op2(w->fn, LIR_SUB, x, finite_max(w, w->red_value[r->op])));
        return x;
    }
    return lir_cast(w->fn, r->dt, x);
}

static LirVal inside_only(Low *w, const Red *r, LirVal x)
{
    LirVal none = identity(w, r, w->s->vec);
    if (w->mask.kind == MASK_FULL)
        return x;
    if (w->mask.kind == MASK_WHOLE)
        return lir_op3(w->fn, LIR_SELECT, w->mask.in, x, none);
    LirVal steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)w->s->vec, .ref = -1});
    LirVal in = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, steps, w->mask.lo), lir_op2(w->fn, LIR_LT, steps, w->mask.hi));
    return lir_op3(w->fn, LIR_SELECT, in, x, none);
}

LirVal low_red_variable(Low *w, const Red *r) { return lir_op1(w->fn, LIR_VAR, identity(w, r, w->s->vec)); }

void low_red_merge(Low *w, const Red *r, LirVal into, LirVal from)
{
    LirVal a = lir_op1(w->fn, LIR_GET, into), b = lir_op1(w->fn, LIR_GET, from);
    lir_set(w->fn, into, lir_op2(w->fn, merge_op(r->kind), a, b));
}

void low_red_update(Low *w, Red *r)
{
    LirVal x = inside_only(w, r, lir_splat(w->fn, term(w, r), w->s->vec));
    if (w->s->len == LEN_ANY) {
        LirVal var = r->acc[w->k];
        LirVal old = lir_op1(w->fn, LIR_GET, var);
        lir_set(w->fn, var, lir_op2(w->fn, merge_op(r->kind), old, x));
        return;
    }
    r->acc[0] = r->nacc ? lir_op2(w->fn, merge_op(r->kind), r->acc[0], x) : x;
    r->nacc = 1;
}

/* One value per lane: the vectors of this lane together. */
static LirVal lane_total(Low *w, Red *r)
{
    LirVal all = 0;
    for (uint32_t i = 0; i < r->nacc; i++) {
        LirVal v = w->s->len == LEN_ANY ? lir_op1(w->fn, LIR_GET, r->acc[i]) : r->acc[i];
        all = all ? lir_op2(w->fn, merge_op(r->kind), all, v) : v;
    }
    if (!all)
        all = identity(w, r, 1);
    return lir_lanes(w->fn, all) > 1 ? lir_op1(w->fn, fold_op(r->kind), all) : all;
}

static LirVal warp_total(Low *w, const Red *r, LirVal v)
{
    int lanes = w->s->lanes < 32 ? w->s->lanes : 32;
    for (int o = lanes / 2; o; o /= 2) {
        LirVal other = lir_add(w->fn, (LirOp){.op = LIR_BFLY, .dt = (uint8_t)r->dt, .lanes = 1, .ref = -1, .a = {v}, .imm.i = o});
        v = lir_op2(w->fn, merge_op(r->kind), v, other);
    }
    return v;
}

static uint32_t warps_padded(const Low *w) { return ((uint32_t)w->s->lanes / 32 + 3) / 4 * 4; }

/* Byte offset of reduction i's partials of this group in the current exchange buffer. */
static LirVal exchange_at(Low *w, uint32_t i, uint32_t n)
{
    uint32_t row = warps_padded(w) * (uint32_t)w->red_bytes;
    LirVal at = lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, n * row));
    at = lir_op2(w->fn, LIR_ADD, at, low_ci(w, w->red_base + i * row));
    if (w->toggle) {
        LirVal q = lir_op1(w->fn, LIR_GET, w->toggle);
        q = w->events & 1 ? lir_op2(w->fn, LIR_SUB, low_ci(w, w->red_slot), q) : q;
        return lir_op2(w->fn, LIR_ADD, at, q);
    }
    return lir_op2(w->fn, LIR_ADD, at, low_ci(w, w->events & 1 ? w->red_slot : 0));
}

static void group_barrier(Low *w)
{
    if (w->s->rows == 1 || w->s->rows > 15 || w->s->lanes % 32) {
        lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
        return;
    }
    LirVal id = lir_op2(w->fn, LIR_ADD, w->grp, low_ci(w, 1));
    lir_add(w->fn, (LirOp){.op = LIR_BARN, .ref = -1, .a = {id}, .imm.i = w->s->lanes});
}

static LirVal read_partials(Low *w, const Red *r, LirVal at)
{
    int n = w->s->lanes / 32;
    LirVal all = 0;
    for (int i = 0; i < n;) {
        int take = n - i >= 4 && w->red_bytes == 4 ? 4 : n - i >= 2 ? 2 : 1;
        LirVal from = lir_op2(w->fn, LIR_ADD, at, low_ci(w, i * w->red_bytes));
        LirVal v = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = (uint8_t)r->dt, .lanes = (uint8_t)take, .ref = -1, .a = {from},
                                          .imm.i = take * dt_bytes(r->dt)});
        v = take > 1 ? lir_op1(w->fn, fold_op(r->kind), v) : v;
        all = all ? lir_op2(w->fn, merge_op(r->kind), all, v) : v;
        i += take;
    }
    return all;
}

static void exchange(Low *w, Red *r, LirVal *total, uint32_t n)
{
    LirVal warp = lir_op2(w->fn, LIR_DIV, w->lane, low_ci(w, 32));
    LirVal first = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, w->lane, low_ci(w, 31)), low_ci(w, 0));
    for (uint32_t i = 0; i < n; i++) {
        LirVal at = lir_op2(w->fn, LIR_ADD, exchange_at(w, i, n), lir_op2(w->fn, LIR_MUL, warp, low_ci(w, w->red_bytes)));
        lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {at, total[i], first}, .imm.i = dt_bytes(r[i].dt)});
    }
    group_barrier(w);
    for (uint32_t i = 0; i < n; i++)
        total[i] = read_partials(w, &r[i], exchange_at(w, i, n));
    w->events++;
}

/* The value that the tile IR's reduction has, from the last total. */
static void deliver(Low *w, const Red *r, LirVal v)
{
    const TirOp *o = &w->tir->ops[r->op];
    if ((o->op == TIR_LSE || o->op == TIR_ARGMAX) && !r->step) {
        w->red_value[r->op] = v;
        return;
    }
    if (o->op == TIR_LSE)
        v = lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_LOG, v), finite_max(w, w->red_value[r->op]));
    if (o->op == TIR_ARGMAX)
        v = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, v, low_ci(w, INT32_MAX)), low_ci(w, -1), v);
    w->scalar[r->op] = lir_cast(w->fn, o->dt, v);
}

void low_red_finish(Low *w, Red *r, uint32_t n)
{
    LirVal total[LOW_MAX_RED];
    for (uint32_t i = 0; i < n; i++)
        total[i] = warp_total(w, &r[i], lane_total(w, &r[i]));
    if (n && w->s->lanes > 32)
        exchange(w, r, total, n);
    for (uint32_t i = 0; i < n; i++)
        deliver(w, &r[i], total[i]);
}

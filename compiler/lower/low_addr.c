/* low_addr.c: addresses of rows and vectors, and which part of a vector lies inside the row.
 *
 * Lane l holds, as its vector k, the elements (k*lanes + l)*vec .. +vec of the row (in a loop, from the turn's first
 * element on).  Under align=shift vector 0 of lane 0 is the first that is aligned in memory: see low_edge.c.  Row bases are 64-bit;
 * positions inside a row are 32-bit.
 */
#include "low.h"

LirVal low_ci(Low *w, int64_t v) { return lir_ci(w->fn, DT_I32, v); }

LirVal low_mul_i64(Low *w, LirVal v, int64_t by)
{
    return lir_op2(w->fn, LIR_MUL, lir_cast(w->fn, DT_I64, v), lir_ci(w->fn, DT_I64, by));
}

static LirVal stride(Low *w, uint16_t tensor, uint16_t dim)
{
    return low_word(w, DT_I64, (LirWord){LIR_W_STRIDE, tensor, dim});
}

/* First element of this lane's vector 0, in elements of the row. */
LirVal low_lane_first(Low *w)
{
    LirVal e = lir_op2(w->fn, LIR_MUL, w->at, low_ci(w, w->s->vec));
    return w->head ? lir_op2(w->fn, LIR_ADD, e, w->first) : e;
}

LirVal low_position(Low *w)
{
    if (w->edge)
        return w->edge_at;
    LirVal e = lir_op2(w->fn, LIR_ADD, low_lane_first(w), low_ci(w, (int64_t)w->k * w->lanes * w->s->vec));
    return w->turn ? lir_op2(w->fn, LIR_ADD, e, w->turn) : e;
}

static bool rowlen_const(const Low *w, int64_t *n)
{
    *n = w->s->n;
    return w->s->len == LEN_EXACT;
}

/* Is vector k, or each that it stands for in a loop, inside the row for every lane, wherever that begins? */
static bool surely_inside(const Low *w)
{
    int first = w->turn_k ? w->turn_from + w->k : w->k, last = w->turn_k ? w->turn_to - w->s->unroll + w->k : w->k;
    int64_t n, block = (int64_t)w->lanes * w->s->vec, end = (last + 1) * block;
    if (w->inside || w->masked)
        return w->inside;
    if (!rowlen_const(w, &n))
        return false;
    if (w->s->line && !first)               /* it may stand before the head */
        return false;
    if (w->s->align == ALIGN_SHIFT)         /* of the body, which is shortest where the head is longest */
        return !w->s->split && end <= n + 1 - 2 * w->s->vec;
    if (w->s->split)
        return w->s->align == ALIGN_VEC && n % (block * w->s->per) == 0;
    return end <= n;
}

void low_mask(Low *w)
{
    w->mask = (Mask){MASK_FULL, 0, 0, 0};
    if (w->edge) {
        w->mask = (Mask){MASK_WHOLE, w->edge_in, 0, 0};
        return;
    }
    if (surely_inside(w))
        return;
    LirVal e = low_position(w);
    if (w->s->vec == 1 || !w->host) {
        LirVal in = lir_op2(w->fn, LIR_LT, e, w->body ? w->body : w->rowlen);
        in = low_and(w, in, w->s->line && (w->turn || !w->k) ? lir_op2(w->fn, LIR_GE, e, w->head) : 0);
        w->mask = (Mask){MASK_WHOLE, in, 0, 0};
    }
    else
        w->mask = (Mask){MASK_PART, 0, low_ci(w, 0), lir_op2(w->fn, LIR_SUB, w->rowlen, e)};
}

LirVal low_inside(Low *w, LirVal x, LirVal none)
{
    if (w->mask.kind == MASK_FULL)
        return x;
    if (w->mask.kind == MASK_WHOLE)
        return lir_op3(w->fn, LIR_SELECT, w->mask.in, x, none);
    LirVal steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)w->vec, .ref = -1});
    LirVal in = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, steps, w->mask.lo), lir_op2(w->fn, LIR_LT, steps, w->mask.hi));
    return lir_op3(w->fn, LIR_SELECT, in, x, none);
}

static LirVal index_elements(Low *w, const TirOp *o, uint32_t dim)
{
    const TirIndex *x = &w->tir->ix[o->ix + dim];
    if (x->kind == TIR_IX_SCALAR)
        return low_scalar(w, x->val);
    LirVal start = x->val ? low_scalar(w, x->val) : 0;
    if (x->axis == w->rv->row_axis)
        return start;
    LirVal at = 0;
    for (uint32_t i = 0; i < w->rv->npromoted; i++)
        if (w->rv->promoted[i] == x->axis)
            at = low_mul_i64(w, w->coord[w->rv->npars + i], x->step ? x->step : 1);
    return start ? lir_op2(w->fn, LIR_ADD, start, at) : at;
}

LirVal low_base(Low *w, const TirOp *o, const RowMem *m)
{
    int bytes = dt_bytes(w->tir->tensors[o->ref].dt);
    LirVal at = 0;
    for (uint32_t i = 0; i < o->nix; i++) {
        LirVal e = index_elements(w, o, i);
        if (!e)
            continue;
        if (!m || m->row_dim != (int)i || w->s->align == ALIGN_SCALAR)
            e = lir_op2(w->fn, LIR_MUL, lir_cast(w->fn, DT_I64, e), stride(w, o->ref, (uint16_t)i));
        at = at ? lir_op2(w->fn, LIR_ADD, at, lir_cast(w->fn, DT_I64, e)) : lir_cast(w->fn, DT_I64, e);
    }
    LirVal base = low_word(w, DT_I64, (LirWord){LIR_W_PTR, o->ref, 0});
    if (at)
        base = lir_op2(w->fn, LIR_ADD, base, low_mul_i64(w, at, bytes));
    if (m && w->s->align != ALIGN_SCALAR)
        base = lir_op2(w->fn, LIR_ADD, base, low_mul_i64(w, low_lane_first(w), bytes));
    return base;
}

LirVal low_vec_addr(Low *w, LirVal base, const RowMem *m, int bytes)
{
    if (w->edge)
        return lir_op2(w->fn, LIR_ADD, base, low_mul_i64(w, low_edge_step(w), bytes));
    int64_t k_bytes = (int64_t)w->k * w->lanes * w->s->vec * bytes;
    if (w->s->align == ALIGN_SCALAR && m) {
        LirVal e = low_mul_i64(w, low_position(w), (int64_t)m->step * bytes);
        return lir_op2(w->fn, LIR_ADD, base, lir_op2(w->fn, LIR_MUL, e, stride(w, m->tensor, (uint16_t)m->row_dim)));
    }
    if (w->turn)
        base = lir_op2(w->fn, LIR_ADD, base, low_mul_i64(w, w->turn, bytes));
    return lir_op2(w->fn, LIR_ADD, base, lir_ci(w->fn, DT_I64, k_bytes));
}

/* Alignment that the variant's conditions promise for a vector of this tensor. */
int low_align(const Low *w, int bytes)
{
    int whole = w->s->vec * bytes;
    if (w->s->align == ALIGN_SCALAR || w->edge)
        return bytes;
    if (w->host)
        return w->s->hint == HINT_STREAM ? (whole < 64 ? whole : 64) : bytes;
    return whole < 16 ? whole : 16;
}

static uint8_t load_flags(const Low *w, const RowMem *m)
{
    if (w->host || w->s->hint == HINT_NONE || w->s->hint == HINT_NEAR)
        return 0;
    return m->inst ? LIR_F_STREAM : w->s->hint == HINT_KEEP ? LIR_F_KEEP : 0;
}

/* What all rows share, and each meets at another element: the elements of an aligned unit, 0 elsewhere.  Of 8 bytes: one load more than of 16, and
 * five selects fewer. */
int low_window(const Low *w, const RowMem *m, int bytes)
{
    int whole = w->s->vec * bytes < 8 ? w->s->vec * bytes : 8;
    return w->s->align == ALIGN_SHIFT && !m->inst && w->vec > 1 ? whole / bytes : 0;
}

/* i32 elements by which the vector begins behind its unit's boundary. */
static LirVal window_at(Low *w, int unit) { return lir_op2(w->fn, LIR_AND, w->head, low_ci(w, unit - 1)); }

LirVal low_load_raw(Low *w, LirVal base, const RowMem *m, DType dt, LirVal guard)
{
    int bytes = dt_bytes(dt), unit = low_window(w, m, bytes);
    LirVal addr = low_vec_addr(w, base, m, bytes), zero = low_ci(w, 0);
    if (unit)
        addr = lir_op2(w->fn, LIR_SUB, addr, low_mul_i64(w, window_at(w, unit), bytes));
    LirOp o = {.op = LIR_LDG, .dt = dt, .lanes = (uint8_t)(w->vec + unit), .ref = (int16_t)m->tensor, .flags = load_flags(w, m),
               .a = {addr}, .imm.i = unit ? unit * bytes : low_align(w, bytes), .sp = w->tir->ops[m->op].sp};
    if (w->mask.kind == MASK_PART) {
        o.op = LIR_LDGM;
        o.a[1] = w->mask.lo;
        o.a[2] = guard ? lir_op3(w->fn, LIR_SELECT, guard, w->mask.hi, zero) : w->mask.hi;
    } else if (w->mask.kind == MASK_WHOLE || guard) {
        o.op = LIR_LDGP;
        o.a[1] = low_and(w, w->mask.kind == MASK_WHOLE ? w->mask.in : 0, guard);
    }
    return lir_add(w->fn, o);
}

LirVal low_settle(Low *w, const RowMem *m, LirVal raw)
{
    DType dt = lir_dt(w->fn, raw);
    int unit = low_window(w, m, dt_bytes(dt));
    if (!unit)
        return raw;
    return lir_add(w->fn, (LirOp){.op = LIR_SLIDE, .dt = dt, .lanes = (uint8_t)w->vec, .ref = -1, .a = {raw, window_at(w, unit)}, .sp = w->tir->ops[m->op].sp});
}

LirVal low_load_vec(Low *w, LirVal base, const RowMem *m, DType dt, LirVal guard)
{
    return low_settle(w, m, low_load_raw(w, base, m, dt, guard));
}

void low_store_vec(Low *w, LirVal base, const RowMem *m, LirVal v, LirVal guard)
{
    DType dt = lir_dt(w->fn, v);
    int bytes = dt_bytes(dt);
    LirVal addr = low_vec_addr(w, base, m, bytes), zero = low_ci(w, 0);
    v = lir_splat(w->fn, v, w->vec);
    LirOp o = {.op = LIR_STG, .ref = (int16_t)m->tensor, .flags = w->s->hint == HINT_STREAM ? LIR_F_STREAM : 0,
               .a = {addr, v}, .imm.i = low_align(w, bytes), .sp = w->tir->ops[m->op].sp};
    if (w->mask.kind == MASK_PART) {
        o.op = LIR_STGM;
        o.a[2] = w->mask.lo;
        o.a[3] = guard ? lir_op3(w->fn, LIR_SELECT, guard, w->mask.hi, zero) : w->mask.hi;
    } else if (w->mask.kind == MASK_WHOLE || guard) {
        o.op = LIR_STGP;
        o.a[2] = low_and(w, w->mask.kind == MASK_WHOLE ? w->mask.in : 0, guard);
    }
    lir_add(w->fn, o);
}

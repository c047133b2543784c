/* low_value.c: values of the tile IR as values of the lowered IR.
 *
 * Scalars of an instance are computed once per instance; row values once per vector and phase, from packed loads: a row
 * value needed in two phases is computed twice, only its loads are kept.  16-bit float arithmetic is done in f32 and rounded.
 */
#include "low.h"

static LirOpcode opcode(TirOpcode op)
{
    switch (op) {
#define SAME(X) X(NEG) X(ABS) X(NOT) X(EXP) X(EXP2) X(LOG) X(LOG2) X(LOG1P) X(SQRT) X(RSQRT) X(RCP) X(TANH) X(SIGMOID) X(ERF) \
    X(SIN) X(COS) X(FLOOR) X(CEIL) X(ROUND) X(POW) X(ISNAN) X(ISINF) X(ADD) X(SUB) X(MUL) X(DIV) X(REM) X(MIN) X(MAX) X(AND) \
    X(OR) X(XOR) X(SHL) X(SHR) X(EQ) X(NE) X(LT) X(LE) X(GT) X(GE) X(SELECT) X(FMA)
#define CASE(n) case TIR_##n: return LIR_##n;
    SAME(CASE)
#undef CASE
#undef SAME
    default: return LIR_NOP;
    }
}

static bool narrow(DType t) { return t == DT_F16 || t == DT_BF16; }

static LirVal widen(Low *w, LirVal v) { return v && narrow(lir_dt(w->fn, v)) ? lir_cast(w->fn, DT_F32, v) : v; }

LirVal low_arith(Low *w, TirOpcode op, DType dt, LirVal a, LirVal b, LirVal c)
{
    LirOpcode o = opcode(op);
    a = widen(w, a);
    b = widen(w, b);
    c = widen(w, c);
    LirVal v = c ? lir_op3(w->fn, o, a, b, c) : b ? lir_op2(w->fn, o, a, b) : lir_op1(w->fn, o, a);
    return narrow(dt) ? lir_cast(w->fn, dt, v) : v;
}

LirVal low_and(Low *w, LirVal a, LirVal b)
{
    if (!a || !b)
        return a ? a : b;
    return lir_op2(w->fn, LIR_AND, a, b);
}

LirVal low_guard(Low *w, TirVal v)
{
    LirVal all = w->active;
    for (TirVal at = v; w->rv->guard[at] && !w->listed; at = w->rv->guard[at]) {
        LirVal c = low_scalar(w, w->tir->ops[w->rv->guard[at]].a[0]);
        all = low_and(w, all, w->rv->guard_else[at] ? lir_op1(w->fn, LIR_NOT, c) : c);
    }
    return all;
}

/* (c + sum k*dim) / den as i64, from the dim words. */
LirVal low_extent(Low *w, TirExt e)
{
    if (w->s->len == LEN_EXACT && w->rv->row_axis != UINT32_MAX && tir_ext_eq(e, row_view_ext(w->rv)))
        return lir_ci(w->fn, DT_I64, w->s->n);
    LirVal sum = lir_ci(w->fn, DT_I64, e.c);
    for (uint32_t i = 0; i < TIR_MAX_DIMS; i++) {
        if (!e.k[i])
            continue;
        LirVal dim = low_word(w, DT_I64, (LirWord){LIR_W_DIM, (uint16_t)i, 0});
        sum = lir_op2(w->fn, LIR_ADD, sum, lir_op2(w->fn, LIR_MUL, dim, lir_ci(w->fn, DT_I64, e.k[i])));
    }
    return e.den == 1 ? sum : lir_op2(w->fn, LIR_DIV, sum, lir_ci(w->fn, DT_I64, e.den));
}

static LirVal constant(Low *w, const TirOp *o)
{
    if (dt_is_float(o->dt))
        return narrow(o->dt) ? lir_cast(w->fn, o->dt, lir_cf(w->fn, DT_F32, 1, o->imm.f)) : lir_cf(w->fn, o->dt, 1, o->imm.f);
    return lir_ci(w->fn, o->dt, o->imm.i);
}

static LirVal scalar_load(Low *w, TirVal v, LirVal also)
{
    const TirOp *o = &w->tir->ops[v];
    LirVal here = low_aside_found(w, o);
    if (here)
        return here;
    LirVal base = low_base(w, o, NULL);
    LirVal guard = low_and(w, w->rv->guard[v] ? low_guard(w, v) : 0, also);
    LirOp ld = {.op = guard ? LIR_LDGP : LIR_LDG, .dt = o->dt, .lanes = 1, .ref = (int16_t)o->ref, .a = {base, guard},
                .imm.i = dt_bytes(o->dt), .sp = o->sp};
    return lir_add(w->fn, ld);
}

static LirVal coordinate(Low *w, const TirOp *o)
{
    if (o->op == TIR_COORD)
        return w->coord[o->ref - w->rv->first_par];
    for (uint32_t i = 0; i < w->rv->npromoted; i++)
        if (w->rv->promoted[i] == o->ref)
            return w->coord[w->rv->npars + i];
    return 0;
}

static LirVal emit_scalar(Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    LirVal sum = low_scalar_apart(w, v);
    if (sum)
        return sum;
    switch (o->op) {
    case TIR_CONST:  return constant(w, o);
    case TIR_PARAM:  return low_word(w, o->dt, (LirWord){LIR_W_SCALAR, o->ref, 0});
    case TIR_EXTENT: return lir_cast(w->fn, o->dt, low_extent(w, *o->ext));
    case TIR_COORD:
    case TIR_IOTA:   return lir_cast(w->fn, o->dt, coordinate(w, o));
    case TIR_CAST:   return lir_cast(w->fn, o->dt, low_scalar(w, o->a[0]));
    case TIR_LOAD:   return scalar_load(w, v, 0);
    default: {
        LirVal r = low_arith(w, o->op, o->dt, low_scalar(w, o->a[0]), o->a[1] ? low_scalar(w, o->a[1]) : 0, o->a[2] ? low_scalar(w, o->a[2]) : 0);
        if (o->dt == DT_F32 && (o->op == TIR_ADD || o->op == TIR_SUB || o->op == TIR_MUL))
            w->fn->ops[r].flags |= LIR_F_EXACT;      /* few and far from the memory: they round one by one, as the spec has them */
        return r;
    }
    }
}

/* What one lane reads, before it is given to all; those for which `if_` holds (all, where it is 0). */
LirVal low_scalar_raw(Low *w, TirVal v, LirVal if_) { return scalar_load(w, v, if_); }

LirVal low_scalar(Low *w, TirVal v)
{
    if (!w->scalar[v])
        w->scalar[v] = emit_scalar(w, v);
    return w->scalar[v];
}

/* Emits every scalar that can be had before phase p, so that they stand outside the loops over the row. */
void low_scalars_of_phase(Low *w, int p)
{
    for (TirVal v = 1; v < w->tir->nops; v++) {
        const TirOp *o = &w->tir->ops[v];
        TirOpKind kind = tir_op_kind(o->op);
        bool value = kind == TIR_K_LEAF || kind == TIR_K_ELEM || kind == TIR_K_CMP || kind == TIR_K_CAST || o->op == TIR_LOAD;
        if (value && !w->rv->is_row[v] && w->rv->phase[v] <= p && !(w->waits && w->waits[v]))
            low_scalar(w, v);
    }
}

static bool is_place(const Low *w, TirVal v)     /* iota along the row, as i32 */
{
    const TirOp *o = &w->tir->ops[v];
    return o->op == TIR_CAST && o->dt == DT_I32 && w->rv->is_row[v] && w->tir->ops[o->a[0]].op == TIR_IOTA;
}

TirVal low_single(const Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v], *eq = &w->tir->ops[o->a[0]];
    if (o->op != TIR_SELECT || w->host || eq->op != TIR_EQ || w->vec == 1 || w->rv->is_row[o->a[1]] || !w->rv->is_row[o->a[2]])
        return 0;
    TirVal t = is_place(w, eq->a[0]) ? eq->a[1] : is_place(w, eq->a[1]) ? eq->a[0] : 0;
    return t && !w->rv->is_row[t] && w->tir->ops[t].dt == DT_I32 ? t : 0;
}

/* A select of one element at most takes no comparison for each. 0: another select. */
static LirVal one_element(Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    TirVal t = low_single(w, v);
    if (!t || w->elsewhere)
        return t ? low_row(w, o->a[2]) : 0;
    LirVal at = lir_op2(w->fn, LIR_SUB, low_scalar(w, t), low_position(w)), b = lir_splat(w->fn, low_row(w, o->a[2]), w->vec);
    return lir_add(w->fn, (LirOp){.op = LIR_INSERT, .dt = o->dt, .lanes = (uint8_t)w->vec, .ref = -1, .a = {b, low_scalar(w, o->a[1]), at}, .sp = o->sp});
}

/* exp(x - s - ..) with scalars s, for 16-bit results that no reduction sums in f32: 2**(x*log2(e) - c), one fma. 0: another exp, or one
 * element at a time, where there is time to take x - s first: of equals it is 0 exactly. */
static LirVal exp_shifted(Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    TirVal x = o->a[0];
    LirVal by = 0;
    if (w->host || w->s->vec == 1 || w->rv->summed[v] || o->dt != DT_F32)
        return 0;
    for (; w->tir->ops[x].op == TIR_SUB && w->rv->is_row[w->tir->ops[x].a[0]] && !w->rv->is_row[w->tir->ops[x].a[1]]; x = w->tir->ops[x].a[0]) {
        LirVal s = low_scalar(w, w->tir->ops[x].a[1]);
        by = by ? lir_op2(w->fn, LIR_ADD, by, s) : s;
    }
    if (!by || !w->rv->is_row[x])
        return 0;
    LirVal log2e = lir_cf(w->fn, DT_F32, 1, LOW_LOG2E), c = lir_op1(w->fn, LIR_NEG, lir_op2(w->fn, LIR_MUL, by, log2e));
    LirVal e = lir_splat(w->fn, low_row(w, x), w->vec), k = lir_splat(w->fn, log2e, w->vec);
    return lir_op1(w->fn, LIR_EXP2, lir_op3(w->fn, LIR_FMA, e, k, lir_splat(w->fn, c, w->vec)));
}

/* The 16-bit float that op v widens, 0 for another op. */
static TirVal widened(const Low *w, TirVal v, DType from)
{
    const TirOp *o = &w->tir->ops[v];
    return o->op == TIR_CAST && o->dt == DT_F32 && w->tir->ops[o->a[0]].dt == from ? o->a[0] : 0;
}

/* T(f32(a) + f32(b)), and with - and *, of a 16-bit T. */
static const TirOp *rounded_once(const Low *w, const TirOp *o)
{
    const TirOp *f = &w->tir->ops[o->a[0]];
    bool fits = o->op == TIR_CAST && narrow(o->dt) && f->dt == DT_F32 && (f->op == TIR_ADD || f->op == TIR_SUB || f->op == TIR_MUL);
    return fits && !w->host ? f : NULL;
}

static bool is_param(const Low *w, TirVal v) { return w->tir->ops[v].op == TIR_PARAM && w->tir->ops[v].dt == DT_F32; }

/* Does o add a run-time scalar to a row of 16-bit floats, to be one again?  The scalar, or 0. */
static TirVal added_scalar(const Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v], *f = rounded_once(w, o);
    if (!f || !w->rv->is_row[v] || f->op == TIR_MUL)
        return 0;
    return is_param(w, f->a[0]) && widened(w, f->a[1], o->dt) ? f->a[0] : is_param(w, f->a[1]) && widened(w, f->a[0], o->dt) ? f->a[1] : 0;
}

LirVal low_narrow_scalar(Low *w)
{
    for (TirVal v = 1; v < w->tir->nops; v++) {
        TirVal s = added_scalar(w, v);
        if (s)
            return lir_op2(w->fn, LIR_EQ, lir_cast(w->fn, DT_F32, lir_cast(w->fn, w->tir->ops[v].dt, low_scalar(w, s))), low_scalar(w, s));
    }
    return 0;
}

/* One rounding of the same number, which GPUs have in pairs.  0: another cast. */
static LirVal rounded_pairs(Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v], *f = rounded_once(w, o);
    LirVal x[2] = {0};
    for (int i = 0; f && i < 2; i++) {
        TirVal a = widened(w, f->a[i], o->dt);
        bool scalar = w->narrow_scalar && f->a[i] == added_scalar(w, v);
        if (!a && !scalar)
            return 0;
        x[i] = scalar ? lir_cast(w->fn, o->dt, low_scalar(w, f->a[i])) : low_row(w, a);
    }
    return f ? lir_op2(w->fn, opcode(f->op), x[0], x[1]) : 0;
}

static bool less_scalar(const Low *w, const TirOp *o) { return o->op == TIR_SUB && o->dt == DT_F32 && w->rv->is_row[o->a[0]] && !w->rv->is_row[o->a[1]]; }

/* A row less a scalar that stands apart, and perhaps another scalar: x - s is (x - hi) - rest, without the rounding of a large hi + rest, which exp
 * would make much of.  0: another difference. */
static LirVal less_apart(Low *w, const TirOp *o)
{
    const TirOp *in = &w->tir->ops[o->a[0]];
    LirVal rest, hi, more = 0;
    if (!w->fn->precise || !less_scalar(w, o))
        return 0;
    if (less_scalar(w, in))
        more = low_scalar(w, o->a[1]), o = in;
    hi = low_apart(w, o->a[1], &rest);
    if (!rest)
        return 0;
    rest = more ? lir_op2(w->fn, LIR_ADD, rest, more) : rest;
    return low_arith(w, TIR_SUB, DT_F32, low_arith(w, TIR_SUB, DT_F32, low_row(w, o->a[0]), hi, 0), rest, 0);
}

/* exp(x - s) with a scalar s that stands apart: exp(x - value) * share.  0: another exp. */
static LirVal exp_apart(Low *w, const TirOp *o)
{
    const TirOp *x = &w->tir->ops[o->a[0]];
    if (!less_scalar(w, x))
        return 0;
    LirVal rest, hi = low_apart(w, x->a[1], &rest), share = w->red_share[x->a[1]];
    if (!rest || !share)
        return 0;
    return low_arith(w, TIR_MUL, DT_F32, low_arith(w, TIR_EXP, DT_F32, low_arith(w, TIR_SUB, DT_F32, low_row(w, x->a[0]), hi, 0), 0, 0), share, 0);
}

static LirVal exp_of_row(Low *w, TirVal v) { return w->fn->precise ? exp_apart(w, &w->tir->ops[v]) : exp_shifted(w, v); }

static LirVal emit_row(Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    LirVal special = o->op == TIR_SELECT ? one_element(w, v) : o->op == TIR_EXP ? exp_of_row(w, v) : o->op == TIR_SUB ? less_apart(w, o) : rounded_pairs(w, v);
    if (special)
        return special;
    switch (o->op) {
    case TIR_LOAD:
        for (uint32_t i = 0; i < w->rv->nload; i++)
            if (w->rv->load[i].op == v)
                return low_kept_load(w, i);
        return 0;
    case TIR_IOTA: {
        LirVal steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)w->vec, .ref = -1, .sp = o->sp});
        return lir_cast(w->fn, o->dt, lir_op2(w->fn, LIR_ADD, low_position(w), steps));
    }
    case TIR_CAST:
        return lir_cast(w->fn, o->dt, low_row(w, o->a[0]));
    default:
        return low_arith(w, o->op, o->dt, low_row(w, o->a[0]), o->a[1] ? low_row(w, o->a[1]) : 0, o->a[2] ? low_row(w, o->a[2]) : 0);
    }
}

LirVal low_row(Low *w, TirVal v)
{
    if (!w->rv->is_row[v])
        return low_scalar(w, v);
    if (!w->row[v])
        w->row[v] = emit_row(w, v);
    return w->row[v];
}

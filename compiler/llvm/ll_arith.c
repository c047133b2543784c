/* ll_arith.c: elementwise operations: integer and float arithmetic, comparisons, selects.
 *
 * In: operands in parts, all of one shape.  Out: the same.  16-bit floats are widened to f32 and rounded back.  Shifts
 * count modulo the width, so that no lowered operation is undefined in LLVM.
 */
#include "ll_int.h"

static LLVMValueRef icmp(Ll *l, LLVMIntPredicate p, LLVMValueRef a, LLVMValueRef b) { return LLVMBuildICmp(l->b, p, a, b, ""); }

static LLVMValueRef shift(Ll *l, bool left, DType dt, LLVMValueRef a, LLVMValueRef n)
{
    n = LLVMBuildAnd(l->b, n, ll_ic(LLVMTypeOf(n), dt_bytes(dt) * 8 - 1), "");
    if (left)
        return LLVMBuildShl(l->b, a, n, "");
    return dt_is_signed(dt) ? LLVMBuildAShr(l->b, a, n, "") : LLVMBuildLShr(l->b, a, n, "");
}

static LLVMValueRef compare_float(Ll *l, LirOpcode op, LLVMValueRef a, LLVMValueRef b)
{
    static const LLVMRealPredicate p[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT, LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
    return ll_fcmp(l, p[op - LIR_EQ], a, b);
}

static LLVMValueRef compare_int(Ll *l, LirOpcode op, DType dt, LLVMValueRef a, LLVMValueRef b)
{
    static const LLVMIntPredicate s[] = {LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate u[] = {LLVMIntEQ, LLVMIntNE, LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    if (l->t && dt_is_signed(dt) && op == LIR_LT)
        return ll_int_less(l, a, b);
    if (l->t && dt_is_signed(dt) && op == LIR_GE)
        return ll_int_not(l, ll_int_less(l, a, b));
    return icmp(l, (dt_is_signed(dt) ? s : u)[op - LIR_EQ], a, b);
}

static LLVMValueRef minmax_int(Ll *l, LirOpcode op, DType dt, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef one = dt_is_signed(dt) ? ll_int_bound(l, op == LIR_MIN, a, b) : NULL;
    if (one)
        return one;
    if (op == LIR_MIN)
        return ll_intr2(l, dt_is_signed(dt) ? "llvm.smin" : "llvm.umin", a, b);
    return ll_intr2(l, dt_is_signed(dt) ? "llvm.smax" : "llvm.umax", a, b);
}

static LLVMValueRef arith_int(Ll *l, LirOpcode op, DType dt, LLVMValueRef *a, Span sp)
{
    switch (op) {
    case LIR_ADD: return ll_int_add(l, a[0], a[1]);
    case LIR_SUB: return ll_int_sub(l, a[0], a[1]);
    case LIR_MUL: return ll_int_mul(l, a[0], a[1]);
    case LIR_FMA: return ll_int_add(l, ll_int_mul(l, a[0], a[1]), a[2]);
    case LIR_DIV: return ll_int_div(l, false, dt, a[0], a[1]);
    case LIR_REM: return ll_int_div(l, true, dt, a[0], a[1]);
    case LIR_MIN:
    case LIR_MAX: return minmax_int(l, op, dt, a[0], a[1]);
    case LIR_SHL: return shift(l, true, dt, a[0], a[1]);
    case LIR_SHR: return shift(l, false, dt, a[0], a[1]);
    case LIR_NEG: return LLVMBuildNeg(l->b, a[0], "");
    case LIR_ABS: {
        LLVMValueRef neg = LLVMBuildNeg(l->b, a[0], "");
        return dt_is_signed(dt) ? ll_intr2(l, "llvm.smax", a[0], neg) : a[0];
    }
    case LIR_FLOOR:
    case LIR_CEIL:
    case LIR_ROUND: return a[0];
    case LIR_ISNAN:
    case LIR_ISINF: return LLVMConstNull(ll_like(l->ty.i1, LLVMTypeOf(a[0])));
    default: ll_fail(l, DIAG_BUG, LG_EMIT, sp, "%s of %s", lir_op_name(op), dt_name(dt));
    }
}

static LLVMValueRef arith_float(Ll *l, LirOpcode op, LLVMValueRef *a, Span sp)
{
    switch (op) {
    case LIR_ADD:   return ll_fadd(l, a[0], a[1]);
    case LIR_SUB:   return ll_fsub(l, a[0], a[1]);
    case LIR_MUL:   return ll_fmul(l, a[0], a[1]);
    case LIR_FMA:   return ll_fma(l, a[0], a[1], a[2]);
    case LIR_MIN:   return ll_intr2(l, "llvm.minimum", a[0], a[1]);
    case LIR_MAX:   return ll_intr2(l, "llvm.maximum", a[0], a[1]);
    case LIR_NEG:   return LLVMBuildFNeg(l->b, a[0], "");
    case LIR_ABS:   return ll_intr1(l, "llvm.fabs", a[0]);
    case LIR_FLOOR: return ll_intr1(l, "llvm.floor", a[0]);
    case LIR_CEIL:  return ll_intr1(l, "llvm.ceil", a[0]);
    case LIR_ROUND: return ll_intr1(l, "llvm.roundeven", a[0]);
    case LIR_ISNAN: return ll_fcmp(l, LLVMRealUNO, a[0], a[0]);
    case LIR_ISINF: return ll_fcmp(l, LLVMRealOEQ, ll_intr1(l, "llvm.fabs", a[0]), ll_fc(l, a[0], __builtin_inf()));
    default:        return ll_math(l, op, a[0], a[1], sp);
    }
}

/* Signs of zero matter to nobody but min and max, and LLVM's own rules for flags on them are strict: no flags there. */
LLVMValueRef ll_arith(Ll *l, LirOpcode op, DType dt, LLVMValueRef *a, Span sp)
{
    if (op == LIR_AND)
        return ll_int_and(l, a[0], a[1]);
    if (op == LIR_OR)
        return LLVMBuildOr(l->b, a[0], a[1], "");
    if (op == LIR_XOR)
        return LLVMBuildXor(l->b, a[0], a[1], "");
    if (op == LIR_NOT)
        return ll_int_not(l, a[0]);
    if (op >= LIR_EQ && op <= LIR_GE)
        return dt_is_float(dt) ? compare_float(l, op, a[0], a[1]) : compare_int(l, op, dt, a[0], a[1]);
    return dt_is_float(dt) ? arith_float(l, op, a, sp) : arith_int(l, op, dt, a, sp);
}

/* Packed 16-bit values are chosen element by element when the condition differs between elements. */
static LlVal select_lanes(Ll *l, LlVal c, LlVal a, LlVal b)
{
    LLVMValueRef e[256];
    for (unsigned i = 0; i < a.lanes; i++)
        e[i] = ll_sel(l, ll_lane(l, c, c.lanes == 1 ? 0 : i), ll_lane(l, a, i), ll_lane(l, b, i));
    return ll_from_lanes(l, a.dt, a.lanes, e);
}

static LlVal select_value(Ll *l, const LirOp *o)
{
    LlVal c = ll_arg(l, o, 0);
    LlVal a = ll_value_splat(l, ll_arg(l, o, 1), o->lanes), b = ll_value_splat(l, ll_arg(l, o, 2), o->lanes);
    if (c.lanes != 1 && ll_packed(l, a.dt, a.lanes))
        return select_lanes(l, c, a, b);
    LlVal r = ll_new(l, o->dt, o->lanes);
    for (unsigned i = 0; i < r.n; i++)
        r.p[i] = ll_sel(l, c.p[c.lanes == 1 ? 0 : i], a.p[i], b.p[i]);
    return r;
}



static LlVal bits_value(Ll *l, const LirOp *o)
{
    LlVal a = ll_arg(l, o, 0), r = ll_new(l, o->dt, o->lanes);
    if (ll_packed(l, a.dt, a.lanes) != ll_packed(l, o->dt, o->lanes))
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "bits of %s as %s", dt_name(a.dt), dt_name(o->dt));
    for (unsigned i = 0; i < r.n; i++)
        r.p[i] = LLVMBuildBitCast(l->b, a.p[i], ll_part_type(l, o->dt, o->lanes), "");
    return r;
}

/* Packed pairs as the target's own instructions take them: what f32 would give, rounded, is the same number.  False: in f32. */
static bool in_pairs(Ll *l, const LirOp *o, LlVal *r)
{
    bool fits = l->hooks->pair && lir_op_nargs(o->op) == 2 && ll_narrow(o->dt) && ll_packed(l, o->dt, o->lanes);
    LlVal a[2];
    for (int i = 0; fits && i < 2; i++) {
        a[i] = ll_value_splat(l, ll_arg(l, o, i), o->lanes);
        fits = a[i].dt == o->dt;
    }
    for (unsigned i = 0; fits && i < ll_part_count(l, o->dt, o->lanes); i++) {
        LLVMValueRef p = l->hooks->pair(l, o->op, o->dt, a[0].p[i], a[1].p[i]);
        if (!p)
            return false;
        if (!i)
            *r = ll_new(l, o->dt, o->lanes);
        r->p[i] = p;
    }
    return fits;
}

LlVal ll_each(Ll *l, LirOpcode op, DType dt, const LlVal *a, int n, Span sp)
{
    LlVal r = ll_new(l, dt, a[0].lanes);
    for (unsigned i = 0; i < r.n; i++) {
        LLVMValueRef p[3] = {a[0].p[i], n > 1 ? a[1].p[i] : NULL, n > 2 ? a[2].p[i] : NULL};
        r.p[i] = ll_arith(l, op, a[0].dt, p, sp);
    }
    return r;
}

LlVal ll_elementwise(Ll *l, const LirOp *o)
{
    LlVal r;
    if (l->hooks->chain && l->hooks->chain(l, o, l->readers[o - l->fn->ops] == 1, &r))
        return r;
    if (in_pairs(l, o, &r))
        return r;
    if (o->op == LIR_SELECT)
        return select_value(l, o);
    if (o->op == LIR_CAST)
        return ll_cast(l, o->dt, ll_arg(l, o, 0));
    if (o->op == LIR_BITS)
        return bits_value(l, o);
    LlVal a[3];
    int n = lir_op_nargs(o->op);
    for (int i = 0; i < n; i++) {
        a[i] = ll_value_splat(l, ll_arg(l, o, i), o->lanes);
        if (ll_narrow(a[i].dt))
            a[i] = ll_cast_f32(l, a[i]);
    }
    bool back = ll_narrow(o->dt);
    r = ll_each(l, o->op, back ? DT_F32 : o->dt, a, n, o->sp);
    return back ? ll_cast(l, o->dt, r) : r;
}

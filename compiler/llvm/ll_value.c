/* ll_value.c: values of the lowered IR in parts: types, constants, splats, elements, sums over the elements.
 *
 * In: LlVal.  Out: LlVal whose part count and types follow from (dtype, lanes, target family) alone; see ll_int.h.
 */
#include <string.h>
#include "ll_int.h"

bool ll_narrow(DType dt) { return dt == DT_F16 || dt == DT_BF16; }
bool ll_packed(const Ll *l, DType dt, unsigned lanes) { return l->hooks->parts && ll_narrow(dt) && lanes % 2 == 0; }

LLVMTypeRef ll_elem_type(Ll *l, DType dt)
{
    switch (dt) {
    case DT_BOOL: return l->ty.i1;
    case DT_I8:
    case DT_U8:   return l->ty.i8;
    case DT_I32:  return l->ty.i32;
    case DT_I64:  return l->ty.i64;
    case DT_F16:
    case DT_BF16: return l->ty.i16;
    case DT_F32:  return l->ty.f32;
    case DT_F64:  return l->ty.f64;
    default:      return l->ty.i32;
    }
}

LLVMTypeRef ll_part_type(Ll *l, DType dt, unsigned lanes)
{
    if (ll_packed(l, dt, lanes))
        return l->ty.i32;
    LLVMTypeRef e = ll_elem_type(l, dt);
    return l->hooks->parts || lanes == 1 ? e : LLVMVectorType(e, lanes);
}

unsigned ll_part_count(Ll *l, DType dt, unsigned lanes)
{
    if (!l->hooks->parts)
        return 1;
    return ll_packed(l, dt, lanes) ? lanes / 2 : lanes;
}

LlVal ll_new(Ll *l, DType dt, unsigned lanes)
{
    unsigned n = ll_part_count(l, dt, lanes);
    return (LlVal){ARENA_ARRAY(l->a, LLVMValueRef, n), (uint16_t)n, (uint8_t)dt, (uint8_t)lanes};
}

LlVal ll_zero(Ll *l, DType dt, unsigned lanes)
{
    LlVal v = ll_new(l, dt, lanes);
    for (unsigned i = 0; i < v.n; i++)
        v.p[i] = LLVMConstNull(ll_part_type(l, dt, lanes));
    return v;
}

LLVMValueRef ll_lane(Ll *l, LlVal v, unsigned i)
{
    if (!l->hooks->parts)
        return ll_elem(l, v.p[0], i);
    if (!ll_packed(l, v.dt, v.lanes))
        return v.p[i];
    LLVMValueRef w = v.p[i / 2];
    if (i % 2)
        w = LLVMBuildLShr(l->b, w, ll_i32(l, 16), "");
    return LLVMBuildTrunc(l->b, w, l->ty.i16, "");
}

static LLVMValueRef pack_pair(Ll *l, LLVMValueRef lo, LLVMValueRef hi)
{
    lo = LLVMBuildZExt(l->b, lo, l->ty.i32, "");
    hi = LLVMBuildShl(l->b, LLVMBuildZExt(l->b, hi, l->ty.i32, ""), ll_i32(l, 16), "");
    return LLVMBuildOr(l->b, lo, hi, "");
}

LlVal ll_from_lanes(Ll *l, DType dt, unsigned lanes, LLVMValueRef *e)
{
    LlVal v = ll_new(l, dt, lanes);
    if (!l->hooks->parts)
        v.p[0] = ll_vector(l, ll_elem_type(l, dt), e, lanes);
    else
        for (unsigned i = 0; i < v.n; i++)
            v.p[i] = ll_packed(l, dt, lanes) ? pack_pair(l, e[2 * i], e[2 * i + 1]) : e[i];
    return v;
}

LlVal ll_value_splat(Ll *l, LlVal v, unsigned lanes)
{
    if (v.lanes == lanes)
        return v;
    LlVal r = ll_new(l, v.dt, lanes);
    LLVMValueRef one = v.p[0];
    if (!l->hooks->parts)
        one = ll_splat(l, one, lanes);
    else if (ll_packed(l, v.dt, lanes))
        one = pack_pair(l, one, one);
    for (unsigned i = 0; i < r.n; i++)
        r.p[i] = one;
    return r;
}

static LLVMValueRef const_elem(Ll *l, DType dt, double f, int64_t i)
{
    switch (dt) {
    case DT_F16:  return LLVMConstBitCast(LLVMConstReal(l->ty.f16, f), l->ty.i16);
    case DT_BF16: return LLVMConstBitCast(LLVMConstReal(l->ty.bf16, f), l->ty.i16);
    case DT_F32:  return LLVMConstReal(l->ty.f32, f);
    case DT_F64:  return LLVMConstReal(l->ty.f64, f);
    case DT_BOOL: return LLVMConstInt(l->ty.i1, i != 0, 0);
    default:      return LLVMConstInt(ll_elem_type(l, dt), (uint64_t)i, 1);
    }
}

LlVal ll_const(Ll *l, const LirOp *o)
{
    LlVal v = ll_new(l, o->dt, 1);
    v.p[0] = dt_is_float(o->dt) ? const_elem(l, o->dt, o->imm.f, 0) : const_elem(l, o->dt, 0, o->imm.i);
    return ll_value_splat(l, v, o->lanes);
}

static LlVal steps(Ll *l, const LirOp *o)
{
    LLVMValueRef e[256];
    for (unsigned i = 0; i < o->lanes; i++)
        e[i] = const_elem(l, o->dt, i, i);
    return ll_from_lanes(l, o->dt, o->lanes, e);
}

static LlVal concat(Ll *l, LlVal a, LlVal b)
{
    LLVMValueRef e[512];
    for (unsigned i = 0; i < a.lanes; i++)
        e[i] = ll_lane(l, a, i);
    for (unsigned i = 0; i < b.lanes; i++)
        e[a.lanes + i] = ll_lane(l, b, i);
    return ll_from_lanes(l, a.dt, a.lanes + b.lanes, e);
}

/* Upper or lower half of a vector of the host. */
static LLVMValueRef half(Ll *l, LLVMValueRef v, unsigned from, unsigned n)
{
    LLVMValueRef ix[256];
    for (unsigned i = 0; i < n; i++)
        ix[i] = ll_i32(l, from + i);
    if (n == 1)
        return ll_elem(l, v, from);
    return LLVMBuildShuffleVector(l->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(ix, n), "");
}

/* Element i with element i + n/2, and so on: the balanced tree that suits vectors; GPUs add the same pairs. */
static LlVal fold(Ll *l, const LirOp *o, LirOpcode op, LlVal v)
{
    LlVal r = ll_new(l, v.dt, 1);
    if (!l->hooks->parts) {
        LLVMValueRef x = v.p[0];
        for (unsigned n = v.lanes; n > 1; n /= 2)
            x = ll_arith(l, op, v.dt, (LLVMValueRef[]){half(l, x, 0, n / 2), half(l, x, n / 2, n / 2)}, o->sp);
        r.p[0] = x;
        return r;
    }
    LLVMValueRef e[256];
    for (unsigned i = 0; i < v.lanes; i++)
        e[i] = v.p[i];
    for (unsigned n = v.lanes; n > 1; n /= 2)
        for (unsigned i = 0; i < n / 2; i++)
            e[i] = ll_arith(l, op, v.dt, (LLVMValueRef[]){e[i], e[i + n / 2]}, o->sp);
    r.p[0] = e[0];
    return r;
}

static LlVal fold_any(Ll *l, const LirOp *o, LirOpcode op, LlVal v)
{
    if (v.lanes & (v.lanes - 1))
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "a fold over %d elements: not a power of two", v.lanes);
    if (ll_narrow(v.dt))
        return ll_cast(l, v.dt, fold(l, o, op, ll_cast_f32(l, v)));
    return fold(l, o, op, v);
}

static LlVal opaque(Ll *l, const LirOp *o)
{
    LlVal v = ll_arg(l, o, 0), r = ll_new(l, v.dt, v.lanes);
    r.again = (o->flags & LIR_F_AGAIN) != 0;
    memcpy(r.p, v.p, v.n * sizeof *v.p);
    l->hooks->opaque(l, r);
    return r;
}

/* Rarely does anything: a branch past the selects, which an empty asm keeps from being flattened. */
static LlVal insert(Ll *l, const LirOp *o)
{
    LlVal a = ll_arg(l, o, 0);
    LLVMValueRef x = ll_lane(l, ll_arg(l, o, 1), 0), at = ll_arg(l, o, 2).p[0], e[64], f[64], r[64];
    unsigned n = a.lanes;
    LLVMBasicBlockRef from = LLVMGetInsertBlock(l->b), then = ll_block(l, "insert"), join = ll_block(l, "inserted");
    for (unsigned i = 0; i < n; i++)
        e[i] = ll_lane(l, a, i);
    LLVMBuildCondBr(l->b, LLVMBuildICmp(l->b, LLVMIntULT, at, ll_i32(l, n), ""), then, join);
    LLVMPositionBuilderAtEnd(l->b, then);
    ll_asm(l, l->ty.v, "", "", true, 0, NULL);
    for (unsigned i = 0; i < n; i++)
        f[i] = LLVMBuildSelect(l->b, LLVMBuildICmp(l->b, LLVMIntEQ, at, ll_i32(l, i), ""), x, e[i], "");
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
    for (unsigned i = 0; i < n; i++) {
        r[i] = LLVMBuildPhi(l->b, LLVMTypeOf(e[i]), "");
        LLVMAddIncoming(r[i], &e[i], &from, 1);
        LLVMAddIncoming(r[i], &f[i], &then, 1);
    }
    return ll_from_lanes(l, o->dt, n, r);
}

LlVal ll_vector_op(Ll *l, const LirOp *o)
{
    switch (o->op) {
    case LIR_STEPS:  return steps(l, o);
    case LIR_SPLAT:  return ll_value_splat(l, ll_arg(l, o, 0), o->lanes);
    case LIR_CONCAT: return concat(l, ll_arg(l, o, 0), ll_arg(l, o, 1));
    case LIR_INSERT: return insert(l, o);
    case LIR_SLIDE:  return ll_slide(l, o);
    case LIR_HSUM:   return fold_any(l, o, LIR_ADD, ll_arg(l, o, 0));
    case LIR_HMAX:   return fold_any(l, o, LIR_MAX, ll_arg(l, o, 0));
    case LIR_HMIN:   return fold_any(l, o, LIR_MIN, ll_arg(l, o, 0));
    case LIR_OPAQUE: return opaque(l, o);
    default: {
        LLVMValueRef e = ll_lane(l, ll_arg(l, o, 0), (unsigned)o->imm.i);
        return ll_from_lanes(l, o->dt, 1, &e);
    }
    }
}

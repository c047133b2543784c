/* ll_cast.c: conversions between element types.
 *
 * Floats round to nearest even; float to integer truncates, saturates, and takes NaN to 0; integers wrap; to bool is "not zero".
 * Conversions of 16-bit floats go through f32; the packing itself is the target's (hooks narrow and widen).
 */
#include "ll_int.h"

static LLVMValueRef to_bool(Ll *l, DType from, LLVMValueRef v)
{
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(v));
    return dt_is_float(from) ? ll_fcmp(l, LLVMRealUNE, v, zero) : LLVMBuildICmp(l->b, LLVMIntNE, v, zero, "");
}

static LLVMValueRef float_to_int(Ll *l, DType dt, LLVMValueRef v, LLVMTypeRef to)
{
    const char *name = dt_is_signed(dt) ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
    unsigned id = LLVMLookupIntrinsicID(name, 15);
    LLVMTypeRef over[2] = {to, LLVMTypeOf(v)};
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(l->mod, id, over, 2);
    return LLVMBuildCall2(l->b, LLVMGlobalGetValueType(f), f, &v, 1, "");
}

static LLVMValueRef int_to_int(Ll *l, DType from, LLVMValueRef v, LLVMTypeRef to, int grow)
{
    if (grow < 0)
        return LLVMBuildTrunc(l->b, v, to, "");
    return ll_int_widen(l, dt_is_signed(from), v, to);
}

/* One part; neither type is a 16-bit float. */
static LLVMValueRef cast_part(Ll *l, DType from, DType to, LLVMValueRef v)
{
    LLVMTypeRef t = ll_like(ll_elem_type(l, to), LLVMTypeOf(v));
    if (to == DT_BOOL)
        return to_bool(l, from, v);
    if (dt_is_float(from) && dt_is_float(to))
        return to == DT_F64 ? LLVMBuildFPExt(l->b, v, t, "") : LLVMBuildFPTrunc(l->b, v, t, "");
    if (dt_is_float(from))
        return float_to_int(l, to, v, t);
    if (dt_is_float(to))
        return dt_is_signed(from) ? LLVMBuildSIToFP(l->b, v, t, "") : LLVMBuildUIToFP(l->b, v, t, "");
    int grow = from == DT_BOOL ? 1 : dt_bytes(to) - dt_bytes(from);
    return grow ? int_to_int(l, from, v, t, grow) : v;
}

LlVal ll_cast_f32(Ll *l, LlVal v) { return ll_narrow(v.dt) ? l->hooks->widen(l, v) : ll_cast(l, DT_F32, v); }

LlVal ll_cast(Ll *l, DType dt, LlVal v)
{
    if (v.dt == dt)
        return v;
    if (ll_narrow(v.dt))
        return ll_cast(l, dt, l->hooks->widen(l, v));
    if (ll_narrow(dt))
        return l->hooks->narrow(l, dt, ll_cast(l, DT_F32, v));
    LlVal r = ll_new(l, dt, v.lanes);
    for (unsigned i = 0; i < v.n; i++)
        r.p[i] = cast_part(l, v.dt, dt, v.p[i]);
    return r;
}

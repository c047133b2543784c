/* ll_divide.c: division and remainder of integers.
 *
 * In: scalars or vectors.  Out: the quotient towards zero, or the remainder of the same sign as a; x / 0 and x % 0 are 0, the least number over -1 wraps.
 * On GPUs a division by a known number is written as products and shifts, fewer of them where a is known not to be negative; ptxas does not do
 * that, and LLVM's combiners are not asked.
 */
#include "ll_int.h"

/* ---- by a known number ---- */

/* a >> log2(by), to which a negative a is raised by by - 1 before. */
static LLVMValueRef by_power(Ll *l, LLVMValueRef a, unsigned log, bool positive)
{
    unsigned width = LLVMGetIntTypeWidth(LLVMTypeOf(a));
    if (positive)
        return LLVMBuildLShr(l->b, a, ll_ic(LLVMTypeOf(a), log), "");
    LLVMValueRef sign = LLVMBuildAShr(l->b, a, ll_ic(LLVMTypeOf(a), width - 1), "");
    LLVMValueRef raised = LLVMBuildAdd(l->b, a, LLVMBuildLShr(l->b, sign, ll_ic(LLVMTypeOf(a), width - log), ""), "");
    return LLVMBuildAShr(l->b, raised, ll_ic(LLVMTypeOf(a), log), "");
}

/* a * ceil(2**p / by) >> p with p = 31 + ceil(log2(by)): exact for |a| < 2**31 (Granlund and Montgomery, 1994), one less where a is negative. */
static LLVMValueRef by_product(Ll *l, LLVMValueRef a, uint64_t by, bool positive)
{
    unsigned p = 31 + (64 - (unsigned)__builtin_clzll(by - 1));
    uint64_t m = (uint64_t)((((unsigned __int128)1 << p) + by - 1) / by);
    LLVMValueRef wide = positive ? LLVMBuildZExt(l->b, a, l->ty.i64, "") : LLVMBuildSExt(l->b, a, l->ty.i64, "");
    wide = LLVMBuildMul(l->b, wide, LLVMConstInt(l->ty.i64, m, 0), "");
    LLVMValueRef shift = LLVMConstInt(l->ty.i64, p, 0);
    wide = positive ? LLVMBuildLShr(l->b, wide, shift, "") : LLVMBuildAShr(l->b, wide, shift, "");
    LLVMValueRef q = LLVMBuildTrunc(l->b, wide, l->ty.i32, "");
    return positive ? q : LLVMBuildAdd(l->b, q, LLVMBuildLShr(l->b, a, ll_ic(LLVMTypeOf(a), 31), ""), "");
}

/* NULL: as LLVM has it. */
static LLVMValueRef by_known(Ll *l, bool rem, LLVMValueRef a, LLVMValueRef b)
{
    int64_t by = LLVMIsAConstantInt(b) ? LLVMConstIntGetSExtValue(b) : 0;
    bool power = by > 1 && !(by & (by - 1)), positive;
    if (by <= 1 || !l->t || (!power && LLVMTypeOf(a) != l->ty.i32))
        return NULL;
    positive = ll_most(l, a) != LL_UNKNOWN;
    if (power && positive && rem)
        return LLVMBuildAnd(l->b, a, ll_ic(LLVMTypeOf(a), (uint64_t)by - 1), "");
    unsigned log = (unsigned)__builtin_ctzll((uint64_t)by);
    LLVMValueRef q = power ? by_power(l, a, log, positive) : by_product(l, a, (uint64_t)by, positive);
    if (!rem)
        return q;
    return LLVMBuildSub(l->b, a, power ? LLVMBuildShl(l->b, q, ll_ic(LLVMTypeOf(a), log), "") : LLVMBuildMul(l->b, q, b, ""), "");
}

/* ---- by any ---- */

static bool safe_divisor(LLVMValueRef b)
{
    return LLVMIsAConstantInt(b) && LLVMConstIntGetSExtValue(b) != 0 && LLVMConstIntGetSExtValue(b) != -1;
}

static LLVMValueRef divide(Ll *l, bool rem, bool sign, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef q = sign ? by_known(l, rem, a, b) : NULL;
    if (q)
        return q;
    if (sign)
        return rem ? LLVMBuildSRem(l->b, a, b, "") : LLVMBuildSDiv(l->b, a, b, "");
    return rem ? LLVMBuildURem(l->b, a, b, "") : LLVMBuildUDiv(l->b, a, b, "");
}

LLVMValueRef ll_int_div(Ll *l, bool rem, DType dt, LLVMValueRef a, LLVMValueRef b)
{
    bool sign = dt_is_signed(dt);
    if (safe_divisor(b))
        return divide(l, rem, sign, a, b);
    LLVMTypeRef t = LLVMTypeOf(a);
    LLVMValueRef zero = LLVMConstNull(t), one = ll_ic(t, 1);
    LLVMValueRef none = LLVMBuildICmp(l->b, LLVMIntEQ, b, zero, ""), bad = none;
    if (sign) {
        LLVMValueRef least = ll_ic(t, dt == DT_I64 ? INT64_MIN : dt == DT_I32 ? INT32_MIN : INT8_MIN);
        LLVMValueRef wraps = LLVMBuildAnd(l->b, LLVMBuildICmp(l->b, LLVMIntEQ, b, ll_ic(t, -1), ""), LLVMBuildICmp(l->b, LLVMIntEQ, a, least, ""), "");
        bad = LLVMBuildOr(l->b, none, wraps, "");
    }
    LLVMValueRef q = divide(l, rem, sign, a, ll_sel(l, bad, one, b));
    return ll_sel(l, none, zero, q);
}

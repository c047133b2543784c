/* ll_nvptx_math.c: functions of one f32 on a GPU, whose special function unit has 2**x, log2 x, 1/x and 1/sqrt(x).
 *
 * Fast forms are for results that are rounded to 16 bits: errors of 2 to 4 units in the last place, results below 2**-126 flushed.
 * Exact forms stay within 2 units; but e**x below 2**-126 is 0.  ll_math.c has those that are not here.
 */
#include <math.h>
#include "ll_nvptx.h"

#define LOG2E_HI  1.4426950216293335        /* of 24 bits */
#define LOG2E_LO  1.925963033500011e-08
#define LN2_HI    0.693145751953125         /* of 15 bits: e * LN2_HI is exact */
#define LN2_LO    1.428606765330187e-06


static LLVMValueRef nv1(Ll *l, const char *name, LLVMValueRef x) { return ll_intr(l, name, NULL, 1, &x); }
static LLVMValueRef ex2(Ll *l, LLVMValueRef x) { return ll_intr(l, "llvm.nvvm.ex2.approx.ftz", l->ty.f32, 1, &x); }
static LLVMValueRef rcp(Ll *l, LLVMValueRef x) { return nv1(l, "llvm.nvvm.rcp.approx.ftz.f", x); }
static LLVMValueRef lg2(Ll *l, LLVMValueRef x) { return nv1(l, "llvm.nvvm.lg2.approx.ftz.f", x); }

static LLVMValueRef times(Ll *l, LLVMValueRef x, double c) { return ll_fmul(l, x, ll_fc(l, x, c)); }

static LLVMValueRef sigmoid(Ll *l, LLVMValueRef x)
{
    return rcp(l, ll_fadd(l, ll_fc(l, x, 1.0), ex2(l, times(l, x, -LL_LOG2E))));
}

/* 1 - 2/(1+e**2|x|), but the series below 1/16, where the difference would lose the leading bits. */
static LLVMValueRef tanh_fast(Ll *l, LLVMValueRef x)
{
    LLVMValueRef one = ll_fc(l, x, 1.0), a = ll_intr1(l, "llvm.fabs", x), z = ll_fmul(l, x, x);
    LLVMValueRef q = rcp(l, ll_fadd(l, one, ex2(l, times(l, a, 2 * LL_LOG2E))));
    LLVMValueRef big = ll_intr2(l, "llvm.copysign", ll_fma(l, q, ll_fc(l, x, -2.0), one), x);
    LLVMValueRef p = ll_fma(l, z, ll_fc(l, x, 2.0 / 15), ll_fc(l, x, -1.0 / 3));
    LLVMValueRef small = ll_fma(l, ll_fmul(l, x, z), p, x);
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, a, ll_fc(l, x, 0.0625)), small, big);
}

/* The unit cuts log2 x off towards 0, which sums of many would tell: half of what its last bit counts is put back. */
static LLVMValueRef log_fast(Ll *l, LLVMValueRef x)
{
    LLVMValueRef y = lg2(l, x), bits = ll_bits(l, y, l->ty.i32);
    LLVMValueRef power = ll_bits(l, LLVMBuildAnd(l->b, bits, ll_ic(LLVMTypeOf(bits), 0xff800000u), ""), l->ty.f32);
    return ll_fma(l, y, ll_fc(l, x, LL_LN2), times(l, power, LL_LN2 / (1 << 24)));
}

/* What log2 e was rounded by is x * 1.3e-8 of the result, and the unit gives 5e-8 too little: both alike for all elements, which sums of many would tell. */
static LLVMValueRef exp_fast(Ll *l, LLVMValueRef x)
{
    return ex2(l, ll_fma(l, x, ll_fc(l, x, LOG2E_HI), ll_fma(l, x, ll_fc(l, x, LOG2E_LO), ll_fc(l, x, 6.6e-8))));
}

/* What the unit's power is off by is lost beside 1. */
static LLVMValueRef erf_fast(Ll *l, LLVMValueRef x)
{
    LLVMValueRef t = ll_intr2(l, "llvm.minimum", ll_intr1(l, "llvm.fabs", x), ll_fc(l, x, 4.0));
    return ll_erf(l, x, ex2(l, ll_log_erfc(l, t, LL_LOG2E)));
}

/* By a constant: times its reciprocal, rounded. */
static LLVMValueRef divided(Ll *l, LLVMValueRef x, LLVMValueRef y)
{
    LLVMBool lost;
    double c = LLVMIsAConstantFP(y) ? LLVMConstRealGetDouble(y, &lost) : 0;
    return c != 0 ? times(l, x, 1 / c) : ll_intr(l, "llvm.nvvm.div.full.ftz", NULL, 2, (LLVMValueRef[]){x, y});
}

LLVMValueRef ll_nvptx_fast(Ll *l, LirOpcode op, LLVMValueRef x, LLVMValueRef y)
{
    switch (op) {
    case LIR_EXP:     return exp_fast(l, x);
    case LIR_EXP2:    return ex2(l, x);
    case LIR_LOG:     return log_fast(l, x);
    case LIR_LOG2:    return lg2(l, x);
    case LIR_SQRT:    return nv1(l, "llvm.nvvm.sqrt.approx.ftz.f", x);
    case LIR_RSQRT:   return nv1(l, "llvm.nvvm.rsqrt.approx.ftz.f", x);
    case LIR_RCP:     return rcp(l, x);
    case LIR_DIV:     return divided(l, x, y);
    case LIR_TANH:    return tanh_fast(l, x);
    case LIR_SIGMOID: return sigmoid(l, x);
    case LIR_ERF:     return erf_fast(l, x);
    default:          return NULL;
    }
}

/* ---- exact forms ---- */

/* 2**(hi + lo) = 2**hi * (1 + lo ln 2), hi = x log2 e rounded; where 2**hi is 0, infinite or NaN, that alone.  Below 2**-126: 0.  Of hi below
 * -1/4 the unit gives 5e-8 too little, which sums of many tell: most of it is put back, as much as leaves e**0 at 1. */
static LLVMValueRef exp_exact(Ll *l, LLVMValueRef x)
{
    LLVMValueRef hi = times(l, x, LOG2E_HI), lo = ll_fma(l, x, ll_fc(l, x, LOG2E_HI), LLVMBuildFNeg(l->b, hi, ""));
    LLVMValueRef e = ex2(l, hi), size = ll_intr1(l, "llvm.fabs", hi);
    lo = ll_fma(l, ll_fma(l, x, ll_fc(l, x, LOG2E_LO), lo), ll_fc(l, x, LL_LN2), ll_fc(l, x, 4.6e-8));
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, size, ll_fc(l, x, 128.0)), ll_fma(l, e, lo, e), e);
}

/* e**x of x <= 0, or NaN, without that unit, within 3e-8 near 0 too: x = n ln2 + r, and n + 126 stands in the low bits of t; shifted into the
 * exponent it is 2**(n-1), or 0 where n = -126. */
static LLVMValueRef exp_of_negative(Ll *l, LLVMValueRef x)
{
    static const double twice[] = {2 * 0.001381454007, 2 * 0.008368745108, 2 * 0.04166839079, 2 * 0.166665204, 2 * 0.4999999343, 2, 2};      /* 2 e**r: 2**-28 */
    x = ll_intr2(l, "llvm.maximum", x, ll_fc(l, x, -126 * LL_LN2));
    LLVMValueRef magic = ll_fc(l, x, 12582912.0 + 126), t = ll_fma(l, x, ll_fc(l, x, LL_LOG2E), magic), n = ll_fsub(l, t, magic);
    LLVMValueRef r = ll_fma(l, n, ll_fc(l, x, -LN2_LO), ll_fma(l, n, ll_fc(l, x, -LN2_HI), x)), bits = ll_bits(l, t, l->ty.i32);
    return ll_fmul(l, ll_poly(l, r, twice, 7), ll_bits(l, LLVMBuildShl(l->b, bits, ll_ic(LLVMTypeOf(bits), 23), ""), l->ty.f32));
}

static LLVMValueRef exp2_exact(Ll *l, LLVMValueRef x) { return ll_intr(l, "llvm.nvvm.ex2.approx", l->ty.f32, 1, &x); }

/* With e = e**-|x|, d = 1 + e and what d was rounded by: 1/d, or e/d, by the unit's reciprocal and one step that takes all of it in. */
static LLVMValueRef sigmoid_exact(Ll *l, LLVMValueRef x)
{
    LLVMValueRef one = ll_fc(l, x, 1.0), e = exp_of_negative(l, LLVMBuildFNeg(l->b, ll_intr1(l, "llvm.fabs", x), ""));
    LLVMValueRef d = ll_fadd(l, e, one), lost = ll_fsub(l, e, ll_fsub(l, d, one)), r = rcp(l, d);
    LLVMValueRef top = ll_sel(l, ll_fcmp(l, LLVMRealOLT, x, ll_fc(l, x, 0.0)), e, one), q = ll_fmul(l, top, r), minus = LLVMBuildFNeg(l->b, q, "");
    LLVMValueRef rest = ll_fma(l, minus, lost, ll_fma(l, minus, d, top));
    return ll_fma(l, rest, r, q);
}

/* As in ll_math.c, with the exponent still where it was in the bits; what 0, infinity, NaN and denormal and negative numbers give comes from the unit. */
static LLVMValueRef log_exact(Ll *l, LLVMValueRef x)
{
    LLVMValueRef bits = ll_bits(l, x, l->ty.i32);
    LLVMTypeRef t = LLVMTypeOf(bits);
    LLVMValueRef up = LLVMBuildAnd(l->b, LLVMBuildSub(l->b, bits, ll_ic(t, 0x3f3504f3), ""), ll_ic(t, 0xff800000u), "");        /* sqrt(1/2) */
    LLVMValueRef f = ll_fsub(l, ll_bits(l, LLVMBuildSub(l->b, bits, up, ""), l->ty.f32), ll_fc(l, x, 1.0)), e = LLVMBuildSIToFP(l->b, up, LLVMTypeOf(x), "");
    LLVMValueRef y = ll_fma(l, e, ll_fc(l, x, LN2_LO / (1 << 23)), ll_log_tail(l, f));
    LLVMValueRef r = ll_fma(l, e, ll_fc(l, x, LN2_HI / (1 << 23)), ll_fadd(l, f, y));
    LLVMValueRef plain = LLVMBuildICmp(l->b, LLVMIntULT, LLVMBuildSub(l->b, bits, ll_ic(t, 0x00800000), ""), ll_ic(t, 0x7f000000), "");
    LLVMValueRef other = ll_fma(l, lg2(l, times(l, x, 1 << 23)), ll_fc(l, x, LL_LN2), ll_fc(l, x, -23 * LL_LN2));
    return ll_sel(l, plain, r, other);
}

LLVMValueRef ll_nvptx_exact(Ll *l, LirOpcode op, LLVMValueRef x)
{
    if (LLVMTypeOf(x) != l->ty.f32)
        return NULL;
    switch (op) {
    case LIR_EXP:   return exp_exact(l, x);
    case LIR_EXP2:  return exp2_exact(l, x);
    case LIR_LOG:   return log_exact(l, x);
    case LIR_SIGMOID: return sigmoid_exact(l, x);
    case LIR_RSQRT: return nv1(l, "llvm.nvvm.rsqrt.approx.f", x);
    default:        return NULL;
    }
}

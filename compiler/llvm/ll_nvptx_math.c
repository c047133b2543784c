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
    case LIR_EXP:     return ex2(l, times(l, x, LL_LOG2E));
    case LIR_EXP2:    return ex2(l, x);
    case LIR_LOG:     return log_fast(l, x);
    case LIR_LOG2:    return lg2(l, x);
    case LIR_SQRT:    return nv1(l, "llvm.nvvm.sqrt.approx.ftz.f", x);
    case LIR_RSQRT:   return nv1(l, "llvm.nvvm.rsqrt.approx.ftz.f", x);
    case LIR_RCP:     return rcp(l, x);
    case LIR_DIV:     return divided(l, x, y);
    case LIR_TANH:    return tanh_fast(l, x);
    case LIR_SIGMOID: return sigmoid(l, x);
    default:          return NULL;
    }
}

/* ---- exact forms ---- */

/* 2**(hi + lo) = 2**hi * (1 + lo ln 2), hi = x log2 e rounded; where 2**hi is 0, infinite or NaN, that alone.  Below 2**-126: 0. */
static LLVMValueRef exp_exact(Ll *l, LLVMValueRef x)
{
    LLVMValueRef hi = times(l, x, LOG2E_HI), lo = ll_fma(l, x, ll_fc(l, x, LOG2E_HI), LLVMBuildFNeg(l->b, hi, ""));
    LLVMValueRef e = ex2(l, hi), size = ll_intr1(l, "llvm.fabs", hi);
    lo = times(l, ll_fma(l, x, ll_fc(l, x, LOG2E_LO), lo), LL_LN2);
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, size, ll_fc(l, x, 128.0)), ll_fma(l, e, lo, e), e);
}

static LLVMValueRef exp2_exact(Ll *l, LLVMValueRef x) { return ll_intr(l, "llvm.nvvm.ex2.approx", l->ty.f32, 1, &x); }

/* As in ll_math.c, but what 0, infinity, NaN and negative numbers give comes from the unit. */
static LLVMValueRef log_exact(Ll *l, LLVMValueRef x)
{
    LLVMValueRef e, m = ll_mant(l, x, &e), f = ll_fsub(l, m, ll_fc(l, x, 1.0));
    LLVMValueRef y = ll_fma(l, e, ll_fc(l, x, LN2_LO), ll_log_tail(l, f));
    LLVMValueRef r = ll_fma(l, e, ll_fc(l, x, LN2_HI), ll_fadd(l, f, y)), bits = LLVMBuildBitCast(l->b, x, l->ty.i32, "");
    LLVMValueRef plain = LLVMBuildICmp(l->b, LLVMIntULT, LLVMBuildSub(l->b, bits, ll_i32(l, 1), ""), ll_i32(l, 0x7f7fffff), "");
    return ll_sel(l, plain, r, lg2(l, x));
}

LLVMValueRef ll_nvptx_exact(Ll *l, LirOpcode op, LLVMValueRef x)
{
    if (LLVMTypeOf(x) != l->ty.f32)
        return NULL;
    switch (op) {
    case LIR_EXP:   return exp_exact(l, x);
    case LIR_EXP2:  return exp2_exact(l, x);
    case LIR_LOG:   return log_exact(l, x);
    case LIR_RSQRT: return nv1(l, "llvm.nvvm.rsqrt.approx.f", x);
    default:        return NULL;
    }
}

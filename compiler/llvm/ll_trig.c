/* ll_trig.c: sine and cosine of f32.
 *
 * In: f32 of any shape.  Out: the same, within 1.5 units in the last place.  From FAR on, the remainder modulo pi/2 is had from the product of
 * the mantissa with 96 bits of 2/pi (Payne and Hanek's way) in 64-bit integers, chosen by a select.
 */
#include <math.h>
#include "ll_int.h"

#define FAR 16384.0      /* above, the rounding of x * 2/pi alone would move the remainder out of the polynomials' range */

/* x - n*pi/2 with pi/2 in three parts; n*first part is exact. */
static LLVMValueRef reduce_near(Ll *l, LLVMValueRef x, LLVMValueRef *quadrant)
{
    LLVMValueRef n = ll_round_int(l, ll_fmul(l, x, ll_fc(l, x, M_2_PI)), quadrant);
    LLVMValueRef r = ll_fma(l, n, ll_fc(l, x, -1.5707963705062866), x);
    r = ll_fma(l, n, ll_fc(l, x, 4.371138828673793e-08), r);
    return ll_fma(l, n, ll_fc(l, x, 1.7151245100058819e-15), r);
}

/* Word first + index of: 32 zero bits, then 2/pi after the point, most significant first. */
static LLVMValueRef pick_word(Ll *l, LLVMTypeRef t64, LLVMValueRef index, int first)
{
    static const uint32_t two_over_pi[] = {0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    LLVMValueRef r = ll_ic(t64, two_over_pi[first]);
    for (int i = 1; i < 5; i++) {
        LLVMValueRef is = LLVMBuildICmp(l->b, LLVMIntEQ, index, ll_ic(LLVMTypeOf(index), i), "");
        r = ll_sel(l, is, ll_ic(t64, two_over_pi[first + i]), r);
    }
    return r;
}

/* 32 bits of 2/pi starting `shift` (0..31) bits into the pair (a, b). */
static LLVMValueRef funnel(Ll *l, LLVMValueRef a, LLVMValueRef b, LLVMValueRef shift)
{
    LLVMTypeRef t = LLVMTypeOf(a);
    LLVMValueRef both = LLVMBuildOr(l->b, LLVMBuildShl(l->b, a, ll_ic(t, 32), ""), b, "");
    LLVMValueRef s = LLVMBuildSub(l->b, ll_ic(t, 32), shift, "");
    return LLVMBuildAnd(l->b, LLVMBuildLShr(l->b, both, s, ""), ll_ic(t, 0xffffffff), "");
}

/* |x|/(2 pi) modulo 1 as a 64-bit fraction. |x| = m * 2**(E-150), m of 24 bits; the E-152 first bits of 2/pi make whole turns. */
static LLVMValueRef turn_fraction(Ll *l, LLVMValueRef ax)
{
    LLVMValueRef u = ll_bits(l, ax, l->ty.i32);
    LLVMTypeRef t = LLVMTypeOf(u), t64 = ll_like(l->ty.i64, t);
    LLVMValueRef e = LLVMBuildSub(l->b, LLVMBuildLShr(l->b, u, ll_ic(t, 23), ""), ll_ic(t, 120), "");   /* the table begins 32 bits earlier */
    LLVMValueRef m = LLVMBuildOr(l->b, LLVMBuildAnd(l->b, u, ll_ic(t, 0x7fffff), ""), ll_ic(t, 0x800000), "");
    e = ll_intr2(l, "llvm.smax", e, ll_ic(t, 0));
    LLVMValueRef index = LLVMBuildLShr(l->b, e, ll_ic(t, 5), "");
    LLVMValueRef shift = LLVMBuildZExt(l->b, LLVMBuildAnd(l->b, e, ll_ic(t, 31), ""), t64, "");
    LLVMValueRef w[4], m64 = LLVMBuildZExt(l->b, m, t64, "");
    for (int i = 0; i < 4; i++)
        w[i] = pick_word(l, t64, index, i);
    LLVMValueRef hi = funnel(l, w[0], w[1], shift), mid = funnel(l, w[1], w[2], shift), lo = funnel(l, w[2], w[3], shift);
    /* 96-bit product modulo one turn; hi*m contributes to the top modulo 2**64 after the shift */
    LLVMValueRef top = LLVMBuildShl(l->b, LLVMBuildMul(l->b, hi, m64, ""), ll_ic(t64, 32), "");
    LLVMValueRef low = LLVMBuildLShr(l->b, LLVMBuildMul(l->b, lo, m64, ""), ll_ic(t64, 32), "");
    return LLVMBuildAdd(l->b, LLVMBuildAdd(l->b, top, LLVMBuildMul(l->b, mid, m64, ""), ""), low, "");
}

/* rest * 2**-64 turns in radians: the upper bits exactly, the lower 38 rounded. */
static LLVMValueRef radians(Ll *l, LLVMValueRef rest, LLVMTypeRef f32)
{
    LLVMTypeRef t64 = LLVMTypeOf(rest);
    LLVMValueRef up = LLVMBuildSIToFP(l->b, LLVMBuildAShr(l->b, rest, ll_ic(t64, 38), ""), f32, "");
    LLVMValueRef down = LLVMBuildSIToFP(l->b, LLVMBuildAnd(l->b, rest, ll_ic(t64, ((int64_t)1 << 38) - 1), ""), f32, "");
    LLVMValueRef low = ll_fmul(l, up, ll_fc(l, up, -0x1.777a5cp-49));
    low = ll_fma(l, down, ll_fc(l, up, 0x1.921fb6p-62), low);
    return ll_fma(l, up, ll_fc(l, up, 0x1.921fb6p-24), low);
}

static LLVMValueRef reduce_far(Ll *l, LLVMValueRef x, LLVMValueRef *quadrant)
{
    LLVMValueRef ax = ll_intr1(l, "llvm.fabs", x), turn = turn_fraction(l, ax);
    LLVMTypeRef t64 = LLVMTypeOf(turn), t = ll_like(l->ty.i32, t64);
    LLVMValueRef half = LLVMBuildAdd(l->b, turn, ll_ic(t64, (int64_t)1 << 61), "");
    LLVMValueRef q = LLVMBuildTrunc(l->b, LLVMBuildLShr(l->b, half, ll_ic(t64, 62), ""), t, "");
    LLVMValueRef rest = LLVMBuildSub(l->b, turn, LLVMBuildShl(l->b, LLVMBuildZExt(l->b, q, t64, ""), ll_ic(t64, 62), ""), "");
    LLVMValueRef r = radians(l, rest, LLVMTypeOf(x));
    LLVMValueRef neg = ll_fcmp(l, LLVMRealOLT, x, ll_fc(l, x, 0.0));
    *quadrant = ll_sel(l, neg, LLVMBuildNeg(l->b, q, ""), q);
    return ll_sel(l, neg, LLVMBuildFNeg(l->b, r, ""), r);
}

/* |r| <= pi/4: 2**-37 and 2**-33 */
static LLVMValueRef sin_core(Ll *l, LLVMValueRef r, LLVMValueRef z)
{
    static const double c[] = {2.718025833e-06, -0.0001983930225, 0.008333329274, -0.1666666664};
    return ll_fma(l, ll_fmul(l, z, r), ll_poly(l, z, c, 4), r);
}

static LLVMValueRef cos_core(Ll *l, LLVMValueRef z)
{
    static const double c[] = {2.443220767e-05, -0.00138873081, 0.04166664552};
    LLVMValueRef p = ll_fma(l, ll_poly(l, z, c, 3), z, ll_fc(l, z, -0.5));
    return ll_fma(l, p, z, ll_fc(l, z, 1.0));
}

LLVMValueRef ll_sincos(Ll *l, LLVMValueRef x, bool cosine)
{
    LLVMValueRef q, qf, near = reduce_near(l, x, &q), far = reduce_far(l, x, &qf);
    LLVMValueRef ax = ll_intr1(l, "llvm.fabs", x), is_far = ll_fcmp(l, LLVMRealOGE, ax, ll_fc(l, x, FAR));
    LLVMValueRef r = ll_sel(l, is_far, far, near);
    q = ll_sel(l, is_far, qf, q);
    LLVMTypeRef t = LLVMTypeOf(q);
    if (cosine)
        q = LLVMBuildAdd(l->b, q, ll_ic(t, 1), "");
    LLVMValueRef z = ll_fmul(l, r, r), zero = ll_ic(t, 0);
    LLVMValueRef odd = LLVMBuildICmp(l->b, LLVMIntNE, LLVMBuildAnd(l->b, q, ll_ic(t, 1), ""), zero, "");
    LLVMValueRef minus = LLVMBuildICmp(l->b, LLVMIntNE, LLVMBuildAnd(l->b, q, ll_ic(t, 2), ""), zero, "");
    LLVMValueRef y = ll_sel(l, odd, cos_core(l, z), sin_core(l, r, z));
    y = ll_sel(l, minus, LLVMBuildFNeg(l->b, y, ""), y);
    return ll_sel(l, ll_fcmp(l, LLVMRealULT, ax, ll_fc(l, x, INFINITY)), y, ll_fc(l, x, NAN));
}

/* ll_pow.c: a**b of f32.
 *
 * In: two f32 of one shape.  Out: the same, within 2 units in the last place: log2(a) is had as a sum of two floats, so that its product
 * with b keeps the bits that the exponential needs.  C99's special cases hold.
 */
#include <math.h>
#include "ll_int.h"

typedef struct Two { LLVMValueRef h, l; } Two;

static Two two_product(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef h = ll_fmul(l, a, b);
    return (Two){h, ll_fma(l, a, b, LLVMBuildFNeg(l->b, h, ""))};
}

/* |a| >= |b| or a == 0 */
static Two fast_sum(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef h = ll_fadd(l, a, b);
    return (Two){h, ll_fsub(l, b, ll_fsub(l, h, a))};
}

/* (m-1)/(m+1) in two floats. */
static Two ratio(Ll *l, LLVMValueRef m)
{
    LLVMValueRef one = ll_fc(l, m, 1.0), up = ll_fsub(l, m, one), down = ll_fadd(l, m, one);
    LLVMValueRef lost = ll_fsub(l, m, ll_fsub(l, down, one));
    LLVMValueRef s = ll_fdiv(l, up, down), minus = LLVMBuildFNeg(l->b, s, "");
    LLVMValueRef rest = ll_fma(l, minus, down, up);
    rest = ll_fma(l, minus, lost, rest);
    return (Two){s, ll_fdiv(l, rest, down)};
}

/* log2 of a normal positive number: 2s + s**3 * A(s*s) (2**-37) in two floats, times log2(e), plus the exponent. */
static Two log2_two(Ll *l, LLVMValueRef a)
{
    static const double c[] = {0.2358231945, 0.2853730018, 0.4000033531};
    LLVMValueRef e, m = ll_mant(l, a, &e);
    Two s = ratio(l, m);
    LLVMValueRef z = ll_fmul(l, s.h, s.h), two = ll_fc(l, a, 2.0);
    LLVMValueRef z_lo = ll_fma(l, s.h, s.h, LLVMBuildFNeg(l->b, z, ""));
    z_lo = ll_fma(l, ll_fmul(l, two, s.h), s.l, z_lo);
    /* s*z*(2/3 + z*P): the part with 2/3 in two floats */
    Two cube = two_product(l, s.h, z);
    cube.l = ll_fadd(l, cube.l, ll_fma(l, s.h, z_lo, ll_fmul(l, s.l, z)));
    Two third = two_product(l, cube.h, ll_fc(l, a, 0.6666666865348816));
    third.l = ll_fadd(l, third.l, ll_fma(l, cube.l, ll_fc(l, a, 2.0 / 3), ll_fmul(l, cube.h, ll_fc(l, a, -3.01348816e-08))));
    LLVMValueRef tail = ll_fma(l, ll_fmul(l, cube.h, z), ll_poly(l, z, c, 3), third.l);
    Two ln = fast_sum(l, ll_fmul(l, two, s.h), third.h);
    ln.l = ll_fadd(l, ln.l, ll_fma(l, two, s.l, tail));
    Two r = two_product(l, ln.h, ll_fc(l, a, 1.4426950216293335));
    r.l = ll_fadd(l, r.l, ll_fma(l, ln.h, ll_fc(l, a, 1.925963033500011e-08), ll_fmul(l, ln.l, ll_fc(l, a, 1.4426950216293335))));
    Two sum = fast_sum(l, e, r.h);
    LLVMValueRef none = ll_fcmp(l, LLVMRealOEQ, e, ll_fc(l, a, 0.0));
    return (Two){ll_sel(l, none, r.h, sum.h), ll_sel(l, none, r.l, ll_fadd(l, sum.l, r.l))};
}

/* 2**(h+l) */
static LLVMValueRef exp2_two(Ll *l, Two t)
{
    LLVMValueRef lo = ll_fc(l, t.h, -216.0), hi = ll_fc(l, t.h, 190.0), i;
    LLVMValueRef below = ll_fcmp(l, LLVMRealOLT, t.h, lo), above = ll_fcmp(l, LLVMRealOGT, t.h, hi);
    LLVMValueRef h = ll_sel(l, above, hi, ll_sel(l, below, lo, t.h));
    LLVMValueRef tail = ll_sel(l, LLVMBuildOr(l->b, below, above, ""), ll_fc(l, h, 0.0), t.l);
    LLVMValueRef n = ll_round_int(l, h, &i);
    return ll_scale2(l, ll_exp2_frac(l, ll_fadd(l, ll_fsub(l, h, n), tail)), i);
}

typedef struct Cases { LLVMValueRef is_int, is_odd; } Cases;

static Cases integer_cases(Ll *l, LLVMValueRef y)
{
    LLVMValueRef half = ll_fmul(l, y, ll_fc(l, y, 0.5));
    LLVMValueRef is_int = ll_fcmp(l, LLVMRealOEQ, ll_intr1(l, "llvm.trunc", y), y);
    LLVMValueRef even = ll_fcmp(l, LLVMRealOEQ, ll_intr1(l, "llvm.trunc", half), half);
    return (Cases){is_int, LLVMBuildAnd(l->b, is_int, LLVMBuildNot(l->b, even, ""), "")};
}

/* a is 0 or infinite: 0 or infinity by the sign of b. */
static LLVMValueRef at_the_ends(Ll *l, LLVMValueRef ax, LLVMValueRef y, LLVMValueRef r)
{
    LLVMValueRef zero = ll_fc(l, ax, 0.0), inf = ll_fc(l, ax, INFINITY);
    LLVMValueRef neg = ll_fcmp(l, LLVMRealOLT, y, zero);
    r = ll_sel(l, ll_fcmp(l, LLVMRealOEQ, ax, zero), ll_sel(l, neg, inf, zero), r);
    return ll_sel(l, ll_fcmp(l, LLVMRealOEQ, ax, inf), ll_sel(l, neg, zero, inf), r);
}

/* b infinite: by whether |a| is above or below 1. */
static LLVMValueRef infinite_power(Ll *l, LLVMValueRef ax, LLVMValueRef y, LLVMValueRef r)
{
    LLVMValueRef zero = ll_fc(l, ax, 0.0), inf = ll_fc(l, ax, INFINITY), one = ll_fc(l, ax, 1.0);
    LLVMValueRef is = ll_fcmp(l, LLVMRealOEQ, ll_intr1(l, "llvm.fabs", y), inf);
    LLVMValueRef grows = LLVMBuildXor(l->b, ll_fcmp(l, LLVMRealOGT, ax, one), ll_fcmp(l, LLVMRealOLT, y, zero), "");
    LLVMValueRef end = ll_sel(l, ll_fcmp(l, LLVMRealOEQ, ax, one), one, ll_sel(l, grows, inf, zero));
    return ll_sel(l, is, end, r);
}

LLVMValueRef ll_pow(Ll *l, LLVMValueRef x, LLVMValueRef y)
{
    LLVMValueRef ax = ll_intr1(l, "llvm.fabs", x), one = ll_fc(l, x, 1.0), zero = ll_fc(l, x, 0.0);
    Two lg = log2_two(l, ax), t = two_product(l, y, lg.h);
    t.l = ll_fma(l, y, lg.l, t.l);
    LLVMValueRef r = exp2_two(l, t);
    Cases c = integer_cases(l, y);
    LLVMValueRef below = ll_fcmp(l, LLVMRealOLT, x, zero), finite = ll_fcmp(l, LLVMRealOGT, x, ll_fc(l, x, -INFINITY));
    LLVMValueRef bad = LLVMBuildAnd(l->b, LLVMBuildAnd(l->b, below, finite, ""), LLVMBuildNot(l->b, c.is_int, ""), "");
    r = ll_sel(l, bad, ll_fc(l, x, NAN), r);
    r = infinite_power(l, ax, y, at_the_ends(l, ax, y, r));
    LLVMValueRef odd = ll_sel(l, c.is_odd, ll_intr2(l, "llvm.copysign", r, x), r);
    LLVMValueRef nan = ll_fcmp(l, LLVMRealUNO, x, y);
    r = ll_sel(l, nan, ll_fadd(l, x, y), odd);
    LLVMValueRef is_one = LLVMBuildOr(l->b, ll_fcmp(l, LLVMRealOEQ, x, one), ll_fcmp(l, LLVMRealOEQ, y, zero), "");
    return ll_sel(l, is_one, one, r);
}

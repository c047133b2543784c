/* ll_math.c: functions of one f32, written once for all targets in terms of f32 and i32 operations.
 *
 * In: f32 of any shape.  Out: the same shape.  A target may have a fast form (hook fast) for functions whose result is
 * rounded to 16 bits, and a sigmoid's exp is shorter for them here; the general forms below stay within 2 units in the last place over the whole
 * range, denormals, infinities and NaN included.  Polynomials are minimax fits (Lawson's iteration on Chebyshev points, relative error); the figure behind each
 * is that error before rounding of the coefficients.  No fast-math flags: the order of operations is the algorithm.
 */
#include <math.h>
#include "ll_int.h"

#define LOG2E   1.4426950408889634
#define LN2_HI  0.693145751953125            /* 15 bits: e * LN2_HI is exact */
#define LN2_LO  1.428606765330187e-06

LLVMValueRef ll_poly(Ll *l, LLVMValueRef x, const double *c, int n)
{
    LLVMValueRef r = ll_fc(l, x, c[0]);
    for (int i = 1; i < n; i++)
        r = ll_fma(l, r, x, ll_fc(l, x, c[i]));
    return r;
}

/* Adding 1.5 * 2**23 to x * scale leaves the integer in the low bits. */
static LLVMValueRef round_scaled(Ll *l, LLVMValueRef x, double scale, LLVMValueRef *as_int)
{
    LLVMValueRef magic = ll_fc(l, x, 12582912.0), t = scale == 1 ? ll_fadd(l, x, magic) : ll_fma(l, x, ll_fc(l, x, scale), magic);
    *as_int = LLVMBuildSub(l->b, ll_bits(l, t, l->ty.i32), ll_bits(l, magic, l->ty.i32), "");
    return ll_fsub(l, t, magic);
}

LLVMValueRef ll_round_int(Ll *l, LLVMValueRef x, LLVMValueRef *as_int) { return round_scaled(l, x, 1, as_int); }

static LLVMValueRef power_of_2(Ll *l, LLVMValueRef n)
{
    LLVMTypeRef t = LLVMTypeOf(n);
    return ll_bits(l, LLVMBuildShl(l->b, LLVMBuildAdd(l->b, n, ll_ic(t, 127), ""), ll_ic(t, 23), ""), l->ty.f32);
}

/* In two steps, so that denormal results and the largest numbers come out right. */
LLVMValueRef ll_scale2(Ll *l, LLVMValueRef x, LLVMValueRef n)
{
    LLVMValueRef a = LLVMBuildAShr(l->b, n, ll_ic(LLVMTypeOf(n), 1), ""), b = LLVMBuildSub(l->b, n, a, "");
    return ll_fmul(l, ll_fmul(l, x, power_of_2(l, a)), power_of_2(l, b));
}

static LLVMValueRef scaled(Ll *l, LLVMValueRef x, LLVMValueRef n, LLVMValueRef as_int)
{
    LLVMValueRef r = l->hooks->scale ? l->hooks->scale(l, x, n) : NULL;
    return r ? r : ll_scale2(l, x, as_int);
}

static LLVMValueRef inverse(Ll *l, LLVMValueRef b)
{
    LLVMValueRef r = l->hooks->inverse ? l->hooks->inverse(l, b) : NULL;
    return r ? r : ll_fdiv(l, ll_fc(l, b, 1.0), b);
}

static LLVMValueRef at_least(Ll *l, LLVMValueRef x, double lo)
{
    LLVMValueRef a = ll_fc(l, x, lo);
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, x, a), a, x);
}

static LLVMValueRef clamp(Ll *l, LLVMValueRef x, double lo, double hi)
{
    LLVMValueRef b = ll_fc(l, x, hi);
    x = at_least(l, x, lo);
    return ll_sel(l, ll_fcmp(l, LLVMRealOGT, x, b), b, x);
}

/* e**r, |r| <= ln2/2: 2**-28 */
static LLVMValueRef exp_frac(Ll *l, LLVMValueRef r)
{
    static const double c[] = {0.001381456882, 0.008368730395, 0.04166838938, 0.1666652052, 0.4999999344};
    LLVMValueRef p = ll_poly(l, r, c, 5);
    return ll_fadd(l, ll_fma(l, ll_fmul(l, r, r), p, r), ll_fc(l, r, 1.0));
}

/* The same with an operation less, whose last bit is less sure; for results of 16 bits 2**-23. */
static LLVMValueRef exp_frac_short(Ll *l, LLVMValueRef r)
{
    static const double c[] = {0.001381454007, 0.008368745108, 0.04166839079, 0.166665204, 0.4999999343, 1.0, 1.0};
    static const double brief[] = {0.008290272107, 0.04189815962, 0.1666763813, 0.4999914784, 0.9999997063, 1.0};
    return l->precise ? ll_poly(l, r, c, 7) : ll_poly(l, r, brief, 6);
}

LLVMValueRef ll_exp2_frac(Ll *l, LLVMValueRef f)
{
    LLVMValueRef r = l->hooks->exact ? l->hooks->exact(l, LIR_EXP2, f) : NULL;
    if (r)
        return r;
    return exp_frac(l, ll_fmul(l, f, ll_fc(l, f, M_LN2)));
}

/* -150 <= x <= 130, or NaN */
static LLVMValueRef exp_within(Ll *l, LLVMValueRef x, bool shorter)
{
    LLVMValueRef i, n = round_scaled(l, x, LOG2E, &i);
    if (shorter && !l->precise)
        return scaled(l, exp_frac_short(l, ll_fma(l, n, ll_fc(l, x, -M_LN2), x)), n, i);
    LLVMValueRef r = ll_fma(l, n, ll_fc(l, x, -LN2_HI), x);
    r = ll_fma(l, n, ll_fc(l, x, -LN2_LO), r);
    return scaled(l, shorter ? exp_frac_short(l, r) : exp_frac(l, r), n, i);
}

static LLVMValueRef exp_general(Ll *l, LLVMValueRef x)
{
    LLVMValueRef own = l->hooks->exact ? l->hooks->exact(l, LIR_EXP, x) : NULL;
    return own ? own : exp_within(l, clamp(l, x, -150.0, 130.0), false);
}

static LLVMValueRef exp2_general(Ll *l, LLVMValueRef x)
{
    x = clamp(l, x, -216.0, 190.0);
    LLVMValueRef i, n = ll_round_int(l, x, &i);
    return scaled(l, ll_exp2_frac(l, ll_fsub(l, x, n)), n, i);
}

/* Denormals are scaled up first; for x <= 0, infinity and NaN the result is replaced afterwards. */
LLVMValueRef ll_mant(Ll *l, LLVMValueRef x, LLVMValueRef *e)
{
    LLVMValueRef small = ll_fcmp(l, LLVMRealOLT, x, ll_fc(l, x, 1.17549435e-38));
    LLVMValueRef u = ll_bits(l, ll_sel(l, small, ll_fmul(l, x, ll_fc(l, x, 8388608.0)), x), l->ty.i32);
    LLVMTypeRef t = LLVMTypeOf(u);
    LLVMValueRef k = LLVMBuildSub(l->b, u, ll_ic(t, 0x3f3504f3), "");          /* sqrt(1/2) */
    LLVMValueRef n = LLVMBuildAShr(l->b, k, ll_ic(t, 23), "");
    LLVMValueRef m = LLVMBuildSub(l->b, u, LLVMBuildShl(l->b, n, ll_ic(t, 23), ""), "");
    n = LLVMBuildSub(l->b, n, ll_sel(l, small, ll_ic(t, 23), ll_ic(t, 0)), "");
    *e = LLVMBuildSIToFP(l->b, n, LLVMTypeOf(x), "");
    return ll_bits(l, m, l->ty.f32);
}

/* f*f * (f * Q(f) - 1/2) = log(1+f) - f, sqrt(1/2) <= 1+f <= sqrt(2): 2**-30 */
LLVMValueRef ll_log_tail(Ll *l, LLVMValueRef f)
{
    static const double c[] = {0.06746710337, -0.1167582765, 0.1188822804, -0.1240556655, 0.1421954098,
                               -0.166679966,  0.2000211921,  -0.250000096, 0.333333126,   -0.5};
    return ll_fmul(l, ll_fmul(l, f, f), ll_poly(l, f, c, 10));
}

/* log of x where x is what the special cases depend on: 0 -> -inf, negative -> NaN, inf and NaN themselves. */
static LLVMValueRef log_special(Ll *l, LLVMValueRef x, double zero_at, LLVMValueRef r)
{
    LLVMValueRef z = ll_fc(l, x, zero_at), inf = ll_fc(l, x, INFINITY);
    r = ll_sel(l, ll_fcmp(l, LLVMRealULT, x, z), ll_fc(l, x, NAN), r);
    r = ll_sel(l, ll_fcmp(l, LLVMRealOEQ, x, z), ll_fc(l, x, -INFINITY), r);
    return ll_sel(l, ll_fcmp(l, LLVMRealOEQ, x, inf), inf, r);
}

static LLVMValueRef add_exponent(Ll *l, LLVMValueRef f, LLVMValueRef y, LLVMValueRef e)
{
    y = ll_fma(l, e, ll_fc(l, f, LN2_LO), y);
    return ll_fma(l, e, ll_fc(l, f, LN2_HI), ll_fadd(l, f, y));
}

static LLVMValueRef log_general(Ll *l, LLVMValueRef x)
{
    LLVMValueRef e, m = ll_mant(l, x, &e), f = ll_fsub(l, m, ll_fc(l, x, 1.0));
    return log_special(l, x, 0.0, add_exponent(l, f, ll_log_tail(l, f), e));
}

static LLVMValueRef log2_general(Ll *l, LLVMValueRef x)
{
    LLVMValueRef e, m = ll_mant(l, x, &e), f = ll_fsub(l, m, ll_fc(l, x, 1.0)), y = ll_log_tail(l, f);
    /* (f + y) * log2(e) in two parts of the constant; f is exact */
    LLVMValueRef lo = ll_fma(l, y, ll_fc(l, x, LOG2E), ll_fmul(l, f, ll_fc(l, x, 1.925963033500011e-08)));
    LLVMValueRef r = ll_fma(l, f, ll_fc(l, x, 1.4426950216293335), lo);
    return log_special(l, x, 0.0, ll_fadd(l, e, r));
}

/* u = 1+x is rounded; what was lost, divided by u, is added back.  Near 0 the fraction is x itself. */
static LLVMValueRef log1p_general(Ll *l, LLVMValueRef x)
{
    LLVMValueRef one = ll_fc(l, x, 1.0), u = ll_fadd(l, x, one), e, m = ll_mant(l, u, &e);
    LLVMValueRef near = ll_fcmp(l, LLVMRealOEQ, e, ll_fc(l, x, 0.0));
    LLVMValueRef big = ll_fcmp(l, LLVMRealOGT, x, one);
    LLVMValueRef lost = ll_sel(l, big, ll_fsub(l, one, ll_fsub(l, u, x)), ll_fsub(l, x, ll_fsub(l, u, one)));
    LLVMValueRef c = ll_sel(l, near, ll_fc(l, x, 0.0), ll_fdiv(l, lost, u));
    LLVMValueRef f = ll_sel(l, near, x, ll_fsub(l, m, one));
    LLVMValueRef r = add_exponent(l, f, ll_fadd(l, ll_log_tail(l, f), c), e);
    r = log_special(l, x, -1.0, r);
    LLVMValueRef zero = ll_fcmp(l, LLVMRealOEQ, x, ll_fc(l, x, 0.0));           /* keeps -0 */
    return ll_sel(l, zero, x, r);
}

/* x + x*z*T(z), z = x*x < 0.5625**2: 2**-29; else, with e = e**-2|x|, 1 - 2e/(1 + e) */
static LLVMValueRef tanh_general(Ll *l, LLVMValueRef x)
{
    static const double c[] = {-0.006179808874, 0.02100745805, -0.05383742993, 0.1333245227, -0.3333331389};
    LLVMValueRef a = ll_intr1(l, "llvm.fabs", x), z = ll_fmul(l, x, x), one = ll_fc(l, x, 1.0);
    LLVMValueRef small = ll_fma(l, ll_fmul(l, z, x), ll_poly(l, z, c, 5), x);
    LLVMValueRef e = exp_general(l, ll_fmul(l, a, ll_fc(l, x, -2.0)));
    LLVMValueRef q = ll_fdiv(l, ll_fadd(l, e, e), ll_fadd(l, e, one));
    LLVMValueRef big = ll_intr2(l, "llvm.copysign", ll_fsub(l, one, q), x);
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, a, ll_fc(l, x, 0.5625)), small, big);
}

/* With e = e**-|x| <= 1: 1/(1+e), or that times e, so that small results keep their bits. */
static LLVMValueRef sigmoid_general(Ll *l, LLVMValueRef x)
{
    LLVMValueRef neg = LLVMBuildFNeg(l->b, ll_intr1(l, "llvm.fabs", x), "");
    LLVMValueRef own = l->hooks->exact ? l->hooks->exact(l, LIR_EXP, neg) : NULL;
    LLVMValueRef e = own ? own : exp_within(l, at_least(l, neg, -150.0), true), r = inverse(l, ll_fadd(l, e, ll_fc(l, x, 1.0)));
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, x, ll_fc(l, x, 0.0)), ll_fmul(l, e, r), r);
}

/* log(erfc(t)) times `by`, 0 <= t <= 4 */
LLVMValueRef ll_log_erfc(Ll *l, LLVMValueRef t, double by)
{
    static const double g[] = {0.0001863800841, -0.002947666795, 0.02183809696, -0.1031068214, -0.6381447582, -1.127089234, -0.0003415125926};
    enum { N = sizeof g / sizeof *g };
    double c[N];
    for (int i = 0; i < N; i++)
        c[i] = g[i] * by;
    return ll_poly(l, t, c, N);
}

/* |x| < 1: x + x*E(z): 2**-29; else 1 less erfc(|x|): 2**-30 of erf */
LLVMValueRef ll_erf(Ll *l, LLVMValueRef x, LLVMValueRef erfc)
{
    static const double c[] = {7.853857709e-05, -0.0008010192522, 0.00518832756, -0.02685381187, 0.1128358515, -0.3761262582, 0.1283791657};
    LLVMValueRef one = ll_fc(l, x, 1.0), small = ll_fma(l, x, ll_poly(l, ll_fmul(l, x, x), c, 7), x);
    LLVMValueRef big = ll_intr2(l, "llvm.copysign", ll_fsub(l, one, erfc), x);
    return ll_sel(l, ll_fcmp(l, LLVMRealOLT, ll_intr1(l, "llvm.fabs", x), one), small, big);
}

static LLVMValueRef erf_general(Ll *l, LLVMValueRef x)
{
    return ll_erf(l, x, exp_general(l, ll_log_erfc(l, clamp(l, ll_intr1(l, "llvm.fabs", x), 0.0, 4.0), 1)));
}

/* x - trunc(x/y)*y, corrected where the quotient was rounded up to the next integer. */
static LLVMValueRef rem_general(Ll *l, LLVMValueRef x, LLVMValueRef y)
{
    LLVMValueRef q = ll_intr1(l, "llvm.trunc", ll_fdiv(l, x, y)), a = ll_intr1(l, "llvm.fabs", y);
    LLVMValueRef r = ll_fma(l, LLVMBuildFNeg(l->b, q, ""), y, x), zero = ll_fc(l, x, 0.0);
    LLVMValueRef fixed = ll_fadd(l, r, ll_intr2(l, "llvm.copysign", a, x));
    LLVMValueRef wrong = ll_fcmp(l, LLVMRealOLT, ll_fmul(l, r, ll_intr2(l, "llvm.copysign", ll_fc(l, x, 1.0), x)), zero);
    r = ll_intr2(l, "llvm.copysign", ll_sel(l, wrong, fixed, r), x);
    LLVMValueRef whole = ll_fcmp(l, LLVMRealOEQ, a, ll_fc(l, x, INFINITY));
    LLVMValueRef finite = ll_fcmp(l, LLVMRealOLT, ll_intr1(l, "llvm.fabs", x), ll_fc(l, x, INFINITY));
    return ll_sel(l, LLVMBuildAnd(l->b, whole, finite, ""), x, r);
}

static LLVMValueRef algebraic(Ll *l, LirOpcode op, LLVMValueRef x, LLVMValueRef y)
{
    LLVMValueRef one = ll_fc(l, x, 1.0);
    switch (op) {
    case LIR_DIV:  return ll_fdiv(l, x, y);
    case LIR_RCP:  return ll_fdiv(l, one, x);
    case LIR_SQRT: return ll_intr1(l, "llvm.sqrt", x);
    case LIR_RSQRT:
        return ll_fdiv(l, one, ll_intr1(l, "llvm.sqrt", x));
    case LIR_REM:  return rem_general(l, x, y);
    default:       return NULL;
    }
}

static LLVMValueRef transcendental(Ll *l, LirOpcode op, LLVMValueRef x, LLVMValueRef y)
{
    switch (op) {
    case LIR_EXP:     return exp_general(l, x);
    case LIR_EXP2:    return exp2_general(l, x);
    case LIR_LOG:     return log_general(l, x);
    case LIR_LOG2:    return log2_general(l, x);
    case LIR_LOG1P:   return log1p_general(l, x);
    case LIR_TANH:    return tanh_general(l, x);
    case LIR_SIGMOID: return sigmoid_general(l, x);
    case LIR_ERF:     return erf_general(l, x);
    case LIR_SIN:     return ll_sincos(l, x, false);
    case LIR_COS:     return ll_sincos(l, x, true);
    case LIR_POW:     return ll_pow(l, x, y);
    default:          return NULL;
    }
}

LLVMValueRef ll_math(Ll *l, LirOpcode op, LLVMValueRef x, LLVMValueRef y, Span sp)
{
    LLVMTypeRef t = LLVMTypeOf(x);
    bool f32 = (LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetElementType(t) : t) == l->ty.f32;
    LLVMFastMathFlags keep = l->fmf;
    l->fmf = 0;
    LLVMValueRef r = f32 && !l->precise && l->hooks->fast ? l->hooks->fast(l, op, x, y) : NULL;
    if (!r && f32 && l->hooks->exact)
        r = l->hooks->exact(l, op, x);
    if (!r)
        r = algebraic(l, op, x, y);
    if (!r && !f32)
        ll_fail(l, DIAG_LIMIT, LG_EMIT, sp, "%s of f64", lir_op_name(op));
    if (!r)
        r = transcendental(l, op, x, y);
    l->fmf = keep;
    if (!r)
        ll_fail(l, DIAG_BUG, LG_EMIT, sp, "%s of floats", lir_op_name(op));
    return r;
}

/* eval_round.c: rounding a double to an element type, ties to even. */
#include "eval.h"

#include <math.h>

/* To p bits of mantissa with smallest normal exponent emin and largest finite value top. */
static double round_to(double v, int p, int emin, double top)
{
    int e;
    if (!isfinite(v) || v == 0)
        return v;
    frexp(v, &e);
    e = e - 1 < emin ? emin : e - 1;
    double unit = ldexp(1.0, e - p + 1), q = rint(v / unit) * unit;
    return fabs(q) > top ? copysign(INFINITY, v) : q;
}

static double saturate(double v, double lo, double hi) { return isnan(v) ? 0 : v < lo ? lo : v > hi ? hi : trunc(v); }

double eval_round(double v, DType t)
{
    switch (t) {
    case DT_F16:  return round_to(v, 11, -14, 65504.0);
    case DT_BF16: return round_to(v, 8, -126, ldexp(255.0 / 128.0, 127));
    case DT_F32:  return (double)(float)v;
    case DT_BOOL: return v != 0;
    case DT_I8:   return saturate(v, -128, 127);
    case DT_U8:   return saturate(v, 0, 255);
    case DT_I32:  return saturate(v, -2147483648.0, 2147483647.0);
    case DT_I64:  return saturate(v, -9223372036854775808.0, 9223372036854774784.0);
    default:      return v;
    }
}

double eval_round_to(double v, DType t, bool up)
{
    double r = eval_round(v, t), step = (v - r) * 2.5;
    if (r == v || !isfinite(r) || (r > v) == up)
        return r;
    for (double o; isfinite(step) && step != 0; step *= 2)        /* the value on the other side of v */
        if ((o = eval_round(r + step, t)) != r)
            return o;
    return r;
}

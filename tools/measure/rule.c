/* rule.c: how far numbers lie apart, in units of their type and as a whole. */
#include "measure.h"

#include <math.h>

double measure_unit(DLDataType t, double v)
{
    int e, p = t.code == kDLBfloat ? 8 : t.bits == 16 ? 11 : 24, least = t.code == kDLFloat && t.bits == 16 ? -14 : -126;
    frexp(v, &e);
    return ldexp(1, (v == 0 || e - 1 < least ? least : e - 1) - p + 1);
}

double measure_distance(const double *got, const void *want, DLDataType t, int64_t n, double factor)
{
    double d = 0, s = 0, rounded = t.code == kDLInt ? 0 : measure_unit(t, 0) / 2 * (1 + factor);
    for (int64_t k = 0; k < n; k++) {
        double w = measure_element(want, t, (size_t)k) * factor, off = fabs(got[k] - w);
        if (isnan(got[k]) != isnan(w) || (isinf(w) && got[k] != w))
            return INFINITY;
        if (!isfinite(w))
            continue;
        off = off > rounded ? off - rounded : 0;
        d += off * off;
        s += w * w;
    }
    return s > 0 ? sqrt(d / s) : sqrt(d);
}

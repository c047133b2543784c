/* tir_ext.c: extents: exact affine expressions of dims. */
#include "tir.h"

#include <string.h>

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

TirExt tir_ext_const(int64_t c) { return (TirExt){.c = c, .den = 1}; }

TirExt tir_ext_dim(uint32_t dim)
{
    TirExt e = {.den = 1};
    e.k[dim] = 1;
    return e;
}

TirExt tir_ext_norm(TirExt e)
{
    int64_t g = gcd(e.c, e.den);
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        g = gcd(g, e.k[i]);
    if (g <= 1)
        return e;
    e.c /= g;
    e.den /= g;
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        e.k[i] /= g;
    return e;
}

TirExt tir_ext_add(TirExt a, TirExt b, int64_t sign)
{
    TirExt r = {.den = a.den * b.den};
    r.c = a.c * b.den + sign * b.c * a.den;
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        r.k[i] = a.k[i] * b.den + sign * b.k[i] * a.den;
    return tir_ext_norm(r);
}

TirExt tir_ext_scale(TirExt a, int64_t num, int64_t den)
{
    a.c *= num;
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        a.k[i] *= num;
    a.den *= den;
    return tir_ext_norm(a);
}

bool tir_ext_eq(TirExt a, TirExt b)
{
    a = tir_ext_norm(a);
    b = tir_ext_norm(b);
    return a.c == b.c && a.den == b.den && !memcmp(a.k, b.k, sizeof a.k);
}

bool tir_ext_is_const(TirExt e, int64_t *v)
{
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        if (e.k[i])
            return false;
    *v = e.c / e.den;
    return e.c % e.den == 0;
}

bool tir_ext_eval(TirExt e, const int64_t *dims, int64_t *out)
{
    int64_t sum = e.c;
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        if (e.k[i])
            sum += e.k[i] * dims[i];
    *out = sum / e.den;
    return sum % e.den == 0 && sum >= 0;
}

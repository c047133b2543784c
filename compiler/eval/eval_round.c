/* eval_round.c: rounding a double to an element type, ties to even. */
#include "eval_in.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A format below double: mantissa bits that go, 2 to its least exponent, the unit there and its inverse, the largest finite value. */
typedef struct Narrow { int drop; double least, unit, per, top; } Narrow;

static const Narrow f16 = {42, 0x1p-14, 0x1p-24, 0x1p24, 65504.0}, bf16 = {45, 0x1p-126, 0x1p-133, 0x1p133, 0x1.fep127};

static uint64_t bits_of(double v)
{
    uint64_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}

static double of_bits(uint64_t b)
{
    double v;
    memcpy(&v, &b, sizeof v);
    return v;
}

static double bounded(double q, const Narrow *n) { return fabs(q) > n->top ? copysign(INFINITY, q) : q; }

/* To nearest, ties to even: half a unit less one, and the last bit that stays, are added; a carry runs into the exponent. */
static double round_to(double v, const Narrow *n)
{
    if (!isfinite(v))
        return v;
    if (fabs(v) < n->least)
        return copysign(rint(v * n->per) * n->unit, v);
    uint64_t b = bits_of(v), half = (uint64_t)1 << (n->drop - 1);
    b += half - 1 + (b >> n->drop & 1);
    return bounded(of_bits(b >> n->drop << n->drop), n);
}

/* The format's next value from r, which is one, up or down. */
static double next_to(double r, bool up, const Narrow *n)
{
    if (fabs(r) < n->least || (fabs(r) == n->least && up != (r > 0)))
        return r + (up ? n->unit : -n->unit);
    uint64_t one = (uint64_t)1 << n->drop;
    return bounded(of_bits(up == (r > 0) ? bits_of(r) + one : bits_of(r) - one), n);
}

static double saturate(double v, double lo, double hi) { return isnan(v) ? 0 : v < lo ? lo : v > hi ? hi : trunc(v); }

double eval_round(double v, DType t)
{
    switch (t) {
    case DT_F16:  return round_to(v, &f16);
    case DT_BF16: return round_to(v, &bf16);
    case DT_F32:  return (double)(float)v;
    case DT_BOOL: return v != 0;
    case DT_I8:   return saturate(v, -128, 127);
    case DT_U8:   return saturate(v, 0, 255);
    case DT_I32:  return saturate(v, -2147483648.0, 2147483647.0);
    case DT_I64:  return saturate(v, -9223372036854775808.0, 9223372036854774784.0);
    default:      return v;
    }
}

int64_t eval_wrap(int64_t v, DType t)
{
    switch (t) {
    case DT_I8:  return (int8_t)v;
    case DT_U8:  return (uint8_t)v;
    case DT_I32: return (int32_t)v;
    default:     return v;
    }
}

double eval_round_to(double v, DType t, bool up)
{
    double r = eval_round(v, t);
    if (r == v || !isfinite(r) || (r > v) == up)
        return r;
    double o = t == DT_F16 ? next_to(r, up, &f16) : t == DT_BF16 ? next_to(r, up, &bf16) : t == DT_F32 ? (double)nextafterf((float)r, up ? INFINITY : -INFINITY) : r;
    return o == 0 ? copysign(o, v) : o;
}

/* Of f32 alone in one turn: the next value is the next integer, as its bits have it, and which of both it is no branch tells. */
static double jitter_f32(double v, bool up)
{
    float r = (float)v;
    int32_t b;
    if (!(fabsf(r) <= FLT_MAX) || r == 0)
        return eval_round_to(v, DT_F32, up);
    memcpy(&b, &r, sizeof b);
    b += (int32_t)(((double)r != v) & (((double)r > v) != up)) * ((r > 0) == up ? 1 : -1);
    memcpy(&r, &b, sizeof r);
    return r == 0 ? copysign(0, v) : (double)r;
}

void eval_jitter(double *v, int64_t n, DType t, uint64_t *tick)
{
    for (int64_t k = 0; k < n; k++) {
        uint64_t x = ++*tick * 0x9e3779b97f4a7c15u;      /* the seed stands in its upper bits: they must tell too */
        bool up = (x ^ x >> 32) * 0xd6e8feb86659fd93u >> 63;
        v[k] = t == DT_F32 ? jitter_f32(v[k], up) : eval_round_to(v[k], t, up);
    }
}

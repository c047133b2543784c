/* check_data.c: deterministic inputs and the element types in memory. */
#include "check_rule.h"

#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

double check_random(uint64_t seed, uint64_t i)
{
    uint64_t a = mix(seed * 0x2545f4914f6cdd1du + i * 2), b = mix(a ^ (i * 2 + 1));
    double u = ((double)(a >> 11) + 1) / 9007199254740993.0, v = (double)(b >> 11) / 9007199254740992.0;
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

double check_uniform(uint64_t seed, uint64_t i) { return (double)(mix(seed ^ mix(i)) >> 11) / 9007199254740992.0; }

double check_value(SemaInput kind, uint64_t seed, uint64_t i)
{
    double x = check_random(seed, i);
    bool odd_one = mix(seed ^ i * 77) % 97 == 0;
    switch (kind) {
    case SEMA_INPUT_LARGE: return 256 * x;
    case SEMA_INPUT_TINY:  return ldexp(x, -14);
    case SEMA_INPUT_ZERO:  return 0;
    case SEMA_INPUT_NAN:   return odd_one ? NAN : x;
    case SEMA_INPUT_INF:   return odd_one ? (x < 0 ? -INFINITY : INFINITY) : x;
    default:               return x;
    }
}

static uint16_t half_bits(double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    double a = fabs(v);
    int e;
    if (isnan(v))
        return 0x7e00;
    if (a > 65504)
        return sign | 0x7c00;
    if (a < ldexp(1, -14))
        return sign | (uint16_t)ldexp(a, 24);
    double m = frexp(a, &e);
    return sign | (uint16_t)((e + 14) << 10) | (uint16_t)((m * 2 - 1) * 1024);
}

static double half_value(uint16_t b)
{
    int e = b >> 10 & 31, m = b & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1 + m / 1024.0, e - 15) : ldexp(m, -24);
    return b & 0x8000 ? -v : v;
}

/* v is already rounded to t. */
void check_encode(void *to, DType t, double v)
{
    float f = (float)v;
    uint32_t bits;
    uint16_t h;
    int64_t i = isfinite(v) ? (int64_t)v : 0;
    int32_t w = (int32_t)i;
    uint8_t b = (uint8_t)i;
    memcpy(&bits, &f, 4);
    switch (t) {
    case DT_F32:  memcpy(to, &f, 4); break;
    case DT_F64:  memcpy(to, &v, 8); break;
    case DT_BF16: h = (uint16_t)(isnan(v) ? 0x7fc0 : bits >> 16); memcpy(to, &h, 2); break;
    case DT_F16:  h = half_bits(v); memcpy(to, &h, 2); break;
    case DT_I64:  memcpy(to, &i, 8); break;
    case DT_I32:  memcpy(to, &w, 4); break;
    default:      memcpy(to, &b, 1); break;
    }
}

double check_decode(const void *from, DType t)
{
    float f;
    double v;
    uint32_t bits;
    uint16_t h;
    int64_t i;
    int32_t w;
    int8_t c;
    switch (t) {
    case DT_F32:  memcpy(&f, from, 4); return (double)f;
    case DT_F64:  memcpy(&v, from, 8); return v;
    case DT_BF16: memcpy(&h, from, 2); bits = (uint32_t)h << 16; memcpy(&f, &bits, 4); return (double)f;
    case DT_F16:  memcpy(&h, from, 2); return half_value(h);
    case DT_I64:  memcpy(&i, from, 8); return (double)i;
    case DT_I32:  memcpy(&w, from, 4); return w;
    case DT_I8:   memcpy(&c, from, 1); return c;
    default:      return *(const uint8_t *)from;
    }
}

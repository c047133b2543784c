/* sim_half.c: conversions between element types, 16-bit floats included.
 *
 * Floats round to nearest even; float to integer truncates and saturates, NaN is 0; integers wrap; to bool is "not zero".
 * Conversions to and from 16-bit floats go through f32, as the emitted code does.
 */
#include "sim_in.h"

#include <string.h>

static inline uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

static inline float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static inline uint16_t to_bf16(float x)
{
    uint32_t u = bits_of(x);
    return (uint16_t)((x != x ? u | 0x400000 : u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* Adding 2**(e+13) to a number of exponent e leaves the ten bits of f16 in the float's last ones, rounded. */
static inline uint16_t to_f16(float x)
{
    uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x47800000)
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000)                                              /* below 2**-14: steps of 2**-24 */
        return (uint16_t)(sign | (bits_of(float_of(a) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((a + 0xfff + (a >> 13 & 1) - 0x38000000) >> 13));
}

static inline float from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff;
    if (e == 31)
        return float_of(sign | 0x7f800000 | m << 13 | (m ? 0x400000 : 0));
    if (e == 0)
        return sign ? -(float)m * 0x1p-24f : (float)m * 0x1p-24f;
    return float_of(sign | ((e + 112) << 23) | m << 13);
}

void sim_widen(DType dt, float *d, const void *av, size_t n)
{
    const uint16_t *a = av;
    if (dt == DT_BF16)
        for (size_t i = 0; i < n; i++)
            d[i] = float_of((uint32_t)a[i] << 16);
    else
        for (size_t i = 0; i < n; i++)
            d[i] = from_f16(a[i]);
}

void sim_narrow(DType dt, void *dv, const float *a, size_t n)
{
    uint16_t *d = dv;
    if (dt == DT_BF16)
        for (size_t i = 0; i < n; i++)
            d[i] = to_bf16(a[i]);
    else
        for (size_t i = 0; i < n; i++)
            d[i] = to_f16(a[i]);
}

#define CAST(S, D, A, expr) \
    static void S(void *dv, const void *av, const void *bv, const void *cv, size_t n) \
    { \
        D *restrict d = dv; \
        const A *a = av; \
        (void)bv; (void)cv; \
        for (size_t i = 0; i < n; i++) \
            d[i] = (D)(expr); \
    }
#define SATURATE(lo, hi) (a[i] != a[i] ? 0 : a[i] <= (lo) ? (lo) : a[i] >= (hi) ? (hi) : a[i])
#define FROM_INT(S, A) \
    CAST(S##_bool, uint8_t, A, a[i] != 0) CAST(S##_i8, int8_t, A, a[i]) CAST(S##_u8, uint8_t, A, a[i]) CAST(S##_i32, int32_t, A, a[i]) \
    CAST(S##_i64, int64_t, A, a[i]) CAST(S##_f32, float, A, a[i]) CAST(S##_f64, double, A, a[i])
#define FROM_FLOAT(S, A) \
    CAST(S##_bool, uint8_t, A, a[i] != 0) CAST(S##_i8, int8_t, A, SATURATE(-128, 127)) CAST(S##_u8, uint8_t, A, SATURATE(0, 255)) \
    CAST(S##_i32, int32_t, A, (int64_t)SATURATE(-0x1p31, 0x1p31 - 1)) \
    CAST(S##_i64, int64_t, A, a[i] != a[i] ? 0 : a[i] < (A)-0x1p63 ? INT64_MIN : a[i] >= (A)0x1p63 ? INT64_MAX : (int64_t)a[i]) \
    CAST(S##_f32, float, A, a[i]) CAST(S##_f64, double, A, a[i])
FROM_INT(u8, uint8_t)
FROM_INT(i8, int8_t)
FROM_INT(i32, int32_t)
FROM_INT(i64, int64_t)
FROM_FLOAT(f32, float)
FROM_FLOAT(f64, double)

#define TO_ALL(S) {[DT_BOOL] = S##_bool, [DT_I8] = S##_i8, [DT_U8] = S##_u8, [DT_I32] = S##_i32, [DT_I64] = S##_i64, [DT_F32] = S##_f32, [DT_F64] = S##_f64}
static const SimElem table[DT_COUNT][DT_COUNT] = {
    [DT_BOOL] = TO_ALL(u8), [DT_U8] = TO_ALL(u8), [DT_I8] = TO_ALL(i8), [DT_I32] = TO_ALL(i32), [DT_I64] = TO_ALL(i64),
    [DT_F32] = TO_ALL(f32), [DT_F64] = TO_ALL(f64),
};

SimElem sim_elem_cast(DType from, DType to) { return table[from][to]; }

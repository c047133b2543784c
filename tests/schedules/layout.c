/* layout.c: see layout.h. */
#include "layout.h"

#include <math.h>
#include <string.h>

uint64_t rnd(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t rnd_below(uint64_t *seed, uint32_t n) { return (uint32_t)(rnd(seed) >> 16) % n; }

static void add_range(Call *c, Arena *a, const uint8_t *p, int64_t bytes)
{
    *ARENA_PUSH(a, c->bufs, c->nbufs, c->capbufs) = (SimBuffer){(uint64_t)(uintptr_t)p, (uint64_t)bytes};
}

static void add_ranges(Call *c, Arena *a, uint32_t t)
{
    const Tensor *x = &c->tensor[t];
    int bytes = dt_bytes(c->tir->tensors[t].dt), rank = c->tir->tensors[t].rank;
    int64_t rows = rank > 1 ? x->shape[0] : 1, n = x->shape[rank - 1], step = x->stride[rank - 1];
    if (rows > 0 && n > 0 && step == 1)
        for (int64_t r = 0; r < rows; r++)
            add_range(c, a, x->data + (rank > 1 ? r * x->stride[0] : 0) * bytes, n * bytes);
    else if (rows > 0 && n > 0)
        add_range(c, a, x->data, ((rows - 1) * (rank > 1 ? x->stride[0] : 0) + (n - 1) * step + 1) * bytes);
}

static void place(Call *c, uint32_t t, Layout how, uint64_t *own, uint64_t *shared, Arena *a)
{
    const TirTensor *tt = &c->tir->tensors[t];
    Tensor *x = &c->tensor[t];
    int bytes = dt_bytes(tt->dt);
    for (int i = 0; i < tt->rank; i++)
        tir_ext_eval(tt->shape[i], c->dims, &x->shape[i]);
    int64_t n = x->shape[tt->rank - 1], rows = tt->rank > 1 ? x->shape[0] : 1;
    uint32_t so = rnd_below(shared, 16), sp = rnd_below(shared, 33), oo = rnd_below(own, 16), op = rnd_below(own, 33);
    int64_t step = how == LAYOUT_ODD ? 1 + rnd_below(own, 3) : 1;
    int64_t shift = how == LAYOUT_SHIFTED ? so : how == LAYOUT_ODD ? oo : 0;
    int64_t pitch = n * step + (how == LAYOUT_SHIFTED ? sp : how == LAYOUT_ODD ? op : 0);
    if (how == LAYOUT_PADDED)
        pitch = (pitch + 15) / 16 * 16 + 16 * (op % 3);
    size_t size = (size_t)((rows * pitch + shift + 64) * bytes) + 64;
    uint8_t *mem = arena_alloc(a, size);
    memset(mem, 0xdb, size);
    mem += -(uintptr_t)mem & 63;
    x->data = mem + shift * bytes;
    x->stride[0] = tt->rank > 1 ? pitch : step;
    if (tt->rank > 1)
        x->stride[1] = step;
    add_ranges(c, a, t);
}

void layout_place(Call *c, Layout how, uint64_t seed, Arena *a)
{
    uint64_t own = seed;
    c->nbufs = 0;
    for (uint32_t t = 0; t < c->tir->ntensors; t++) {
        uint64_t shared = seed + 1;
        place(c, t, how, &own, &shared, a);
    }
}

static double quantum(double v, int digits, int emin)
{
    int e;
    frexp(v, &e);
    return ldexp(1, (e - 1 < emin ? emin : e - 1) - digits + 1);
}

double layout_round(DType dt, double v)
{
    if (!isfinite(v) || v == 0 || dt == DT_F64)
        return v;
    if (dt == DT_F32)
        return (float)v;
    if (dt != DT_F16 && dt != DT_BF16)
        return trunc(v);
    double q = dt == DT_F16 ? quantum(v, 11, -14) : quantum(v, 8, -126), r = nearbyint(v / q) * q;
    return fabs(r) > (dt == DT_F16 ? 65504 : 0x1.fep127) ? copysign(INFINITY, v) : r;
}

static uint8_t *at(const Call *c, uint32_t t, int64_t row, int64_t col)
{
    const Tensor *x = &c->tensor[t];
    int64_t e = c->tir->tensors[t].rank > 1 ? row * x->stride[0] + col * x->stride[1] : col * x->stride[0];
    return x->data + e * dt_bytes(c->tir->tensors[t].dt);
}

double layout_get(const Call *c, uint32_t t, int64_t row, int64_t col)
{
    const uint8_t *p = at(c, t, row, col);
    uint16_t h;
    uint32_t u = 0;
    float f;
    int64_t i;
    memcpy(&h, p, 2);
    switch (c->tir->tensors[t].dt) {
    case DT_F32: memcpy(&f, p, 4); return f;
    case DT_I64: memcpy(&i, p, 8); return (double)i;
    case DT_BF16: u = (uint32_t)h << 16; memcpy(&f, &u, 4); return f;
    default: {
        int e = h >> 10 & 31, m = h & 1023;
        double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
        return h >> 15 ? -v : v;
    }
    }
}

static uint16_t f16_bits(double v)
{
    double a = fabs(v);
    int e;
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    if (isnan(v) || isinf(v))
        return sign | 0x7c00 | (isnan(v) ? 0x200 : 0);
    if (a < 0x1p-14)
        return sign | (uint16_t)ldexp(a, 24);
    frexp(a, &e);
    return sign | (uint16_t)(((e + 14) << 10) + (int)ldexp(a, 11 - e) - 1024);
}

void layout_put(const Call *c, uint32_t t, int64_t row, int64_t col, double v)
{
    DType dt = c->tir->tensors[t].dt;
    v = layout_round(dt, v);
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    uint16_t h = dt == DT_BF16 ? (uint16_t)(u >> 16) : f16_bits(v);
    int64_t i = (int64_t)(dt == DT_I64 ? v : 0);
    memcpy(at(c, t, row, col), dt == DT_F32 ? (void *)&f : dt == DT_I64 ? (void *)&i : (void *)&h, (size_t)dt_bytes(dt));
}

/* spec_place.c: see spec_place.h. */
#include "spec_place.h"

#include <string.h>

#include "layout.h"

enum { GUARD_BYTES = 64, POISON = 0xdb };

const char *const place_names[PLACE_COUNT] = {"tight", "padded", "shifted", "odd"};

static int64_t up_to(int64_t v, int64_t to) { return (v + to - 1) / to * to; }

/* Strides from the innermost outwards; the first pitch is what makes rows line up or not. Gives the elements spanned. */
static int64_t choose_strides(Tensor *x, int rank, PlaceKind how, uint64_t *own, uint64_t *shared)
{
    int64_t span = how == PLACE_ODD && rnd_below(own, 2) ? 2 + rnd_below(own, 2) : 1;
    uint32_t common = rnd_below(shared, 33);
    for (int i = rank - 1; i >= 0; i--) {
        x->stride[i] = span;
        span *= x->shape[i] ? x->shape[i] : 1;
        if (how == PLACE_PADDED)
            span = up_to(span, 32) + 32 * rnd_below(own, 3);
        if (how == PLACE_SHIFTED && i == rank - 1)
            span = up_to(span, 64) + common;
        if (how == PLACE_ODD)
            span += rnd_below(own, 33);
    }
    return span;
}

static size_t at(const Call *c, uint32_t t, int64_t flat)
{
    const Tensor *x = &c->tensor[t];
    int64_t e = 0;
    for (int i = c->tir->tensors[t].rank - 1; i >= 0; i--) {
        e += flat % x->shape[i] * x->stride[i];
        flat /= x->shape[i];
    }
    return (size_t)(e * dt_bytes(c->tir->tensors[t].dt));
}

/* What the kernel may touch: each innermost run where it is dense, else each element's row as a whole; those that follow one another are one. */
static void add_ranges(Call *c, uint32_t t, int64_t count, Arena *a)
{
    const Tensor *x = &c->tensor[t];
    int rank = c->tir->tensors[t].rank, bytes = dt_bytes(c->tir->tensors[t].dt);
    int64_t n = rank ? x->shape[rank - 1] : 1, step = rank ? x->stride[rank - 1] : 1;
    for (int64_t k = 0; k < count; k += n) {
        SimBuffer b = {(uint64_t)(uintptr_t)(x->data + at(c, t, k)), (uint64_t)(((n - 1) * step + 1) * bytes)};
        SimBuffer *last = k ? &c->bufs[c->nbufs - 1] : NULL;
        if (last && last->addr + last->bytes == b.addr)
            last->bytes += b.bytes;
        else
            *ARENA_PUSH(a, c->bufs, c->nbufs, c->capbufs) = b;
    }
}

static void place_one(SpecPlace *p, Call *c, const SpecCall *call, uint32_t t, PlaceKind how, uint64_t *own, uint64_t shared, Arena *a)
{
    const TirTensor *tt = &c->tir->tensors[t];
    Tensor *x = &c->tensor[t];
    int bytes = dt_bytes(tt->dt);
    int64_t shift = how == PLACE_SHIFTED ? rnd_below(&shared, 16) : how == PLACE_ODD ? rnd_below(own, 16) : 0;
    int64_t span = choose_strides(x, tt->rank, how, own, &shared);
    p->size[t] = (size_t)((shift + span) * bytes) + 2 * GUARD_BYTES;
    p->mem[t] = arena_alloc(a, p->size[t] + 63);
    p->mem[t] += -(uintptr_t)p->mem[t] & 63;
    memset(p->mem[t], POISON, p->size[t]);
    x->data = p->mem[t] + GUARD_BYTES + shift * bytes;
    for (int64_t k = 0; tt->mode != TIR_OUT && tt->mode != TIR_SCRATCH && k < call->o.count[t]; k++)
        check_encode(x->data + at(c, t, k), tt->dt, call->o.given[t][k]);
    add_ranges(c, t, call->o.count[t], a);
}

void place_all(SpecPlace *p, Call *c, const SpecCall *call, PlaceKind how, bool in_place, uint64_t seed, Arena *a)
{
    uint64_t own = seed;
    c->nbufs = 0;
    for (uint32_t t = 0; t < c->tir->ntensors; t++) {
        const TirTensor *tt = &c->tir->tensors[t];
        for (int i = 0; i < tt->rank; i++)
            tir_ext_eval(tt->shape[i], c->dims, &c->tensor[t].shape[i]);
        if (!tt->absent && !(in_place && tt->over))
            place_one(p, c, call, t, how, &own, seed + 1, a);
    }
    for (uint32_t t = 0; t < c->tir->ntensors; t++) {
        const TirTensor *tt = &c->tir->tensors[t];
        if (!tt->absent && in_place && tt->over)
            c->tensor[t] = c->tensor[tt->over - 1];
        if (p->mem[t]) {
            p->before[t] = arena_alloc(a, p->size[t]);
            memcpy(p->before[t], p->mem[t], p->size[t]);
        }
    }
}

static bool compare_tensor(const Call *c, SpecCall *call, uint32_t t, Arena *a, Buf *why)
{
    const TirTensor *tt = &c->tir->tensors[t];
    double *got = ARENA_ARRAY(a, double, call->o.count[t] + 1);
    for (int64_t k = 0; k < call->o.count[t]; k++)
        got[k] = check_decode(c->tensor[t].data + at(c, t, k), tt->dt);
    CheckFound f = check_tensor(&call->o, t, got);
    if (f.verdict == CHECK_PASSES)
        return true;
    buf_printf(why, "%s, element %lld is %.9g, the oracle has %.9g and eager %.9g (worst error of eager %.3g, scale %.3g)", tt->name, (long long)f.at, got[f.at],
               call->o.exact[t][f.at], call->o.eager[t][f.at], f.rule.eager_err, f.rule.scale);
    return false;
}

/* The tensor whose memory t lies in. */
static uint32_t home_of(const SpecPlace *p, const Call *c, uint32_t t) { return p->mem[t] ? t : (uint32_t)(c->tir->tensors[t].over - 1); }

bool place_compare(SpecPlace *p, const Call *c, SpecCall *call, Arena *a, Buf *why)
{
    for (uint32_t t = 0; t < c->tir->ntensors; t++) {
        const TirTensor *tt = &c->tir->tensors[t];
        if (tt->mode == TIR_SCRATCH && p->mem[t])
            memcpy(p->before[t], p->mem[t], p->size[t]);
        if (tt->mode == TIR_IN || tt->mode == TIR_SCRATCH || tt->absent)
            continue;
        if (!compare_tensor(c, call, t, a, why))
            return false;
        uint32_t home = home_of(p, c, t);
        for (int64_t k = 0; k < call->o.count[t]; k++) {
            uint8_t *now = c->tensor[t].data + at(c, t, k);
            memcpy(p->before[home] + (now - p->mem[home]), now, (size_t)dt_bytes(tt->dt));
        }
    }
    for (uint32_t t = 0; t < c->tir->ntensors; t++)
        if (p->mem[t] && memcmp(p->mem[t], p->before[t], p->size[t])) {
            buf_printf(why, "%s: bytes between or around its elements were written", c->tir->tensors[t].name);
            return false;
        }
    return true;
}

/* sim_vec.c: leaves, variables, operations on the elements of a vector, shuffles between the lanes of a warp. */
#include "sim_in.h"

#include <string.h>

/* ---- leaves: written when planned, but for the block's index ---- */

static void nothing(Sim *s, Step *st) { (void)s; (void)st; }

static void fill(const Step *st, const void *elem)
{
    for (size_t i = 0; i < st->n; i++)
        memcpy((char *)st->d + i * st->bytes, elem, st->bytes);
}

static void fill_int(const Step *st, int64_t v)
{
    if (st->o->dt == DT_BOOL)
        v = v != 0;
    fill(st, &v);                                   /* little-endian: the low bytes come first */
}

static void fill_const(const Step *st)
{
    const LirOp *o = st->o;
    float f = (float)o->imm.f;
    uint16_t h;
    if (o->dt == DT_F64)
        fill(st, &o->imm.f);
    else if (o->dt == DT_F32)
        fill(st, &f);
    else if (dt_is_float(o->dt)) {
        sim_narrow(o->dt, &h, &f, 1);
        fill(st, &h);
    } else
        fill_int(st, o->imm.i);
}

static void fill_steps(const Step *st)
{
    for (size_t i = 0; i < st->n; i++) {
        int64_t v = (int64_t)(i % st->lanes);
        memcpy((char *)st->d + i * st->bytes, &v, st->bytes);
    }
}

static void run_block(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++)
        ((int32_t *)st->d)[t] = (int32_t)(t / s->fn->threads + (st->o->op == LIR_CTAID ? s->cta : 0));
}

static bool plan_leaf(Sim *s, Step *st)
{
    st->run = nothing;
    switch (st->o->op) {
    case LIR_CONST:   fill_const(st); return true;
    case LIR_WORD:    fill_int(st, (int64_t)s->words[st->o->imm.i]); return true;
    case LIR_STEPS:   fill_steps(st); return true;
    case LIR_NCTAID:  fill_int(st, s->nctas); return true;
    case LIR_CTAID:
    case LIR_CTARANK: st->run = run_block; return true;
    case LIR_TID:
        for (uint32_t t = 0; t < s->threads; t++)
            ((int32_t *)st->d)[t] = (int32_t)(t % s->fn->threads);
        return true;
    default:
        return false;
    }
}

/* ---- copies and variables ---- */

static void run_copy(Sim *s, Step *st)
{
    memcpy(st->d, st->a[0], st->n * st->bytes);
    sim_taint(s, st);
}

static void set_poison(Sim *s, Step *var, const Step *v)
{
    if (!var->tainted && !v->tainted)
        return;
    uint8_t *p = sim_poison(s, var);
    if (!var->tainted)
        memset(p, 0, var->n);
    for (uint32_t t = 0; t < s->threads; t++)
        for (uint32_t i = 0; s->mask[t] && i < var->lanes; i++)
            p[t * var->lanes + i] = v->tainted && v->poison[t * var->lanes + i];
    var->tainted = memchr(p, 1, var->n) != NULL;
}

static void run_set(Sim *s, Step *st)
{
    Step *var = st->from[0];
    size_t row = (size_t)var->lanes * var->bytes;
    if (s->active == s->threads)
        memcpy(var->d, st->a[1], var->n * var->bytes);
    else
        for (uint32_t t = 0; t < s->threads; t++)
            if (s->mask[t])
                memcpy((char *)var->d + t * row, (char *)st->a[1] + t * row, row);
    set_poison(s, var, st->from[1]);
}

/* ---- elements of vectors ---- */

static void run_splat(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++)
        for (uint32_t i = 0; i < st->lanes; i++)
            memcpy((char *)st->d + ((size_t)t * st->lanes + i) * st->bytes, (char *)st->a[0] + (size_t)t * st->bytes, st->bytes);
    sim_taint(s, st);
}

static void run_extract(Sim *s, Step *st)
{
    size_t row = (size_t)st->from[0]->lanes * st->bytes, at = (size_t)st->o->imm.i * st->bytes;
    for (uint32_t t = 0; t < s->threads; t++)
        memcpy((char *)st->d + (size_t)t * st->bytes, (char *)st->a[0] + t * row + at, st->bytes);
    sim_taint(s, st);
}

static void run_concat(Sim *s, Step *st)
{
    size_t ra = (size_t)st->from[0]->lanes * st->bytes, rb = (size_t)st->from[1]->lanes * st->bytes;
    for (uint32_t t = 0; t < s->threads; t++) {
        memcpy((char *)st->d + t * (ra + rb), (char *)st->a[0] + t * ra, ra);
        memcpy((char *)st->d + t * (ra + rb) + ra, (char *)st->a[1] + t * rb, rb);
    }
    sim_taint(s, st);
}

static void run_insert(Sim *s, Step *st)
{
    size_t row = (size_t)st->lanes * st->bytes;
    memcpy(st->d, st->a[0], row * s->threads);
    sim_taint(s, st);
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t i = ((const uint32_t *)st->a[2])[t];
        if (i < st->lanes)
            memcpy((char *)st->d + t * row + i * st->bytes, (char *)st->a[1] + t * st->bytes, st->bytes);
    }
}

static void run_slide(Sim *s, Step *st)
{
    const Step *v = st->from[0];
    size_t row = (size_t)st->lanes * st->bytes;
    st->tainted = v->tainted;
    uint8_t *poison = v->tainted ? sim_poison(s, st) : NULL;
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t from = ((const uint32_t *)st->a[1])[t], most = v->lanes - st->lanes;
        if (s->mask[t] && from >= most)
            sim_fault(s, st, t, "slides by %u of %u elements", from, most);
        from = from < most ? from : 0;
        memcpy((char *)st->d + t * row, (const char *)st->a[0] + ((size_t)t * v->lanes + from) * st->bytes, row);
        if (poison)
            memcpy(poison + (size_t)t * st->lanes, v->poison + (size_t)t * v->lanes + from, st->lanes);
    }
}

/* Halves of every thread's vector side by side in wide[0] and wide[1]. */
static void split(Sim *s, const void *v, uint32_t half, uint32_t bytes)
{
    size_t row = (size_t)half * bytes;
    for (uint32_t t = 0; t < s->threads; t++) {
        memcpy((char *)s->wide[0] + t * row, (const char *)v + 2 * t * row, row);
        memcpy((char *)s->wide[1] + t * row, (const char *)v + (2 * t + 1) * row, row);
    }
}

/* Element i with element i + n/2, then the halves of that; 16-bit floats in f32, rounded at the end. */
static void run_fold(Sim *s, Step *st)
{
    const Step *f = st->from[0];
    bool half = f->bytes == 2;
    const void *v = st->a[0];
    uint32_t bytes = half ? 4 : f->bytes;
    if (half) {
        sim_widen(st->o->dt, s->wide[2], v, f->n);
        v = s->wide[2];
    }
    for (uint32_t n = f->lanes / 2; n; n /= 2) {
        split(s, v, n, bytes);
        st->elem(s->wide[3], s->wide[0], s->wide[1], NULL, (size_t)s->threads * n);
        v = s->wide[3];
    }
    if (half)
        sim_narrow(st->o->dt, st->d, v, st->n);
    else
        memcpy(st->d, v, st->n * bytes);
    sim_taint(s, st);
}

/* ---- shuffles ---- */

static uint32_t source(const Sim *s, const Step *st, uint32_t t)
{
    uint32_t lane = t % s->wsize, from = (uint32_t)st->o->imm.i;
    return t - lane + (st->o->op == LIR_BFLY ? lane ^ from : from);
}

static void run_shuffle(Sim *s, Step *st)
{
    const Step *f = st->from[0];
    sim_taint(s, st);
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t from = source(s, st, t);
        if (!s->mask[t])
            continue;
        if (from >= s->threads || !s->mask[from]) {
            sim_fault(s, st, t, "takes the value of thread %u, which is not there", from);
            continue;
        }
        memcpy((char *)st->d + (size_t)t * st->bytes, (char *)st->a[0] + (size_t)from * st->bytes, st->bytes);
        if (st->tainted)
            st->poison[t] = f->poison[from];
    }
}

static void run_alike(Sim *s, Step *st)
{
    const int32_t *a = st->a[0];
    int32_t *d = st->d, bits = (int32_t)(0xffffffffu >> (32 - st->o->imm.i));
    sim_taint(s, st);
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t first = t - t % s->wsize, before = 0, all = 0;
        if (!s->mask[t])
            continue;
        for (uint32_t u = first; u < first + s->wsize; u++) {
            if (u >= s->threads || !s->mask[u])
                sim_fault(s, st, t, "is compared with thread %u, which is not there", u);
            else if (!((a[u] ^ a[t]) & bits)) {
                before += u < t;
                all++;
            }
        }
        d[t] = (int32_t)(before | all << 16);
    }
}

static void run_warp_sum(Sim *s, Step *st)
{
    const int32_t *a = st->a[0];
    int32_t *d = st->d;
    sim_taint(s, st);
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t first = t - t % s->wsize, sum = 0;
        if (!s->mask[t])
            continue;
        for (uint32_t u = first; u < first + s->wsize; u++) {
            if (u >= s->threads || !s->mask[u])
                sim_fault(s, st, t, "is added to thread %u, which is not there", u);
            else
                sum += (uint32_t)a[u];
        }
        d[t] = (int32_t)sum;
    }
}

static LirOpcode fold_op(LirOpcode op) { return op == LIR_HSUM ? LIR_ADD : op == LIR_HMAX ? LIR_MAX : LIR_MIN; }

bool sim_plan_vec(Sim *s, Step *st)
{
    LirOpcode op = st->o->op;
    switch (op) {
    case LIR_NOP:     st->run = nothing; return true;
    case LIR_VAR: case LIR_GET: case LIR_OPAQUE: case LIR_BITS:
                      st->run = run_copy; return true;
    case LIR_SET:     st->run = run_set; return true;
    case LIR_SPLAT:   st->run = run_splat; return true;
    case LIR_EXTRACT: st->run = run_extract; return true;
    case LIR_CONCAT:  st->run = run_concat; return true;
    case LIR_SLIDE:   st->run = run_slide; return true;
    case LIR_INSERT:  st->run = run_insert; return true;
    case LIR_HSUM: case LIR_HMAX: case LIR_HMIN:
                      st->run = run_fold;
                      st->elem = sim_elem(fold_op(op), st->bytes == 2 ? DT_F32 : st->o->dt);
                      return st->elem != NULL;
    case LIR_BFLY: case LIR_BCAST:
                      st->run = run_shuffle; return true;
    case LIR_ALIKE:   st->run = run_alike; return true;
    case LIR_WSUM:    st->run = run_warp_sum; return true;
    default:          return plan_leaf(s, st);
    }
}

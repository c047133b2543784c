/* launch.c: see launch.h. */
#include "launch.h"
#include "lgk.h"

#include <stdio.h>
#include <string.h>

static int64_t extent(const Call *c, TirExt e)
{
    int64_t v = 0;
    tir_ext_eval(e, c->dims, &v);
    return v;
}

static int64_t instances(const Call *c)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < c->low->ninst; i++)
        n *= extent(c, c->low->inst_ext[i]);
    return n;
}

static const Call *of_nest(const Call *c, int nest) { return nest ? c->next : c; }

/* ---- conditions ---- */

static uint64_t address(const Call *c, int t) { return (uint64_t)(uintptr_t)c->tensor[t].data; }

static bool unit(const Call *c, int t, int dim) { return c->tensor[t].stride[dim] == 1 || c->tensor[t].shape[dim] <= 1; }

static bool aligned(const Call *c, int t, int dim, int64_t to)
{
    int bytes = dt_bytes(c->tir->tensors[t].dt);
    if (address(c, t) % (uint64_t)to || !unit(c, t, dim))
        return false;
    for (int i = 0; i < c->tir->tensors[t].rank; i++)
        if (i != dim && c->tensor[t].shape[i] > 1 && c->tensor[t].stride[i] * bytes % to)
            return false;
    return true;
}

static bool congruent(const Call *c, const LowCond *k)
{
    int64_t m = k->value & 0xffff;
    int da = (int)(k->value >> 16 & 0xff), db = (int)(k->value >> 24 & 0xff), rank = c->tir->tensors[k->a].rank;
    int ba = dt_bytes(c->tir->tensors[k->a].dt), bb = dt_bytes(c->tir->tensors[k->b].dt);
    if (!unit(c, k->a, da) || !unit(c, k->b, db) || address(c, k->a) % (uint64_t)m != address(c, k->b) % (uint64_t)m)
        return false;
    if (rank != c->tir->tensors[k->b].rank || da != db)
        return false;
    for (int d = 0; d < rank; d++)
        if (d != da && c->tensor[k->a].shape[d] > 1 && (c->tensor[k->a].stride[d] * ba - c->tensor[k->b].stride[d] * bb) % m)
            return false;
    return true;
}

static bool holds(const Call *c, const LowCond *k)
{
    const Call *of = of_nest(c, k->nest);
    int64_t n = extent(of, of->low->row_ext), g = instances(of);
    switch (k->kind) {
    case LOW_C_ROWLEN_EQ:   return n == k->value;
    case LOW_C_ROWLEN_LE:   return n <= k->value;
    case LOW_C_ROWLEN_MULT: return n % k->value == 0;
    case LOW_C_ALIGNED:     return aligned(c, k->a, k->b, k->value);
    case LOW_C_CONGRUENT:   return congruent(c, k);
    case LOW_C_UNIT:        return unit(c, k->a, k->b);
    case LOW_C_INST_GE:     return g >= k->value;
    case LOW_C_INST_LE:     return g <= k->value;
    case LOW_C_ELEMS_GE:    return g * n >= k->value;
    case LOW_C_NEARER:      return c->tensor[k->a].shape[k->b] > 1 && c->tensor[k->a].stride[k->b] < c->tensor[k->a].stride[k->value];
    default:                return g * n <= k->value;
    }
}

bool call_allowed(const Call *c)
{
    for (uint32_t i = 0; i < c->low->nconds; i++)
        if (!holds(c, &c->low->conds[i]))
            return false;
    return true;
}

/* ---- launches ---- */

static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t blocks(const Call *c, const LowLaunch *l)
{
    int64_t n = extent(c, c->low->row_ext), g = up(instances(c), l->per), most = up((int64_t)c->target->mps * l->ctas, l->fn->cluster);
    switch (l->grid) {
    case LOW_G_GROUPS:     return l->multiple > 1 ? least(up(g, l->multiple) * l->multiple, instances(c)) : g;
    case LOW_G_PERSISTENT:
        most = most < l->multiple ? l->multiple : most - most % l->multiple;
        if (l->per3 && most < up(up(g, l->per3), l->multiple) * l->multiple)
            most = up(up(g, l->per3), l->multiple) * l->multiple;
        return least(least(up(g, l->multiple) * l->multiple, instances(c)), most);
    case LOW_G_COLUMNS:    return up(n, l->per);
    case LOW_G_GROUPS_PLACES:  return g + up(extent(c, c->low->places), l->per2);
    case LOW_G_GROUPS_BEYOND:  return instances(c) > l->per2 ? g : 0;
    case LOW_G_PLACES_COLUMNS: return (g + up(extent(c, c->low->places), l->per2)) * up(n, l->per3);
    case LOW_G_FIXED:      return l->per;
    case LOW_G_GROUPS_WITHIN:  return instances(c) > l->per2 ? 0 : g;
    default:                   return g * up(n, l->per2);
    }
}

/* Blocks, or clusters, of all nests that it works for. */
static int64_t all_blocks(const Call *c, const LowLaunch *l) { return blocks(c, l) + (c->low->covers > 1 ? blocks(c->next, l) : 0); }

static uint64_t scalar_bits(const Call *c, uint32_t i)
{
    float f = (float)c->scalar[i];
    uint32_t u;
    memcpy(&u, &f, 4);
    return dt_is_float(c->tir->scalars[i].dt) ? u : (uint64_t)(int64_t)c->scalar[i];
}

/* Bytes of the workspace before launch i's part. */
static uint64_t work_before(const Call *c, uint32_t i)
{
    uint64_t at = 0;
    for (uint32_t k = 0; k < i; k++) {
        const LowLaunch *l = &c->low->launch[k];
        int64_t by = l->work_by == LOW_BY_COLUMN ? (extent(c, c->low->row_ext) + 3) & ~3 : l->work_by == LOW_BY_DIGIT ? lgk_digits(extent(c, c->low->places)) : l->work_by == LOW_BY_PLACES ? up(extent(c, c->low->places), l->per2) : 1;
        uint64_t bytes = (uint64_t)((l->work_by == LOW_BY_PLACES ? up(instances(c), l->per3) : blocks(c, l)) * by * l->work_bytes);
        at += (bytes + 255) & ~(uint64_t)255;
    }
    return at;
}

static uint64_t word(const Call *c, const LirWord *w, uint64_t work)
{
    const Call *of = of_nest(c, w->nest);
    switch (w->kind) {
    case LIR_W_DIM:    return (uint64_t)c->dims[w->a];
    case LIR_W_PTR:    return address(c, w->a);
    case LIR_W_STRIDE: return (uint64_t)c->tensor[w->a].stride[w->b];
    case LIR_W_SCALAR: return scalar_bits(c, w->a);
    case LIR_W_WORK:   return work + work_before(c, w->a);
    case LIR_W_INST:   return (uint64_t)instances(of);
    case LIR_W_PARDIV: return lgk_divider((uint64_t)extent(of, of->low->inst_ext[w->a]));
    case LIR_W_PAREXT: return (uint64_t)extent(of, of->low->inst_ext[w->a]);
    case LIR_W_ROWLEN: return (uint64_t)extent(of, of->low->row_ext);
    case LIR_W_OWN:    return (uint64_t)blocks(c, &c->low->launch[0]);
    default:           return (uint64_t)all_blocks(c, &c->low->launch[w->a]) * c->low->launch[w->a].fn->cluster;
    }
}

static bool launch(Call *c, const LowLaunch *l, uint64_t work, Arena *a, SimResult *res)
{
    uint64_t *words = ARENA_ARRAY(a, uint64_t, l->fn->nwords + 1);
    for (uint32_t i = 0; i < l->fn->nwords; i++)
        words[i] = word(c, &l->fn->words[i], work);
    return sim_run(l->fn, words, (uint32_t)(all_blocks(c, l) * l->fn->cluster), c->bufs, c->nbufs, res);
}

static bool draws(const LirFn *fn)
{
    for (uint32_t i = 0; i < fn->nops; i++)
        if (fn->ops[i].op == LIR_MARK)
            return true;
    return false;
}

/* What rows were drawn from is left as the next launch wants it, which may count to more: no mark of this one's. */
static bool zeros_left(const Call *c, const uint8_t *work, size_t bytes, SimResult *res)
{
    const uint64_t *word = (const uint64_t *)(const void *)work;
    for (size_t i = 0; i < bytes / 8 && draws(c->low->launch[0].fn); i++)
        if (word[i] && word[i] != UINT64_MAX) {
            snprintf(res->first, sizeof res->first, "%s: 8 bytes of the workspace, %zu, are 0x%llx behind the last draw", c->low->launch[0].fn->name, i, (unsigned long long)word[i]);
            return ++res->faults == 0;
        }
    return true;
}

bool call_run(Call *c, Arena *a, SimResult *res)
{
    size_t bytes = work_before(c, c->low->nlaunch);
    uint8_t *work = arena_alloc(a, bytes + 256);
    work += -(uintptr_t)work & 255;
    memset(work, 0xff, bytes);
    *ARENA_PUSH(a, c->bufs, c->nbufs, c->capbufs) = (SimBuffer){(uint64_t)(uintptr_t)work, bytes};
    for (uint32_t i = 0; i < c->low->nlaunch; i++)
        if (!launch(c, &c->low->launch[i], (uint64_t)(uintptr_t)work, a, res))
            return false;
    return zeros_left(c, work, bytes, res);
}

bool call_verify(const LowKernel *low, Diag *d)
{
    for (uint32_t i = 0; i < low->nlaunch; i++)
        if (!lir_verify(low->launch[i].fn, d))
            return false;
    return true;
}

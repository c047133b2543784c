/* choose.c: which variant serves a bound call: the first whose conditions hold. Grids, workspace and parameter words follow. */
#include "lgr_int.h"

#include <stdio.h>
#include <string.h>

/* `to` is a power of two: opening the pack saw to it. */
static bool aligned(const View *v, uint32_t row_dim, int64_t to)
{
    if (v->shape[row_dim] > 1 && v->stride[row_dim] != 1)
        return false;
    if (v->base & (uint64_t)(to - 1))
        return false;
    for (int d = 0; d < v->rank; d++)
        if ((uint32_t)d != row_dim && v->shape[d] > 1 && ((uint64_t)v->stride[d] * (uint64_t)v->bytes & (uint64_t)(to - 1)))
            return false;
    return true;
}

/* Rows of both start at the same address modulo `to`. */
static bool congruent(const View *a, const View *b, const LgkCond *c)
{
    uint32_t ra = c->value >> 16 & 0xff, rb = c->value >> 24 & 0xff;
    if ((a->shape[ra] > 1 && a->stride[ra] != 1) || (b->shape[rb] > 1 && b->stride[rb] != 1) || a->rank != b->rank || ra != rb)
        return false;
    uint64_t mask = (uint64_t)c->value & 0xffff;
    mask--;
    if ((a->base ^ b->base) & mask)
        return false;
    for (int d = 0; d < a->rank; d++)
        if ((uint32_t)d != ra && a->shape[d] > 1 && (((uint64_t)a->stride[d] * (uint64_t)a->bytes ^ (uint64_t)b->stride[d] * (uint64_t)b->bytes) & mask))
            return false;
    return true;
}

static bool holds(const Bound *b, const Part *t, const LgkCond *c)
{
    const View *v = &b->view[c->a];
    switch (c->kind) {
    case LGK_C_ROWLEN_EQ:   return t->row == c->value;
    case LGK_C_ROWLEN_LE:   return t->row <= c->value;
    case LGK_C_ROWLEN_MULT: return t->row % c->value == 0;
    case LGK_C_ALIGNED:     return aligned(v, c->b, c->value);
    case LGK_C_CONGRUENT:   return congruent(v, &b->view[c->b], c);
    case LGK_C_UNIT:        return v->shape[c->b] <= 1 || v->stride[c->b] == 1;
    case LGK_C_INST_GE:     return t->instances >= c->value;
    case LGK_C_INST_LE:     return t->instances <= c->value;
    case LGK_C_ELEMS_GE:    return t->instances * t->row >= c->value;
    case LGK_C_ELEMS_LE:    return t->instances * t->row <= c->value;
    case LGK_C_NEARER:      return v->shape[c->b] > 1 && v->stride[c->b] < v->stride[c->value];
    default:                return false;
    }
}

static bool serves(const Bound *b, const Part *t, const Pack *p, const LgkVariant *v)
{
    const LgkCond *c = &p->t_CONDS[v->conds.first];
    if (v->covers > 1 && !t->instances)
        return false;
    for (uint32_t i = 0; i < v->conds.count; i++)
        if (!holds(b, t + c[i].nest, &c[i]))
            return false;
    return true;
}

static const LgkSet *find_set(lgr_context *ctx, int device, const Pack *p, const LgkInstance *inst, uint32_t nest)
{
    const LgkSet *best = NULL;
    int score = 0;
    for (uint32_t i = 0; i < inst->sets.count; i++) {
        const LgkSet *s = &p->t_SETS[inst->sets.first + i];
        int fit = 0;
        if (s->nest != nest)
            continue;
        if (device != LGR_HOST_DEVICE)
            fit = lgr__cuda_fit(ctx, device, s);
        else
            fit = ctx->backend ? !strcmp(lgr__str(p, s->target), ctx->backend->target) : s->kind == LGK_CODE_HOST;
        if (fit > score) {
            score = fit;
            best = s;
        }
    }
    return best;
}

bool lgr__has_target(lgr_context *ctx, int device, const Pack *p, const LgkInstance *n)
{
    for (uint32_t i = 0; i < n->nests; i++)
        if (!find_set(ctx, device, p, n, i))
            return false;
    return n->nests > 0;
}

/* Instances and row length: all variants of a set agree on them. */
static bool measure(const Bound *b, Part *t, const Pack *p, const LgkVariant *v)
{
    uint32_t ndims = b->kernel->k->dims.count;
    t->instances = 1;
    for (uint32_t i = 0; i < LGK_MAX_INST; i++) {
        t->par[i] = 1;
        if (i < v->inst.count && !lgr__extent(&p->t_EXTENTS[v->inst.first + i], ndims, b->dims, &t->par[i]))
            return false;
        if (__builtin_mul_overflow(t->instances, t->par[i], &t->instances))
            t->instances = INT64_MAX;
    }
    return lgr__extent(&p->t_EXTENTS[v->row], ndims, b->dims, &t->row) && lgr__extent(&p->t_EXTENTS[v->places], ndims, b->dims, &t->places);
}

/* Of numbers under 2^31: 32-bit division is several times faster. */
static int64_t ceil_div(int64_t a, int32_t b) { return ((uint32_t)a + (uint32_t)b - 1) / (uint32_t)b; }

/* From least on; or so many that each has one group at most. */
static int64_t multiple_of(int64_t least, int32_t m, int64_t most)
{
    int64_t n = ceil_div(least, m) * m;
    return n < most ? n : most;
}

static bool is_fed(const Bound *b, const LgkLaunch *l) { return b->device != LGR_HOST_DEVICE && l->grid == LGK_G_PERSISTENT && l->per2; }

/* So many of a persistent grid that none takes more than its turns; 0: any number of turns. */
static int64_t blocks_in_turn(const LgkLaunch *l, int64_t groups) { return l->per3 ? multiple_of((groups + l->per3 - 1) / l->per3, l->multiple, INT64_MAX) : 0; }

/* Of a persistent grid: those that run at once, and no more than gbps feeds (0: not known, or not asked for). */
static int64_t blocks_at_once(lgr_context *ctx, const Bound *b, const LgkLaunch *l, int gbps)
{
    if (b->device == LGR_HOST_DEVICE)
        return ctx->backend ? (int64_t)ctx->backend->processors * l->ctas / l->cluster : l->ctas;
    int64_t n = (int64_t)lgr__cuda_processors(ctx, b->device) * l->ctas;
    n = (l->cluster > 2 ? n * 10 / 11 : n) / l->cluster;      /* the processors of a GPC are no multiple: on 132 there run 66 clusters of 2, 30 of 4, 15 of 8 */
    int64_t fed = gbps ? ceil_div(gbps, l->per2 * (int32_t)l->cluster) : n;
    return fed < n ? fed : n;
}

static int64_t blocks_of(lgr_context *ctx, const Bound *b, const Part *t, const LgkLaunch *l, int gbps)
{
    int64_t groups = ceil_div(t->instances, l->per);
    switch (l->grid) {
    case LGK_G_PERSISTENT: {
        int64_t most = blocks_at_once(ctx, b, l, gbps), fewest = blocks_in_turn(l, groups);
        most = most > 0 ? most : 1;
        most = most < l->multiple ? l->multiple : most - most % l->multiple;
        most = most < fewest ? fewest : most;
        groups = l->multiple > 1 ? multiple_of(groups, l->multiple, t->instances) : groups;
        return groups < most ? groups : most;
    }
    case LGK_G_COLUMNS:        return ceil_div(t->row, l->per);
    case LGK_G_GROUPS_COLUMNS: return groups * ceil_div(t->row, l->per2);
    case LGK_G_GROUPS_PLACES:  return groups + ceil_div(t->places, l->per2);
    case LGK_G_GROUPS_BEYOND:  return t->instances > l->per2 ? groups : 0;
    case LGK_G_PLACES_COLUMNS: return (groups + ceil_div(t->places, l->per2)) * ceil_div(t->row, l->per3);
    case LGK_G_FIXED:          return l->per;
    case LGK_G_GROUPS_WITHIN:  return t->instances > l->per2 ? 0 : groups;
    default:                   return l->multiple > 1 ? multiple_of(groups, l->multiple, t->instances) : groups;
    }
}

/* Of the launch's part, rounded up, as is a row to 4 elements; false when that is too large a number. */
static bool work_of(const Part *t, const LgkLaunch *l, uint32_t blocks, size_t *bytes)
{
    int64_t by = l->work_by == LGK_BY_COLUMN ? (t->row + 3) & ~(int64_t)3 : l->work_by == LGK_BY_DIGIT ? lgk_digits(t->places) : l->work_by == LGK_BY_PLACES ? ceil_div(t->places, l->per2) : 1;
    blocks = l->work_by == LGK_BY_PLACES ? (uint32_t)ceil_div(t->instances, l->per3) : blocks;
    if (__builtin_mul_overflow((size_t)blocks * (size_t)by, (size_t)l->work_bytes, bytes) || *bytes > SIZE_MAX / 16)
        return false;
    *bytes = (*bytes + 255) & ~(size_t)255;
    return true;
}

static lgr_status size_up(lgr_context *ctx, Bound *b, Part *t)
{
    const Pack *p = b->kernel->pack;
    size_t bytes, all = 0;
    for (uint32_t i = 0; i < t->variant->launches.count; i++) {
        const LgkLaunch *l = &p->t_LAUNCHES[t->variant->launches.first + i];
        int gbps = is_fed(b, l) ? lgr__cuda_gbps(ctx, b->device) : 0;
        int64_t n = blocks_of(ctx, b, t, l, gbps) * l->cluster;
        t->own = i ? t->own : (uint32_t)n;
        for (uint32_t k = 1; k < t->variant->covers; k++)
            n += blocks_of(ctx, b, t + k, l, gbps);
        if (n > INT32_MAX)
            return lgr__fail(LGR_ERROR_LIMIT, b->kernel, "", "more than 2^31 blocks", "%s", "fewer");
        t->blocks[i] = (uint32_t)n;
        t->work[i] = all;
        if (!work_of(t, l, t->blocks[i] / l->cluster, &bytes))
            return lgr__fail(LGR_ERROR_LIMIT, b->kernel, "workspace", "more than 2^60 bytes", "%s", "fewer");
        all += bytes;
    }
    if (b->workspace < b->scratch + all)
        b->workspace = b->scratch + all;
    return LGR_OK;
}

/* Which tensor tells a dim of e: one whose extent names no other dim before one that does. */
static bool teller(const Bound *b, const LgkExtent *e, uint32_t *tensor, uint32_t *dim)
{
    const LgkKernel *k = b->kernel->k;
    for (int alone = 1; alone >= 0; alone--)
        for (uint32_t i = 0; i < k->tensors.count; i++)
            for (uint32_t d = 0; b->view[i].present && d < (uint32_t)b->view[i].rank; d++) {
                const LgkExtent *x = &b->kernel->pack->t_EXTENTS[b->kernel->pack->t_TENSORS[k->tensors.first + i].extents + d];
                bool shares = false, others = false;
                for (uint32_t n = 0; n < k->dims.count; n++) {
                    shares |= x->k[n] && e->k[n];
                    others |= x->k[n] && !e->k[n];
                }
                if (shares && !(others && alone)) {
                    *tensor = i;
                    *dim = d;
                    return true;
                }
            }
    return false;
}

static lgr_status no_whole(const Bound *b, const LgkVariant *v)
{
    const Pack *p = b->kernel->pack;
    const LgkExtent *e = &p->t_EXTENTS[v->row];
    uint32_t i = 0, d = 0;
    int64_t x;
    char found[64] = "an extent that does not divide", text[64];
    for (uint32_t n = 0; n < v->inst.count; n++)
        if (!lgr__extent(&p->t_EXTENTS[v->inst.first + n], b->kernel->k->dims.count, b->dims, &x))
            e = &p->t_EXTENTS[v->inst.first + n];
    bool told = teller(b, e, &i, &d);
    if (told)
        snprintf(found, sizeof found, "shape[%u] is %lld", (unsigned)d, (long long)b->view[i].shape[d]);
    lgr__extent_text(b->kernel, e, text, sizeof text);
    return lgr__fail(LGR_ERROR_SHAPE, b->kernel, told ? lgr__str(p, p->t_TENSORS[b->kernel->k->tensors.first + i].name) : "", found, "a whole number %s", text);
}

static lgr_status measure_part(lgr_context *ctx, Bound *b, uint32_t nest)
{
    const Pack *p = b->kernel->pack;
    Part *t = &b->part[nest];
    t->set = find_set(ctx, b->device, p, b->inst, nest);
    if (!t->set || !t->set->variants.count)
        return lgr__fail(LGR_ERROR_NO_TARGET, b->kernel, "", b->device == LGR_HOST_DEVICE ? "the CPU" : "this CUDA device", "%s", "a target that the pack holds");
    if (!measure(b, t, p, &p->t_VARIANTS[t->set->variants.first]))
        return no_whole(b, &p->t_VARIANTS[t->set->variants.first]);
    if ((t->set->idle & LGK_IDLE_EMPTY_ROW && !t->row) || (t->set->idle & LGK_IDLE_IN_PLACE && lgr__same_place(&b->view[t->set->out], &b->view[t->set->in])))
        t->instances = 0;
    if (t->instances >= INT32_MAX || t->row >= INT32_MAX || t->places >= INT32_MAX - 1)
        return lgr__fail(LGR_ERROR_LIMIT, b->kernel, "", "2^31 rows, or rows of 2^31 elements", "%s", "fewer");
    t->led = false;
    return LGR_OK;
}

static void lead(Part *t, const LgkVariant *v, uint32_t nth)
{
    t->variant = v;
    t->nth = nth;
    t->led = true;
    t->blocks[0] = 0;
}

static lgr_status choose_part(lgr_context *ctx, const lgr_call *call, Bound *b, uint32_t nest)
{
    const Pack *p = b->kernel->pack;
    Part *t = &b->part[nest];
    for (uint32_t i = 0; i < t->set->variants.count; i++) {
        const LgkVariant *v = &p->t_VARIANTS[t->set->variants.first + i];
        if (call->variant && call->nest == nest && i + 1 != call->variant)
            continue;
        if (call->variant && call->nest > nest && call->nest < nest + v->covers)     /* a variant of a nest that this one would lead */
            continue;
        if (serves(b, t, p, v)) {
            t->variant = v;
            t->nth = i;
            for (uint32_t k = 1; k < v->covers; k++)
                lead(&t[k], v, i);
            for (uint32_t k = 1; k <= v->before; k++)
                t[-(int)k].instances = 0;
            return size_up(ctx, b, t);
        }
    }
    return lgr__fail(LGR_ERROR_NO_VARIANT, b->kernel, "", "", "%s", call->variant ? "tensors that this variant serves" : "tensors that a variant of the pack serves");
}

/* Scratch tensors lie at the head of the workspace, one after another, each dense. */
static lgr_status place_scratch(Bound *b)
{
    const LgkKernel *k = b->kernel->k;
    const Pack *p = b->kernel->pack;
    b->scratch = 0;
    for (uint32_t i = k->tensors.count; i < k->tensors.count + k->scratch; i++) {
        const LgkTensor *t = &p->t_TENSORS[k->tensors.first + i];
        View *v = &b->view[i];
        *v = (View){.base = b->scratch, .rank = (int)t->rank, .bytes = lgr__dtype_bytes(t->type < 0 ? t->dtype : b->inst->dtype[t->type]), .present = true};
        size_t n = (size_t)v->bytes;
        for (int d = v->rank; d-- > 0;) {
            v->stride[d] = (int64_t)(n / (size_t)v->bytes);
            if (!lgr__extent(&p->t_EXTENTS[t->extents + (uint32_t)d], k->dims.count, b->dims, &v->shape[d]) ||
                __builtin_mul_overflow(n, (size_t)v->shape[d], &n) || n > SIZE_MAX / 16)
                return lgr__fail(LGR_ERROR_LIMIT, b->kernel, "workspace", "a scratch tensor of no or too large a size", "%s", "fewer");
        }
        b->scratch += (n + 255) & ~(size_t)255;
    }
    return LGR_OK;
}

lgr_status lgr__choose(lgr_context *ctx, const lgr_call *call, Bound *b)
{
    if (b->device != LGR_HOST_DEVICE && !ctx->cuda) {
        lgr_status s = lgr__cuda_open(ctx);
        if (s != LGR_OK)
            return s;
    }
    if (b->device != LGR_HOST_DEVICE && !lgr__cuda_processors(ctx, b->device))
        return lgr__fail(LGR_ERROR_DEVICE, b->kernel, "", "a CUDA device that the driver does not have", "%s", "one that it has");
    lgr_status s = b->kernel->k->scratch ? place_scratch(b) : (b->scratch = 0, LGR_OK);
    b->workspace = b->scratch;
    b->nparts = b->inst->nests;
    for (uint32_t i = 0; s == LGR_OK && i < b->nparts; i++)
        s = measure_part(ctx, b, i);
    for (uint32_t i = 0; s == LGR_OK && i < b->nparts; i++)
        s = b->part[i].led ? LGR_OK : choose_part(ctx, call, b, i);
    return s;
}

void lgr__fill_words(const Bound *b, const Part *t, const LgkLaunch *l, uint64_t *words)
{
    const LgkWord *w = &b->kernel->pack->t_WORDS[l->words.first];
    for (uint32_t i = 0; i < l->words.count; i++) {
        switch (w[i].kind) {
        case LGK_W_DIM:    words[i] = (uint64_t)b->dims[w[i].a]; break;
        case LGK_W_PTR:    words[i] = w[i].a < b->kernel->k->tensors.count ? 0 : b->view[w[i].a].base; break;
        case LGK_W_STRIDE: words[i] = b->view[w[i].a].present ? (uint64_t)b->view[w[i].a].stride[w[i].b] : 0; break;
        case LGK_W_SCALAR: words[i] = 0; break;
        case LGK_W_WORK:   words[i] = b->scratch + t->work[w[i].a]; break;
        case LGK_W_INST:   words[i] = (uint64_t)t[w[i].nest].instances; break;
        case LGK_W_PAREXT: words[i] = (uint64_t)t[w[i].nest].par[w[i].a]; break;
        case LGK_W_PARDIV: words[i] = lgk_divider((uint64_t)t[w[i].nest].par[w[i].a]); break;
        case LGK_W_ROWLEN: words[i] = (uint64_t)t[w[i].nest].row; break;
        case LGK_W_OWN:    words[i] = t->own; break;
        case LGK_W_OPTION: words[i] = b->option[w[i].a]; break;
        default:           words[i] = t->blocks[w[i].a]; break;
        }
    }
}

static uint64_t scalar_bits(const lgr_kernel *k, const lgr_call *call, uint32_t i)
{
    const LgkScalar *s = &k->pack->t_SCALARS[k->k->scalars.first + i];
    uint64_t bits = 0;
    if (s->dtype == LGK_F32) {
        float f = (float)(call->scalars ? call->scalars[i].f : s->def);
        memcpy(&bits, &f, sizeof f);
        return bits;
    }
    if (s->dtype == LGK_F64) {
        double f = call->scalars ? call->scalars[i].f : s->def;
        memcpy(&bits, &f, sizeof f);
        return bits;
    }
    return (uint64_t)(call->scalars ? call->scalars[i].i : (int64_t)s->def);
}

void lgr__fill_call(const lgr_kernel *k, const lgr_call *call, const uint64_t *base, const LgkLaunch *l, uint64_t *words)
{
    uint64_t work = (uint64_t)(uintptr_t)call->workspace;
    const LgkWord *w = &k->pack->t_WORDS[l->words.first];
    for (uint32_t i = 0; i < l->words.count; i++)
        if (w[i].kind == LGK_W_PTR)
            words[i] += w[i].a < k->k->tensors.count ? base[w[i].a] : work;
        else if (w[i].kind == LGK_W_WORK)
            words[i] += work;
        else if (w[i].kind == LGK_W_SCALAR)
            words[i] = scalar_bits(k, call, w[i].a);
}

/* pack_open.c: maps a pack and checks its manifest, once: magic, sizes, digest, then every index in every record.
 * After that the tables are used in place without further checks.
 */
#include "lgr_int.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *lgr__str(const Pack *p, LgkStr s) { return p->strings + s; }

static lgr_status bad(const char *what) { return lgr__fail(LGR_ERROR_PACK, NULL, "pack", what, "%s", ""); }

static uint32_t count(const Pack *p, int table) { return p->head->table[table].count; }

static bool in(const Pack *p, int table, LgkRange r) { return r.first <= count(p, table) && r.count <= count(p, table) - r.first; }
static bool is_str(const Pack *p, LgkStr s) { return s < count(p, LGK_T_STRINGS); }

static bool tables_ok(Pack *p)
{
    static const uint32_t strides[] = {
#define X(e, type) sizeof(type),
        LGK_TABLES(X)
#undef X
    };
    for (int i = 0; i < LGK_T_COUNT; i++) {
        const LgkTable *t = &p->head->table[i];
        if (t->stride != strides[i] || t->offset % 8 || t->offset > p->head->code_offset ||
            (uint64_t)t->count * t->stride > p->head->code_offset - t->offset)
            return false;
    }
#define X(e, type) p->t_##e = (const type *)(p->base + p->head->table[LGK_T_##e].offset);
    LGK_TABLES(X)
#undef X
    p->strings = p->t_STRINGS;
    return count(p, LGK_T_STRINGS) && !p->strings[count(p, LGK_T_STRINGS) - 1];
}

static bool extent_ok(const Pack *p, uint32_t i, uint32_t ndims)
{
    if (i >= count(p, LGK_T_EXTENTS))
        return false;
    for (uint32_t d = ndims; d < LGK_MAX_DIMS; d++)
        if (p->t_EXTENTS[i].k[d])
            return false;
    return p->t_EXTENTS[i].den >= 1;
}

static bool tensor_ok(const Pack *p, const LgkKernel *k, const LgkTensor *t)
{
    bool ok = is_str(p, t->name) && t->rank <= LGK_MAX_RANK && t->mode <= LGK_SCRATCH && t->dtype < LGK_DTYPES;
    ok = ok && t->type >= -1 && t->type < (int32_t)k->types.count && t->over >= -1 && t->over < (int32_t)k->tensors.count;
    ok = ok && (t->type >= 0 || t->dtype);
    for (uint32_t i = 0; ok && i < t->rank; i++)
        ok = extent_ok(p, t->extents + i, k->dims.count);
    return ok;
}

static LgkRange all_tensors(const LgkKernel *k) { return (LgkRange){k->tensors.first, k->tensors.count + k->scratch}; }

static bool kernel_ok(const Pack *p, const LgkKernel *k)
{
    bool ok = is_str(p, k->op) && is_str(p, k->name) && is_str(p, k->doc) && in(p, LGK_T_NAMES, k->dims) && in(p, LGK_T_TYPES, k->types) &&
              in(p, LGK_T_OPTIONS, k->options) && in(p, LGK_T_TENSORS, k->tensors) && in(p, LGK_T_SCALARS, k->scalars) &&
              in(p, LGK_T_INSTANCES, k->instances) && is_str(p, k->source);
    ok = ok && k->dims.count <= LGK_MAX_DIMS && k->types.count <= LGK_MAX_TYPES && k->options.count <= LGK_MAX_OPTIONS &&
         k->scratch <= LGK_MAX_TENSORS && k->tensors.count + k->scratch <= LGK_MAX_TENSORS && k->scalars.count <= LGK_MAX_SCALARS &&
         in(p, LGK_T_TENSORS, all_tensors(k));
    for (uint32_t i = 0; ok && i < k->dims.count; i++)
        ok = is_str(p, p->t_NAMES[k->dims.first + i].name);
    for (uint32_t i = 0; ok && i < k->types.count; i++)
        ok = is_str(p, p->t_TYPES[k->types.first + i].name) && in(p, LGK_T_CHOICES, p->t_TYPES[k->types.first + i].choices);
    for (uint32_t i = 0; ok && i < k->options.count; i++) {
        const LgkOption *o = &p->t_OPTIONS[k->options.first + i];
        ok = is_str(p, o->name) && in(p, LGK_T_CHOICES, o->choices) && o->def < o->choices.count;
    }
    for (uint32_t i = 0; ok && i < k->tensors.count + k->scratch; i++) {
        const LgkTensor *t = &p->t_TENSORS[k->tensors.first + i];
        ok = tensor_ok(p, k, t) && (t->mode == LGK_SCRATCH) == (i >= k->tensors.count);
    }
    for (uint32_t i = 0; ok && i < k->scalars.count; i++)
        ok = is_str(p, p->t_SCALARS[k->scalars.first + i].name) && p->t_SCALARS[k->scalars.first + i].range <= LGK_RANGE_ALL;
    return ok;
}

/* What a variant of one nest says of the next needs one that covers it. */
static bool nests_ok(const Pack *p, const LgkVariant *v, uint32_t nest, uint32_t nests)
{
    bool ok = v->covers >= 1 && v->covers <= 2 && nest + v->covers <= nests && v->before <= nest;
    for (uint32_t i = 0; ok && i < v->conds.count; i++)
        ok = p->t_CONDS[v->conds.first + i].nest < v->covers;
    for (uint32_t i = 0; ok && i < v->launches.count; i++) {
        const LgkLaunch *l = &p->t_LAUNCHES[v->launches.first + i];
        for (uint32_t j = 0; ok && j < l->words.count; j++)
            ok = p->t_WORDS[l->words.first + j].nest < v->covers;
    }
    return ok && (v->covers == 1 || (v->launches.count == 1 && !p->t_LAUNCHES[v->launches.first].work_bytes));
}

static bool word_ok(const Pack *p, const LgkKernel *k, const LgkWord *w, uint32_t launches)
{
    const LgkTensor *t = &p->t_TENSORS[k->tensors.first];
    switch (w->kind) {
    case LGK_W_DIM:    return w->a < k->dims.count;
    case LGK_W_PTR:    return w->a < k->tensors.count + k->scratch;
    case LGK_W_STRIDE: return w->a < k->tensors.count + k->scratch && w->b < t[w->a].rank;
    case LGK_W_SCALAR: return w->a < k->scalars.count;
    case LGK_W_PARDIV:
    case LGK_W_PAREXT: return w->a < LGK_MAX_INST;
    case LGK_W_WORK:   return w->a < launches;
    case LGK_W_BLOCKS: return w->a < launches;
    case LGK_W_OPTION: return w->a < k->options.count;
    default:           return w->kind < LGK_W_COUNT;
    }
}

static bool launch_ok(const Pack *p, const LgkKernel *k, const LgkLaunch *l, uint32_t launches)
{
    bool ok = is_str(p, l->symbol) && l->grid < LGK_G_COUNT && l->per >= 1 && l->ctas >= 0 && l->threads >= 1 && l->threads <= 1024 &&
              in(p, LGK_T_WORDS, l->words) && l->words.count <= LGK_MAX_WORDS && l->cluster >= 1 && l->cluster <= 16 && l->pdl < LGK_PDL_COUNT;
    bool two = l->grid == LGK_G_GROUPS_COLUMNS || l->grid == LGK_G_GROUPS_PLACES || l->grid == LGK_G_PLACES_COLUMNS || l->work_by == LGK_BY_PLACES;
    ok = ok && l->work_bytes >= 0 && (!two || l->per2 >= 1) && ((l->grid != LGK_G_PLACES_COLUMNS && l->work_by != LGK_BY_PLACES) || l->per3 >= 1) && l->work_by < LGK_BY_COUNT && (l->grid != LGK_G_PERSISTENT || (l->ctas >= 1 && l->multiple >= 1 && l->per2 >= 0 && l->per3 >= 0));
    for (uint32_t i = 0; ok && i < l->words.count; i++)
        ok = word_ok(p, k, &p->t_WORDS[l->words.first + i], launches);
    return ok;
}

static bool alignment_ok(int64_t v) { return v > 0 && v <= LGK_MAX_ALIGN && !(v & (v - 1)); }

static bool cond_ok(const Pack *p, const LgkKernel *k, const LgkCond *c)
{
    const LgkTensor *t = &p->t_TENSORS[k->tensors.first];
    switch (c->kind) {
    case LGK_C_ROWLEN_MULT: return c->value > 0;
    case LGK_C_ALIGNED:
    case LGK_C_UNIT:        return c->a < k->tensors.count + k->scratch && c->b < t[c->a].rank && (alignment_ok(c->value) || c->kind == LGK_C_UNIT);
    case LGK_C_NEARER:      return c->a < k->tensors.count + k->scratch && c->b < t[c->a].rank && c->value >= 0 && c->value < t[c->a].rank;
    case LGK_C_CONGRUENT:   return c->a < k->tensors.count + k->scratch && c->b < k->tensors.count + k->scratch && alignment_ok(c->value & 0xffff) &&
                                   (c->value >> 16 & 0xff) < t[c->a].rank && (c->value >> 24 & 0xff) < t[c->b].rank;
    default:                return c->kind < LGK_C_COUNT;
    }
}

/* Code runs on the processor only where both the set and the code say so, from an entry inside it. */
static bool code_ok(const Pack *p, const LgkSet *s, const LgkVariant *v)
{
    const LgkCode *c = &p->t_CODES[v->code];
    if ((s->kind == LGK_CODE_HOST) != (c->kind == LGK_CODE_HOST) || (c->kind == LGK_CODE_PTX && (!c->size || p->base[c->offset + c->size - 1])))
        return false;
    for (uint32_t i = 0; c->kind == LGK_CODE_HOST && i < v->launches.count; i++)
        if (p->t_LAUNCHES[v->launches.first + i].entry >= c->size)
            return false;
    return true;
}

static bool variant_ok(const Pack *p, const LgkKernel *k, const LgkVariant *v)
{
    bool ok = is_str(p, v->schedule) && is_str(p, v->symbol) && in(p, LGK_T_CONDS, v->conds) && in(p, LGK_T_LAUNCHES, v->launches) &&
              v->launches.count >= 1 && v->launches.count <= LGK_MAX_LAUNCHES && in(p, LGK_T_EXTENTS, v->inst) && v->inst.count <= LGK_MAX_INST &&
              v->code < count(p, LGK_T_CODES);
    for (uint32_t i = 0; ok && i < v->inst.count; i++)
        ok = extent_ok(p, v->inst.first + i, k->dims.count);
    ok = ok && extent_ok(p, v->row, k->dims.count) && extent_ok(p, v->places, k->dims.count);
    for (uint32_t i = 0; ok && i < v->conds.count; i++)
        ok = cond_ok(p, k, &p->t_CONDS[v->conds.first + i]);
    for (uint32_t i = 0; ok && i < v->launches.count; i++)
        ok = launch_ok(p, k, &p->t_LAUNCHES[v->launches.first + i], v->launches.count);
    return ok;
}

static bool instance_ok(const Pack *p, const LgkKernel *k, const LgkInstance *n)
{
    bool ok = in(p, LGK_T_SETS, n->sets) && n->nests <= LGK_MAX_NESTS;
    for (uint32_t i = 0; ok && i < n->sets.count; i++) {
        const LgkSet *s = &p->t_SETS[n->sets.first + i];
        ok = is_str(p, s->target) && in(p, LGK_T_VARIANTS, s->variants) && s->nest < n->nests && s->idle <= LGK_IDLE_ALL &&
             s->out < k->tensors.count + k->scratch && s->in < k->tensors.count + k->scratch;
        for (uint32_t j = 0; ok && j < s->variants.count; j++)
            ok = variant_ok(p, k, &p->t_VARIANTS[s->variants.first + j]) && nests_ok(p, &p->t_VARIANTS[s->variants.first + j], s->nest, n->nests) &&
                 code_ok(p, s, &p->t_VARIANTS[s->variants.first + j]);
    }
    return ok;
}

/* Pieces of code follow one another from code_offset to the end of the file. */
static bool codes_ok(const Pack *p)
{
    uint64_t at = p->head->code_offset;
    for (uint32_t i = 0; i < count(p, LGK_T_CODES); i++) {
        const LgkCode *c = &p->t_CODES[i];
        if (c->offset != at || c->size > p->size - at || at % 16)
            return false;
        at += (c->size + 15) / 16 * 16;
        if (at > p->size)
            return false;
    }
    return at == p->size;
}

static bool records_ok(const Pack *p)
{
    if (!codes_ok(p))
        return false;
    for (uint32_t i = 0; i < count(p, LGK_T_KERNELS); i++) {
        const LgkKernel *k = &p->t_KERNELS[i];
        if (!kernel_ok(p, k))
            return false;
        for (uint32_t j = 0; j < k->instances.count; j++)
            if (!instance_ok(p, k, &p->t_INSTANCES[k->instances.first + j]))
                return false;
    }
    for (uint32_t i = 0; i < count(p, LGK_T_CHOICES); i++)
        if (!is_str(p, p->t_CHOICES[i].name))
            return false;
    return true;
}

/* Digest of the manifest as if its digest field were zero. */
static bool manifest_intact(const Pack *p)
{
    XXH3_state_t st;
    LgkHeader h = *p->head;
    h.digest[0] = h.digest[1] = 0;
    XXH3_128bits_reset(&st);
    XXH3_128bits_update(&st, &h, sizeof h);
    XXH3_128bits_update(&st, p->base + sizeof h, (size_t)(p->head->code_offset - sizeof h));
    XXH128_hash_t d = XXH3_128bits_digest(&st);
    return d.low64 == p->head->digest[0] && d.high64 == p->head->digest[1];
}

bool lgr__code_intact(const Pack *p, const LgkCode *c)
{
    XXH128_hash_t d = XXH3_128bits(p->base + c->offset, (c->size + 15) / 16 * 16);
    return d.low64 == c->digest[0] && d.high64 == c->digest[1];
}

static lgr_status validate(Pack *p)
{
    if (p->size < sizeof(LgkHeader) || memcmp(p->base, LGK_MAGIC, 8))
        return bad("the file is not a pack");
    p->head = (const LgkHeader *)p->base;
    if (p->head->version != LGK_VERSION || p->head->ntables != LGK_T_COUNT)
        return bad("the pack is of another format version");
    if (p->head->size != p->size || p->head->code_offset > p->size || p->head->code_offset < sizeof(LgkHeader))
        return bad("the pack is truncated or has bytes too many");
    if (!manifest_intact(p))
        return bad("the manifest's digest does not match: the pack is damaged");
    if (!tables_ok(p) || !records_ok(p))
        return bad("the manifest refers outside itself");
    return LGR_OK;
}

static lgr_status add_kernels(lgr_context *ctx, Pack *p)
{
    uint32_t n = count(p, LGK_T_KERNELS);
    lgr_kernel *all = lgr__alloc(ctx, sizeof *all * (ctx->nkernels + n + 1));
    if (!all)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    for (uint32_t i = 0; i < n; i++) {
        all[i].pack = p;
        all[i].k = &p->t_KERNELS[i];
    }
    for (uint32_t i = 0; i < ctx->nkernels; i++) {
        all[n + i].pack = ctx->kernels[i].pack;
        all[n + i].k = ctx->kernels[i].k;
    }
    /* handles given out earlier stay valid: the old table is kept by its pack until the context goes */
    p->next = ctx->packs;
    ctx->packs = p;
    all[n + ctx->nkernels].pack = (Pack *)ctx->kernels;
    ctx->kernels = all;
    ctx->nkernels += n;
    return LGR_OK;
}

lgr_status lgr__pack_check(Pack *p, const void *data, size_t size)
{
    *p = (Pack){.base = data, .size = size};
    return validate(p);
}

lgr_status lgr__pack_add(lgr_context *ctx, const void *data, size_t size, bool mapped, void *owned)
{
    Pack *p = lgr__alloc(ctx, sizeof *p);
    if (!p)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    lgr_status s = lgr__pack_check(p, data, size);
    p->mapped = mapped;
    p->owned = owned;
    if (s == LGR_OK)
        s = add_kernels(ctx, p);
    if (s != LGR_OK)
        lgr__release(ctx, p);
    return s;
}

lgr_status lgr_pack_open_memory(lgr_context *ctx, const void *data, size_t size)
{
    if (!ctx || !data || (uintptr_t)data % 8)
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "data", "null or not aligned", "%s", "a context and 8-byte aligned memory");
    pthread_mutex_lock(&ctx->lock);
    lgr_status s = lgr__pack_add(ctx, data, size, false, NULL);
    pthread_mutex_unlock(&ctx->lock);
    return s;
}

lgr_status lgr_pack_open(lgr_context *ctx, const char *path)
{
    struct stat st;
    if (!ctx || !path)
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "path", "null", "%s", "a context and a path");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return lgr__fail(LGR_ERROR_IO, NULL, path, fd < 0 ? strerror(errno) : "not a plain file", "%s", "a readable pack");
    }
    void *map = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED)
        return st.st_size > 0 ? lgr__fail(LGR_ERROR_IO, NULL, path, strerror(errno), "%s", "a readable pack") : bad("the file is empty");
    pthread_mutex_lock(&ctx->lock);
    lgr_status s = lgr__pack_add(ctx, map, (size_t)st.st_size, true, NULL);
    pthread_mutex_unlock(&ctx->lock);
    if (s != LGR_OK)
        munmap(map, (size_t)st.st_size);
    return s;
}

static void free_modules(lgr_context *ctx, Pack *p, int device)
{
    for (uint32_t i = 0; p->module[device] && i < count(p, LGK_T_CODES); i++) {
        void *m = atomic_load(&p->module[device][i]);
        if (m && device == LGR_HOST_DEVICE)
            lgr__host_unload(&p->t_CODES[i], m);
        else if (m)
            lgr__cuda_unload(ctx, device, m);
    }
    lgr__release(ctx, (void *)p->module[device]);
    lgr__release(ctx, (void *)p->fn[device]);
}

static void free_code(lgr_context *ctx, Pack *p)
{
    for (int d = 0; d < LGR_DEVICES; d++)
        free_modules(ctx, p, d);
    lgr__release(ctx, p->owned);
}

static void free_jits(lgr_context *ctx, Pack *p)
{
    for (Jit *j = atomic_load(&p->jits), *next; j; j = next) {
        next = j->next;
        free_code(ctx, &j->pack);
        lgr__release(ctx, j);
    }
}

void lgr__packs_free(lgr_context *ctx)
{
    lgr__memos_free(ctx);
    uint32_t n = ctx->nkernels;
    while (ctx->packs) {
        Pack *p = ctx->packs;
        lgr_kernel *older = (lgr_kernel *)ctx->kernels[n].pack;
        n -= count(p, LGK_T_KERNELS);
        lgr__release(ctx, ctx->kernels);
        ctx->kernels = older;
        ctx->packs = p->next;
        free_jits(ctx, p);
        free_code(ctx, p);
        if (p->mapped)
            munmap((void *)p->base, p->size);
        lgr__release(ctx, p);
    }
}

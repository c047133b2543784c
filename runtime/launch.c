/* launch.c: launching, preparing, asking: bind, choose, load if needed, go. */
#include "lgr_int.h"

#include <string.h>

static uint32_t launch_index(const Bound *b, uint32_t i) { return b->variant->launches.first + i; }

static lgr_status table(lgr_context *ctx, Pack *p, int device)
{
    if (p->fn[device])
        return LGR_OK;
    p->module[device] = lgr__alloc(ctx, sizeof(void *) * (p->head->table[LGK_T_CODES].count + 1));
    _Atomic(void *) *fn = lgr__alloc(ctx, sizeof(void *) * (p->head->table[LGK_T_LAUNCHES].count + 1));
    if (!p->module[device] || !fn)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    __atomic_store_n(&p->fn[device], fn, __ATOMIC_RELEASE);
    return LGR_OK;
}

static lgr_status load_module(lgr_context *ctx, const Bound *b, void **module)
{
    Pack *p = b->kernel->pack;
    const LgkCode *c = &p->t_CODES[b->variant->code];
    *module = atomic_load(&p->module[b->device][b->variant->code]);
    if (*module)
        return LGR_OK;
    if (!lgr__code_intact(p, c))
        return lgr__fail(LGR_ERROR_PACK, b->kernel, "code", "the digest does not match: the pack is damaged", "%s", "");
    lgr_status s = b->device == LGR_HOST_DEVICE ? lgr__host_load(ctx, p, c, module) : lgr__cuda_load(ctx, b->device, p, c, module);
    if (s == LGR_OK)
        atomic_store(&p->module[b->device][b->variant->code], *module);
    return s;
}

static lgr_status load_locked(lgr_context *ctx, const Bound *b)
{
    Pack *p = b->kernel->pack;
    void *module, *fn;
    lgr_status s = table(ctx, p, b->device);
    if (s == LGR_OK)
        s = load_module(ctx, b, &module);
    for (uint32_t i = b->variant->launches.count; s == LGR_OK && i-- > 0;) {   /* the first last: it says that all are there */
        const LgkLaunch *l = &p->t_LAUNCHES[launch_index(b, i)];
        if (b->device == LGR_HOST_DEVICE)
            fn = (char *)module + l->entry;
        else
            s = lgr__cuda_function(ctx, module, lgr__str(p, l->symbol), l->shared, &fn);
        if (s == LGR_OK)
            atomic_store(&p->fn[b->device][launch_index(b, i)], fn);
    }
    return s;
}

lgr_status lgr__load(lgr_context *ctx, const Bound *b)
{
    if (b->device == LGR_HOST_DEVICE && ctx->backend)
        return LGR_OK;
    pthread_mutex_lock(&ctx->lock);
    lgr_status s = load_locked(ctx, b);
    pthread_mutex_unlock(&ctx->lock);
    return s;
}

static void *function(const Bound *b, uint32_t i)
{
    _Atomic(void *) *fn = __atomic_load_n(&b->kernel->pack->fn[b->device], __ATOMIC_ACQUIRE);
    return fn ? atomic_load_explicit(&fn[launch_index(b, i)], memory_order_acquire) : NULL;
}

static lgr_status make_ready(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    if ((b->device == LGR_HOST_DEVICE && ctx->backend) || function(b, 0))
        return LGR_OK;
    if (b->device != LGR_HOST_DEVICE && lgr__cuda_capturing(ctx, call->stream))
        return lgr__fail(LGR_ERROR_NOT_PREPARED, b->kernel, "stream", "being captured", "%s", "lgr_prepare() of this call before the capture");
    return lgr__load(ctx, b);
}

static lgr_status check_workspace(const lgr_call *call, const Bound *b)
{
    if (b->workspace <= call->workspace_size && (!b->workspace || (call->workspace && (uintptr_t)call->workspace % 256 == 0)))
        return LGR_OK;
    return lgr__fail(LGR_ERROR_WORKSPACE, b->kernel, "workspace", call->workspace ? "too small or misaligned" : "NULL", "%zu bytes, 256-byte aligned", b->workspace);
}

/* Sums over no instance at all are zero. */
static lgr_status zero_sums(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    const LgkTensor *t = &b->kernel->pack->t_TENSORS[b->kernel->k->tensors.first];
    lgr_status s = LGR_OK;
    for (uint32_t i = 0; s == LGR_OK && i < b->kernel->k->tensors.count; i++) {
        const View *v = &b->view[i];
        if (!v->present || !t[i].accumulate)
            continue;
        if (b->device != LGR_HOST_DEVICE)
            s = lgr__cuda_zero(ctx, v, call->stream);
        else
            for (int64_t e = 0; v->rank == 1 && e < v->shape[0]; e++)
                memset((char *)(uintptr_t)v->base + e * v->stride[0] * v->bytes, 0, (size_t)v->bytes);
    }
    return s;
}

static uint32_t ranges(const lgr_call *call, const Bound *b, lgr__range *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->kernel->k->tensors.count; i++) {
        const View *v = &b->view[i];
        uint64_t bytes = (uint64_t)v->bytes;
        for (int d = 0; v->present && d < v->rank; d++)
            bytes = v->shape[d] ? bytes + (uint64_t)((v->shape[d] - 1) * v->stride[d] * v->bytes) : 0;
        out[n++] = (lgr__range){v->present ? v->base : 0, v->present ? bytes : 0};
    }
    out[n++] = (lgr__range){(uint64_t)(uintptr_t)call->workspace, call->workspace ? call->workspace_size : 0};
    return n;
}

static lgr_status run_one(lgr_context *ctx, const lgr_call *call, const Bound *b, uint32_t i)
{
    const Pack *p = b->kernel->pack;
    const LgkLaunch *l = &p->t_LAUNCHES[launch_index(b, i)];
    uint64_t words[LGK_MAX_WORDS];
    if (!b->blocks[i])
        return LGR_OK;
    lgr__fill_words(b, call, l, words);
    if (b->device != LGR_HOST_DEVICE)
        return lgr__cuda_launch(ctx, function(b, i), l, b->blocks[i], words, call->stream);
    if (!ctx->backend)
        return lgr__host_run(ctx, (lgr__host_fn)function(b, i), words, b->blocks[i]);
    lgr__range r[LGK_MAX_TENSORS + 1];
    const LgkCode *c = &p->t_CODES[b->variant->code];
    return ctx->backend->launch(ctx->backend_self, p->base + c->offset, c->size, i, l, b->blocks[i], words, l->words.count, r, ranges(call, b, r));
}

lgr_status lgr_launch(lgr_context *ctx, const lgr_call *call)
{
    Bound b;
    lgr_status s = lgr__bind(ctx, call, &b);
    if (s == LGR_OK)
        s = lgr__choose(ctx, call, &b);
    if (s != LGR_OK)
        return s;
    if (!b.instances)
        return zero_sums(ctx, call, &b);
    if ((s = check_workspace(call, &b)) || (s = make_ready(ctx, call, &b)))
        return s;
    for (uint32_t i = 0; s == LGR_OK && i < b.variant->launches.count; i++)
        s = run_one(ctx, call, &b, i);
    return s;
}

lgr_status lgr_prepare(lgr_context *ctx, const lgr_call *call)
{
    Bound b;
    lgr_status s = lgr__bind(ctx, call, &b);
    if (s == LGR_OK)
        s = lgr__choose(ctx, call, &b);
    return s == LGR_OK ? lgr__load(ctx, &b) : s;
}

lgr_status lgr_workspace_size(lgr_context *ctx, const lgr_call *call, size_t *bytes)
{
    Bound b;
    lgr_status s = lgr__bind(ctx, call, &b);
    if (s == LGR_OK)
        s = lgr__choose(ctx, call, &b);
    if (s == LGR_OK)
        *bytes = b.workspace;
    return s;
}

lgr_status lgr_explain(lgr_context *ctx, const lgr_call *call, lgr_choice *out)
{
    Bound b;
    lgr_status s = lgr__bind(ctx, call, &b);
    if (s == LGR_OK)
        s = lgr__choose(ctx, call, &b);
    if (s != LGR_OK)
        return s;
    const Pack *p = b.kernel->pack;
    *out = (lgr_choice){.size = sizeof *out, .target = lgr__str(p, b.set->target), .schedule = lgr__str(p, b.variant->schedule),
                        .symbol = lgr__str(p, b.variant->symbol), .variant = b.nth, .variants = b.set->variants.count,
                        .launches = b.variant->launches.count, .registers = b.variant->registers, .spills = b.variant->spills,
                        .workspace = b.workspace, .instances = b.instances, .row_length = b.row};
    for (uint32_t i = 0; i < out->launches; i++) {
        const LgkLaunch *l = &p->t_LAUNCHES[launch_index(&b, i)];
        out->blocks[i] = b.blocks[i];
        out->threads[i] = l->threads;
        out->shared[i] = l->shared;
    }
    return LGR_OK;
}

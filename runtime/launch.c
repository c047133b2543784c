/* launch.c: launching, preparing, asking: bind, choose, load if needed, go. */
#include "lgr_int.h"

#include <string.h>

static uint32_t launch_index(const Part *t, uint32_t i) { return t->variant->launches.first + i; }

static lgr_status table(lgr_context *ctx, Pack *p, int device)
{
    if (p->fn[device])
        return LGR_OK;
    _Atomic(void *) *modules = lgr__alloc(ctx, sizeof *modules * (p->head->table[LGK_T_CODES].count + 1));
    _Atomic(void *) *fn = modules ? lgr__alloc(ctx, sizeof *fn * (p->head->table[LGK_T_LAUNCHES].count + 1)) : NULL;
    if (!fn) {
        lgr__release(ctx, (void *)modules);
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    }
    p->module[device] = modules;
    __atomic_store_n(&p->fn[device], fn, __ATOMIC_RELEASE);
    return LGR_OK;
}

static lgr_status load_module(lgr_context *ctx, const Bound *b, const Part *t, void **module)
{
    Pack *p = b->kernel->pack;
    const LgkCode *c = &p->t_CODES[t->variant->code];
    *module = atomic_load(&p->module[b->device][t->variant->code]);
    if (*module)
        return LGR_OK;
    if (!lgr__code_intact(p, c))
        return lgr__fail(LGR_ERROR_PACK, b->kernel, "code", "the digest does not match: the pack is damaged", "%s", "");
    lgr_status s = b->device == LGR_HOST_DEVICE ? lgr__host_load(ctx, p, c, module) : lgr__cuda_load(ctx, b->device, p, c, module);
    if (s == LGR_OK)
        atomic_store(&p->module[b->device][t->variant->code], *module);
    return s;
}

static lgr_status load_part(lgr_context *ctx, const Bound *b, const Part *t)
{
    Pack *p = b->kernel->pack;
    void *module, *fn;
    lgr_status s = table(ctx, p, b->device);
    if (s == LGR_OK)
        s = load_module(ctx, b, t, &module);
    for (uint32_t i = t->variant->launches.count; s == LGR_OK && i-- > 0;) {   /* the first last: it says that all are there */
        const LgkLaunch *l = &p->t_LAUNCHES[launch_index(t, i)];
        if (b->device == LGR_HOST_DEVICE)
            fn = (char *)module + l->entry;
        else
            s = lgr__cuda_function(ctx, module, lgr__str(p, l->symbol), l, &fn);
        if (s == LGR_OK)
            atomic_store(&p->fn[b->device][launch_index(t, i)], fn);
    }
    return s;
}

static bool on_backend(const lgr_context *ctx, const Bound *b) { return b->device == LGR_HOST_DEVICE && ctx->backend; }

lgr_status lgr__load(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    if (on_backend(ctx, b))
        return LGR_OK;
    pthread_mutex_lock(&ctx->lock);
    lgr_status s = lgr__memos_make(ctx, call->kernel);
    for (uint32_t i = b->nparts; s == LGR_OK && i-- > 0;)      /* the first last, likewise */
        s = load_part(ctx, b, &b->part[i]);
    pthread_mutex_unlock(&ctx->lock);
    return s;
}

static void *function(const Bound *b, const Part *t, uint32_t i)
{
    _Atomic(void *) *fn = __atomic_load_n(&b->kernel->pack->fn[b->device], __ATOMIC_ACQUIRE);
    return fn ? atomic_load_explicit(&fn[launch_index(t, i)], memory_order_acquire) : NULL;
}

static lgr_status make_ready(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    bool ready = true;
    for (uint32_t i = 0; i < b->nparts; i++)
        ready &= function(b, &b->part[i], 0) != NULL;
    if (on_backend(ctx, b) || ready)
        return LGR_OK;
    bool capturing = false;
    lgr_status s = b->device == LGR_HOST_DEVICE ? LGR_OK : lgr__cuda_capturing(ctx, call->stream, &capturing);
    if (s != LGR_OK)
        return s;
    if (capturing)
        return lgr__fail(LGR_ERROR_NOT_PREPARED, b->kernel, "stream", "being captured", "%s", "lgr_prepare() of this call before the capture");
    return lgr__load(ctx, call, b);
}

static lgr_status check_workspace(const lgr_call *call, size_t bytes)
{
    if (bytes <= call->workspace_size && (!bytes || (call->workspace && (uintptr_t)call->workspace % 256 == 0)))
        return LGR_OK;
    return lgr__fail(LGR_ERROR_WORKSPACE, call->kernel, "workspace", call->workspace ? "too small or misaligned" : "NULL", "%zu bytes, 256-byte aligned", bytes);
}

/* n pieces of `bytes`, `pitch` apart. */
static lgr_status zero_pieces(lgr_context *ctx, const lgr_call *call, const Bound *b, uint64_t at, uint64_t bytes, int64_t pitch, int64_t n)
{
    if (n > 1 && pitch < 0) {
        at += (uint64_t)((n - 1) * pitch);
        pitch = -pitch;
    }
    if (b->device != LGR_HOST_DEVICE)
        return lgr__cuda_zero(ctx, at, bytes, n > 1 ? (uint64_t)pitch : bytes, (uint64_t)n, call->stream);
    for (int64_t i = 0; i < n; i++)
        memset((char *)(uintptr_t)at + i * pitch, 0, bytes);
    return LGR_OK;
}

/* What is dense is one piece; pieces along the dimension before that at once; an odometer over the rest. */
static lgr_status zero_tensor(lgr_context *ctx, const lgr_call *call, const Bound *b, const View *v)
{
    int64_t at[LGK_MAX_RANK] = {0}, bytes = v->bytes;
    int across = v->rank - 1;
    lgr_status s = LGR_OK;
    for (int d = 0; d < v->rank; d++)
        if (!v->shape[d])
            return LGR_OK;
    for (; across >= 0 && (v->shape[across] == 1 || v->stride[across] * v->bytes == bytes); across--)
        bytes *= v->shape[across];
    for (int d = 0; s == LGR_OK && d >= 0;) {
        int64_t offset = 0;
        for (int i = 0; i < across; i++)
            offset += at[i] * v->stride[i];
        s = zero_pieces(ctx, call, b, v->base + (uint64_t)(offset * v->bytes), (uint64_t)bytes, across < 0 ? 0 : v->stride[across] * v->bytes, across < 0 ? 1 : v->shape[across]);
        for (d = across - 1; d >= 0 && ++at[d] == v->shape[d]; d--)
            at[d] = 0;
    }
    return s;
}

/* Sums over no instance at all are zero. */
static lgr_status zero_sums(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    const LgkTensor *t = &b->kernel->pack->t_TENSORS[b->kernel->k->tensors.first];
    lgr_status s = LGR_OK;
    for (uint32_t i = 0; s == LGR_OK && i < b->kernel->k->tensors.count; i++)
        if (b->view[i].present && t[i].accumulate && t[i].mode == LGK_OUT)
            s = zero_tensor(ctx, call, b, &b->view[i]);
    return s;
}

static uint32_t ranges(const lgr_call *call, const Bound *b, lgr__range *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->kernel->k->tensors.count; i++) {
        const View *v = &b->view[i];
        uint64_t lo = 0, hi = 0;
        if (v->present)
            lgr__span(v, &lo, &hi);
        for (int d = 0; v->present && d < v->rank; d++)
            hi = v->shape[d] ? hi : lo;
        out[n++] = (lgr__range){lo, hi - lo};
    }
    out[n++] = (lgr__range){(uint64_t)(uintptr_t)call->workspace, call->workspace ? call->workspace_size : 0};
    return n;
}

/* A launch beside the one before it, or reading before that ends, needs one of this call there; beside it, partial sums must not have one
 * place for all nests. */
static bool starts_early(const Bound *b, const Part *t, uint32_t nth, const LgkLaunch *l)
{
    if (l->pdl != LGK_PDL_BESIDE && l->pdl != LGK_PDL_LATE)
        return l->pdl != LGK_PDL_NONE;
    bool behind = nth > 0, apart = true;
    for (const Part *p = b->part; p <= t; p++) {
        behind |= p < t && p->instances && p->blocks[0];
        for (uint32_t i = 0; i < p->variant->launches.count; i++)
            apart &= !b->kernel->pack->t_LAUNCHES[launch_index(p, i)].work_bytes;
    }
    return behind && (apart || l->pdl == LGK_PDL_LATE);
}

bool lgr__step(const Bound *b, const Part *t, uint32_t i, LgrStep *s)
{
    const LgkLaunch *l = &b->kernel->pack->t_LAUNCHES[launch_index(t, i)];
    memset(s, 0, sizeof *s);
    s->launch = l;
    s->fn = function(b, t, i);
    s->blocks = t->blocks[i];
    s->early = starts_early(b, t, i, l);
    s->small = t->instances * t->row < 16384;
    return t->blocks[i] > 0;
}

/* words: as the choice filled them; they get the call's addresses and scalars. */
static lgr_status run_step(lgr_context *ctx, const lgr_call *call, const lgr_kernel *k, int device, const LgrStep *s, const uint64_t *base, uint64_t *words)
{
    lgr__fill_call(k, call, base, s->launch, words);
    if (device != LGR_HOST_DEVICE)
        return lgr__cuda_launch(ctx, s->fn, s->launch, s->blocks, s->early, words, call->stream);
    return lgr__host_run(ctx, (lgr__host_fn)s->fn, words, s->blocks, s->small);
}

static lgr_status run_on_backend(lgr_context *ctx, const lgr_call *call, const Bound *b, const Part *t, uint32_t i, const uint64_t *base, uint64_t *words)
{
    lgr__range r[LGK_MAX_TENSORS + 1];
    const Pack *p = b->kernel->pack;
    const LgkLaunch *l = &p->t_LAUNCHES[launch_index(t, i)];
    const LgkCode *c = &p->t_CODES[t->variant->code];
    lgr__fill_call(b->kernel, call, base, l, words);
    return ctx->backend->launch(ctx->backend_self, p->base + c->offset, c->size, i, l, t->blocks[i], words, l->words.count, r, ranges(call, b, r));
}

static lgr_status run_one(lgr_context *ctx, const lgr_call *call, const Bound *b, const Part *t, uint32_t i)
{
    uint64_t words[LGK_MAX_WORDS], base[LGK_MAX_TENSORS];
    LgrStep s;
    if (!lgr__step(b, t, i, &s))
        return LGR_OK;
    for (uint32_t n = 0; n < call->ntensors; n++)
        base[n] = b->view[n].present ? b->view[n].base : 0;
    lgr__fill_words(b, t, s.launch, words);
    return on_backend(ctx, b) ? run_on_backend(ctx, call, b, t, i, base, words) : run_step(ctx, call, b->kernel, b->device, &s, base, words);
}

/* Where the launches are all there is to do: no sum of nothing, no empty tensor. */
static void remember(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    const LgkTensor *t = &b->kernel->pack->t_TENSORS[b->kernel->k->tensors.first];
    bool sums = false, some = false, all = true, empty = false;
    for (uint32_t i = 0; i < b->nparts; i++) {
        some |= b->part[i].instances > 0;
        all &= b->part[i].instances > 0;
    }
    for (uint32_t i = 0; i < b->kernel->k->tensors.count; i++) {
        sums |= b->view[i].present && t[i].accumulate && t[i].mode == LGK_OUT;
        for (int d = 0; b->view[i].present && d < b->view[i].rank; d++)
            empty |= !b->view[i].shape[d];
    }
    if (some && !empty && (all || !sums) && !on_backend(ctx, b))
        lgr__remember(call, b);
}

static lgr_status run_bound(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    lgr_status s;
    bool some = false, all = true;
    for (uint32_t i = 0; i < b->nparts; i++) {
        some |= b->part[i].instances > 0;
        all &= b->part[i].instances > 0;
    }
    if (!all && (s = zero_sums(ctx, call, b)))
        return s;
    if (!some)
        return LGR_OK;
    if ((s = check_workspace(call, b->workspace)) || (s = make_ready(ctx, call, b)))
        return s;
    remember(ctx, call, b);
    for (uint32_t p = 0; s == LGR_OK && p < b->nparts; p++)
        for (uint32_t i = 0; s == LGR_OK && b->part[p].instances && !b->part[p].led && i < b->part[p].variant->launches.count; i++)
            s = run_one(ctx, call, b, &b->part[p], i);
    return s;
}

static lgr_status load_bound(lgr_context *ctx, const lgr_call *call, const Bound *b)
{
    lgr_status s = lgr__load(ctx, call, b);
    if (s == LGR_OK)
        remember(ctx, call, b);
    return s;
}

/* Binds and chooses; what no pack holds is compiled where the context may. */
static lgr_status resolve(lgr_context *ctx, const lgr_call *call, Bound *b)
{
    lgr_status s = lgr__bind(ctx, call, b);
    if (s == LGR_OK)
        s = lgr__choose(ctx, call, b);
    if ((s == LGR_ERROR_NO_INSTANCE || s == LGR_ERROR_NO_TARGET) && ctx->config.compiler) {
        s = lgr__jit(ctx, call, s);
        if (s == LGR_OK && !(s = lgr__bind(ctx, call, b)))
            s = lgr__choose(ctx, call, b);
    }
    return s == LGR_OK || !call || !call->kernel ? s : lgr__name_op(s, call->kernel);
}

/* Binds, chooses and goes on, with the device's driver context current. */
static lgr_status with_bound(lgr_context *ctx, const lgr_call *call, lgr_status (*go)(lgr_context *, const lgr_call *, const Bound *))
{
    Bound b;
    bool pushed = false;
    lgr_status s = resolve(ctx, call, &b);
    if (s != LGR_OK)
        return s;
    if (b.device != LGR_HOST_DEVICE)
        s = lgr__cuda_enter(ctx, b.device, &pushed);
    if (s == LGR_OK)
        s = go(ctx, call, &b);
    if (b.device != LGR_HOST_DEVICE)
        lgr__cuda_leave(ctx, pushed);
    return s == LGR_OK ? s : lgr__name_op(s, call->kernel);
}

static lgr_status run_recalled(lgr_context *ctx, const lgr_call *call, LgrRecall *r)
{
    const lgr_kernel *k = (const lgr_kernel *)(uintptr_t)r->w[LGR_R_KERNEL];
    lgr_status s = LGR_OK;
    LgrStep step;
    for (uint64_t at = LGR_R_PLACES + 3 * call->ntensors; s == LGR_OK && at < r->w[LGR_R_END]; at += LGR_STEP_WORDS + step.launch->words.count) {
        memcpy(&step, &r->w[at], sizeof step);
        s = run_step(ctx, call, k, (int)r->w[LGR_R_DEVICE], &step, r->base, &r->w[at + LGR_STEP_WORDS]);
    }
    return s;
}

static lgr_status launch_recalled(lgr_context *ctx, const lgr_call *call, LgrRecall *r)
{
    int device = (int)r->w[LGR_R_DEVICE];
    bool pushed = false;
    lgr_status s = lgr__check_scalars(call->kernel, call);
    if (s == LGR_OK)
        s = check_workspace(call, r->w[LGR_R_WORKSPACE]);
    if (s == LGR_OK && device != LGR_HOST_DEVICE)
        s = lgr__cuda_enter(ctx, device, &pushed);
    if (s == LGR_OK)
        s = run_recalled(ctx, call, r);
    if (device != LGR_HOST_DEVICE)
        lgr__cuda_leave(ctx, pushed);
    return s == LGR_OK ? s : lgr__name_op(s, call->kernel);
}

static bool recall(lgr_context *ctx, const lgr_call *call, LgrRecall *r) { return lgr__well_formed(ctx, call) && !ctx->backend && lgr__recall(call, r); }

lgr_status lgr_launch(lgr_context *ctx, const lgr_call *call)
{
    LgrRecall r;
    return recall(ctx, call, &r) ? launch_recalled(ctx, call, &r) : with_bound(ctx, call, run_bound);
}

lgr_status lgr_prepare(lgr_context *ctx, const lgr_call *call) { return with_bound(ctx, call, load_bound); }

lgr_status lgr_workspace_size(lgr_context *ctx, const lgr_call *call, size_t *bytes)
{
    Bound b;
    LgrRecall r;
    if (bytes && recall(ctx, call, &r)) {
        *bytes = r.w[LGR_R_WORKSPACE];
        return lgr__check_scalars(call->kernel, call);
    }
    lgr_status s = bytes ? resolve(ctx, call, &b) : lgr__fail(LGR_ERROR_ARGUMENT, NULL, "bytes", "null", "%s", "a place for the size");
    if (s == LGR_OK)
        *bytes = b.workspace;
    return s;
}

/* The nest with the most elements: where the time goes. */
static uint32_t heaviest(const Bound *b)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < b->nparts; i++)
        if (b->part[i].instances * b->part[i].row > b->part[best].instances * b->part[best].row)
            best = i;
    return best;
}

lgr_status lgr_explain(lgr_context *ctx, const lgr_call *call, lgr_choice *out)
{
    Bound b;
    if (!out || out->size < sizeof(size_t))
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "choice", "null, or its size is not set", "%s", "size = sizeof(lgr_choice)");
    lgr_status s = resolve(ctx, call, &b);
    if (s != LGR_OK)
        return s;
    const Pack *p = b.kernel->pack;
    const Part *t = &b.part[call->variant ? call->nest % b.nparts : heaviest(&b)];
    t -= t->led;
    lgr_choice c = {.size = out->size, .target = lgr__str(p, t->set->target), .schedule = lgr__str(p, t->variant->schedule),
                    .symbol = lgr__str(p, t->variant->symbol), .variant = t->nth, .variants = t->set->variants.count,
                    .launches = t->variant->launches.count, .registers = t->variant->registers, .spills = t->variant->spills,
                    .workspace = b.workspace, .instances = t->instances, .row_length = t->row, .nest = (uint32_t)(t - b.part), .nests = b.nparts};
    for (uint32_t i = 0; i < c.launches; i++) {
        const LgkLaunch *l = &p->t_LAUNCHES[launch_index(t, i)];
        c.blocks[i] = t->blocks[i];
        c.threads[i] = l->threads;
        c.shared[i] = l->shared;
    }
    memcpy(out, &c, out->size < sizeof c ? out->size : sizeof c);
    return LGR_OK;
}

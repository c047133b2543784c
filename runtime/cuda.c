/* cuda.c: CUDA devices through the driver: opening it, choosing code for a device, loading, launching.
 *
 * The calling thread's current context is used when it belongs to the tensors' device; otherwise the device's primary
 * context is retained once and made current.  Launching neither allocates nor locks.
 */
#include "cuda_driver.h"
#include "lgr_int.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct CudaDevice { bool known; int dev, processors, sm; void *primary; } CudaDevice;

struct Cuda {
    LgrCudaDriver f;
    void *lib;
    int ndevices;
    CudaDevice device[LGR_MAX_DEVICES];
};

static lgr_status failed(const struct Cuda *c, const char *call, int code)
{
    const char *name = NULL;
    if (c->f.error_name)
        c->f.error_name(code, &name);
    return lgr__fail_driver(call, code, name);
}

#define TRY(c, field, ...)                                   \
    do {                                                     \
        int rc_ = (c)->f.field(__VA_ARGS__);                 \
        if (rc_)                                             \
            return failed((c), symbol_of_##field, rc_);      \
    } while (0)

#define X(field, symbol, args) static const char *const symbol_of_##field __attribute__((unused)) = symbol;
#include "cuda_driver.def"
#undef X

static lgr_status bind_symbols(struct Cuda *c)
{
    c->lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!c->lib)
        return lgr__fail(LGR_ERROR_NO_DRIVER, NULL, "libcuda.so.1", "not there", "%s", "an installed CUDA driver");
#define X(field, symbol, args)                                                                                         \
    *(void **)&c->f.field = dlsym(c->lib, symbol);                                                                     \
    if (!c->f.field)                                                                                                   \
        return lgr__fail(LGR_ERROR_NO_DRIVER, NULL, symbol, "not in the driver", "%s", "a driver for CUDA 12 or later");
#include "cuda_driver.def"
#undef X
    return LGR_OK;
}

static lgr_status open_locked(lgr_context *ctx)
{
    if (ctx->cuda)
        return LGR_OK;
    struct Cuda *c = lgr__alloc(ctx, sizeof *c);
    if (!c)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    lgr_status s = LGR_OK;
    if (ctx->config.driver)
        memcpy(&c->f, ctx->config.driver, sizeof c->f);
    else
        s = bind_symbols(c);
    int rc = s == LGR_OK ? c->f.init(0) : 0;
    if (s == LGR_OK && rc)
        s = failed(c, "cuInit", rc);
    rc = s == LGR_OK ? c->f.device_count(&c->ndevices) : 0;
    if (s == LGR_OK && rc)
        s = failed(c, "cuDeviceGetCount", rc);
    if (s == LGR_OK)
        __atomic_store_n(&ctx->cuda, c, __ATOMIC_RELEASE);
    else {
        if (c->lib)
            dlclose(c->lib);
        lgr__release(ctx, c);
    }
    return s;
}

lgr_status lgr__cuda_open(lgr_context *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    lgr_status s = open_locked(ctx);
    pthread_mutex_unlock(&ctx->lock);
    return s;
}

void lgr__cuda_close(lgr_context *ctx)
{
    struct Cuda *c = ctx->cuda;
    if (!c)
        return;
    for (int i = 0; i < LGR_MAX_DEVICES; i++)
        if (c->device[i].primary)
            c->f.primary_release(c->device[i].dev);
    if (c->lib)
        dlclose(c->lib);
    lgr__release(ctx, c);
    ctx->cuda = NULL;
}

/* Facts of a device, asked for once; racing threads find the same. */
static CudaDevice *device(struct Cuda *c, int i)
{
    CudaDevice *d = &c->device[i];
    int major, minor;
    if (__atomic_load_n(&d->known, __ATOMIC_ACQUIRE))
        return d;
    if (i >= c->ndevices || c->f.device_get(&d->dev, i) || c->f.device_attr(&d->processors, LGR_CU_DEV_PROCESSORS, d->dev) ||
        c->f.device_attr(&major, LGR_CU_DEV_MAJOR, d->dev) || c->f.device_attr(&minor, LGR_CU_DEV_MINOR, d->dev))
        return NULL;
    d->sm = major * 10 + minor;
    __atomic_store_n(&d->known, true, __ATOMIC_RELEASE);
    return d;
}

/* Code for exactly this chip first; then machine code of the same major version; then PTX of the nearest older one. */
int lgr__cuda_fit(lgr_context *ctx, int i, const LgkSet *set)
{
    const CudaDevice *d = device(ctx->cuda, i);
    if (!d || set->sm == 0)
        return 0;
    int sm = (int)set->sm;
    if (set->arch_specific)
        return sm == d->sm ? (set->kind == LGK_CODE_CUBIN ? 4000 : 3000) : 0;
    if (set->kind == LGK_CODE_CUBIN)
        return sm / 10 == d->sm / 10 && sm <= d->sm ? 2000 + sm : 0;
    return set->kind == LGK_CODE_PTX && sm <= d->sm ? 1000 + sm : 0;
}

int lgr__cuda_processors(lgr_context *ctx, int i)
{
    const CudaDevice *d = device(ctx->cuda, i);
    return d ? d->processors : 1;
}

bool lgr__cuda_capturing(lgr_context *ctx, void *stream)
{
    int status = 0;
    return !ctx->cuda->f.is_capturing(stream, &status) && status;
}

static lgr_status make_current(struct Cuda *c, int i)
{
    CudaDevice *d = device(c, i);
    void *now = NULL;
    int dev = -1;
    if (!d)
        return lgr__fail(LGR_ERROR_DEVICE, NULL, "device", "no such CUDA device", "%s", "a device the driver has");
    TRY(c, ctx_current, &now);
    if (now && !c->f.ctx_device(&dev) && dev == d->dev)
        return LGR_OK;
    if (!d->primary)
        TRY(c, primary_retain, &d->primary, d->dev);
    TRY(c, ctx_set, d->primary);
    return LGR_OK;
}

/* PTX is assembled by the driver, once: the result is cached on disk. */
static lgr_status assemble(lgr_context *ctx, const char *ptx, size_t size, int sm, void **module)
{
    struct Cuda *c = ctx->cuda;
    void *state, *cubin, *mine;
    size_t n;
    char log[2048] = "";
    int options[2] = {5, 6};   /* CU_JIT_ERROR_LOG_BUFFER and its size */
    void *values[2] = {log, (void *)(uintptr_t)sizeof log};
    if (lgr__cache_get(ctx, ptx, size, sm, &mine, &n)) {
        int rc = c->f.module_load(module, mine);
        lgr__release(ctx, mine);
        if (!rc)
            return LGR_OK;
    }
    TRY(c, link_create, 2, options, values, &state);
    int rc = c->f.link_add(state, 1, (void *)(uintptr_t)ptx, size, "kernel.ptx", 0, NULL, NULL);
    if (!rc)
        rc = c->f.link_complete(state, &cubin, &n);
    if (!rc)
        rc = c->f.module_load(module, cubin);
    if (!rc)
        lgr__cache_put(ctx, ptx, size, sm, cubin, n);
    c->f.link_destroy(state);
    return rc ? lgr__fail_driver("cuLinkComplete", rc, log) : LGR_OK;
}

lgr_status lgr__cuda_load(lgr_context *ctx, int i, const Pack *p, const LgkCode *code, void **module)
{
    struct Cuda *c = ctx->cuda;
    lgr_status s = make_current(c, i);
    if (s != LGR_OK)
        return s;
    const char *image = (const char *)p->base + code->offset;
    if (code->kind == LGK_CODE_PTX)
        return assemble(ctx, image, code->size, device(c, i)->sm, module);
    TRY(c, module_load, module, image);
    return LGR_OK;
}

lgr_status lgr__cuda_function(lgr_context *ctx, void *module, const char *symbol, uint32_t shared, void **fn)
{
    struct Cuda *c = ctx->cuda;
    TRY(c, get_function, fn, module, symbol);
    if (shared > 48 * 1024)
        TRY(c, func_attr, *fn, LGR_CU_FUNC_MAX_SHARED, (int)shared);
    return LGR_OK;
}

lgr_status lgr__cuda_launch(lgr_context *ctx, void *fn, const LgkLaunch *l, uint32_t blocks, uint64_t *words, void *stream)
{
    struct Cuda *c = ctx->cuda;
    LgrCuAttribute attr[2];
    LgrCuConfig config = {{blocks, 1, 1}, {l->threads, 1, 1}, l->shared, stream, attr, 0};
    void *params[1] = {words};
    if (l->pdl) {
        attr[config.nattrs].id = LGR_CU_ATTR_PDL;
        attr[config.nattrs++].value[0] = 1;
    }
    if (l->cluster > 1) {
        uint32_t dims[4] = {l->cluster, 1, 1, 0};
        attr[config.nattrs].id = LGR_CU_ATTR_CLUSTER;
        memcpy(attr[config.nattrs++].value, dims, sizeof dims);
    }
    TRY(c, launch, &config, fn, params, NULL);
    return LGR_OK;
}

lgr_status lgr__cuda_zero(lgr_context *ctx, const View *v, void *stream)
{
    struct Cuda *c = ctx->cuda;
    size_t n = 1;
    bool dense = true;
    for (int d = v->rank - 1; d >= 0; d--) {
        dense = dense && (v->shape[d] <= 1 || v->stride[d] == (int64_t)n);
        n *= (size_t)v->shape[d];
    }
    if (!n)
        return LGR_OK;
    if (dense)
        TRY(c, set8, v->base, 0, n * (size_t)v->bytes, stream);
    else
        TRY(c, set2d8, v->base, (size_t)(v->stride[v->rank - 1] * v->bytes), 0, (size_t)v->bytes, (size_t)v->shape[v->rank - 1], stream);
    return LGR_OK;
}

void lgr__cuda_unload(lgr_context *ctx, int i, void *module)
{
    if (ctx->cuda && make_current(ctx->cuda, i) == LGR_OK)
        ctx->cuda->f.module_unload(module);
}

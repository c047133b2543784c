/* cuda.c: CUDA devices through the driver: opening it, choosing code for a device, loading, launching.
 *
 * A device's code lives in one driver context, its home: the one that was current when the device was first used, if it is
 * of that device, otherwise the primary context.  A thread on which home is not current gets it for the length of the
 * call only.  Launching neither allocates nor locks.
 */
#include "cuda_driver.h"
#include "lgr_int.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct CudaDevice { int dev, processors, sm; _Atomic int gbps; bool retained; _Atomic(void *) home; } CudaDevice;   /* gbps: of its memory; 0: not asked for, -1: not told */

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

#define X(field, name, suffix, version, args) static const char *const symbol_of_##field __attribute__((unused)) = name suffix;
#include "cuda_driver.def"
#undef X

static lgr_status bind_symbols(struct Cuda *c)
{
    c->lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!c->lib)
        return lgr__fail(LGR_ERROR_NO_DRIVER, NULL, "libcuda.so.1", "not there", "%s", "an installed CUDA driver");
    const char *lacks = lgr__cuda_bind(&c->f, dlsym, c->lib);
    if (lacks)
        return lgr__fail(LGR_ERROR_NO_DRIVER, NULL, lacks, "not in the driver", "%s", "a driver for CUDA 12 or later");
    return LGR_OK;
}

static lgr_status ask_devices(struct Cuda *c)
{
    TRY(c, device_count, &c->ndevices);
    if (c->ndevices > LGR_MAX_DEVICES)
        c->ndevices = LGR_MAX_DEVICES;
    for (int i = 0; i < c->ndevices; i++) {
        CudaDevice *d = &c->device[i];
        int major = 0, minor = 0;
        TRY(c, device_get, &d->dev, i);
        TRY(c, device_attr, &d->processors, LGR_CU_DEV_PROCESSORS, d->dev);
        TRY(c, device_attr, &major, LGR_CU_DEV_MAJOR, d->dev);
        TRY(c, device_attr, &minor, LGR_CU_DEV_MINOR, d->dev);
        d->sm = major * 10 + minor;
    }
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
    if (s == LGR_OK)
        s = ask_devices(c);
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
        if (c->device[i].retained)
            c->f.primary_release(c->device[i].dev);
    if (c->lib)
        dlclose(c->lib);
    lgr__release(ctx, c);
    ctx->cuda = NULL;
}

static CudaDevice *device(struct Cuda *c, int i) { return i < c->ndevices ? &c->device[i] : NULL; }

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

int lgr__cuda_sm(lgr_context *ctx, int i)
{
    const CudaDevice *d = device(ctx->cuda, i);
    return d ? d->sm : 0;
}

int lgr__cuda_processors(lgr_context *ctx, int i)
{
    const CudaDevice *d = device(ctx->cuda, i);
    return d ? d->processors : 0;
}

/* kHz, or 0.  A driver takes half a millisecond to look at its clocks: what it tells is kept on disk, by device. */
static int memory_khz(lgr_context *ctx, const CudaDevice *d)
{
    struct Cuda *c = ctx->cuda;
    struct { char what[16]; unsigned char uuid[16]; } key = {.what = "memory clock"};
    void *kept;
    size_t n;
    int khz = 0;
    bool named = !c->f.device_uuid(key.uuid, d->dev);
    if (named && lgr__cache_get(ctx, &key, sizeof key, d->sm, &kept, &n)) {
        bool ok = n == sizeof khz;
        if (ok)
            memcpy(&khz, kept, n);
        lgr__release(ctx, kept);
        if (ok)
            return khz;
    }
    if (c->f.device_attr(&khz, LGR_CU_DEV_MEMORY_KHZ, d->dev))
        return 0;
    if (named && khz)
        lgr__cache_put(ctx, &key, sizeof key, d->sm, &khz, sizeof khz);
    return khz;
}

/* Asked for once, and only where it is wanted.  It is a hint: a driver that refuses to tell is one that does not say. */
int lgr__cuda_gbps(lgr_context *ctx, int i)
{
    struct Cuda *c = ctx->cuda;
    CudaDevice *d = device(c, i);
    int known = d ? atomic_load_explicit(&d->gbps, memory_order_relaxed) : -1, bits = 0;
    if (!known) {
        int khz = memory_khz(ctx, d);
        if (c->f.device_attr(&bits, LGR_CU_DEV_MEMORY_BITS, d->dev))
            bits = 0;
        known = (int)((int64_t)khz * 2 * (bits / 8) / 1000000);         /* two transfers a clock */
        known = known > 0 ? known : -1;
        atomic_store_explicit(&d->gbps, known, memory_order_relaxed);
    }
    return known > 0 ? known : 0;
}

/* A stream that may not be asked because another is being captured counts as captured. */
lgr_status lgr__cuda_capturing(lgr_context *ctx, void *stream, bool *capturing)
{
    struct Cuda *c = ctx->cuda;
    int status = 0, rc = c->f.is_capturing(stream, &status);
    *capturing = rc == LGR_CU_CAPTURE_IMPLICIT || status;
    return rc && rc != LGR_CU_CAPTURE_IMPLICIT ? failed(c, symbol_of_is_capturing, rc) : LGR_OK;
}

static lgr_status find_home(struct Cuda *c, CudaDevice *d, void *now)
{
    int dev = -1;
    void *home = NULL;
    if (atomic_load(&d->home))
        return LGR_OK;
    if (now && !c->f.ctx_device(&dev) && dev == d->dev)
        home = now;
    else {
        TRY(c, primary_retain, &home, d->dev);
        d->retained = true;
    }
    atomic_store(&d->home, home);
    return LGR_OK;
}

lgr_status lgr__cuda_enter(lgr_context *ctx, int i, bool *pushed)
{
    struct Cuda *c = ctx->cuda;
    CudaDevice *d = device(c, i);
    void *now = NULL;
    *pushed = false;
    if (!d)
        return lgr__fail(LGR_ERROR_DEVICE, NULL, "device", "no such CUDA device", "one of the driver's %d", c->ndevices);
    TRY(c, ctx_current, &now);
    void *home = atomic_load_explicit(&d->home, memory_order_acquire);
    if (now && now == home)
        return LGR_OK;
    if (!home) {
        pthread_mutex_lock(&ctx->lock);
        lgr_status s = find_home(c, d, now);
        pthread_mutex_unlock(&ctx->lock);
        if (s != LGR_OK)
            return s;
        home = atomic_load(&d->home);
    }
    if (now != home)
        TRY(c, ctx_push, home);
    *pushed = now != home;
    return LGR_OK;
}

void lgr__cuda_leave(lgr_context *ctx, bool pushed)
{
    void *was;
    if (pushed)
        ctx->cuda->f.ctx_pop(&was);
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
    const char *call = symbol_of_link_add;
    int rc = c->f.link_add(state, 1, (void *)(uintptr_t)ptx, size, "kernel.ptx", 0, NULL, NULL);
    if (!rc)
        rc = c->f.link_complete(state, &cubin, &n), call = symbol_of_link_complete;
    if (!rc)
        rc = c->f.module_load(module, cubin), call = symbol_of_module_load;
    if (!rc)
        lgr__cache_put(ctx, ptx, size, sm, cubin, n);
    c->f.link_destroy(state);
    return !rc ? LGR_OK : log[0] ? lgr__fail_driver(call, rc, log) : failed(c, call, rc);
}

lgr_status lgr__cuda_load(lgr_context *ctx, int i, const Pack *p, const LgkCode *code, void **module)
{
    struct Cuda *c = ctx->cuda;
    const char *image = (const char *)p->base + code->offset;
    if (code->kind == LGK_CODE_PTX)
        return assemble(ctx, image, code->size, device(c, i)->sm, module);
    TRY(c, module_load, module, image);
    return LGR_OK;
}

/* Beside blocks that walk, the launch behind them waits for its turn: there must be shared memory left for it. */
lgr_status lgr__cuda_function(lgr_context *ctx, void *module, const char *symbol, const LgkLaunch *l, void **fn)
{
    enum { ALL = 100 };
    struct Cuda *c = ctx->cuda;
    TRY(c, get_function, fn, module, symbol);
    if (l->shared > 48 * 1024 && l->grid == LGK_G_PERSISTENT)
        TRY(c, func_attr, *fn, LGR_CU_FUNC_CARVEOUT, ALL);
    if (l->shared > 48 * 1024)
        TRY(c, func_attr, *fn, LGR_CU_FUNC_MAX_SHARED, (int)l->shared);
    if (l->cluster > 8)
        TRY(c, func_attr, *fn, LGR_CU_FUNC_WIDE_CLUSTER, 1);
    return LGR_OK;
}

lgr_status lgr__cuda_launch(lgr_context *ctx, void *fn, const LgkLaunch *l, uint32_t blocks, bool early, uint64_t *words, void *stream)
{
    struct Cuda *c = ctx->cuda;
    LgrCuAttribute attr[2];
    LgrCuConfig config = {{blocks, 1, 1}, {l->threads, 1, 1}, l->shared, stream, attr, 0};
    void *params[1] = {words};
    if (early) {
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

lgr_status lgr__cuda_zero(lgr_context *ctx, uint64_t at, uint64_t bytes, uint64_t pitch, uint64_t n, void *stream)
{
    struct Cuda *c = ctx->cuda;
    if (pitch == bytes || n == 1)
        TRY(c, set8, at, 0, bytes * n, stream);
    else
        TRY(c, set2d8, at, pitch, 0, bytes, n, stream);
    return LGR_OK;
}

void lgr__cuda_unload(lgr_context *ctx, int i, void *module)
{
    bool pushed;
    if (!ctx->cuda || lgr__cuda_enter(ctx, i, &pushed) != LGR_OK)
        return;
    ctx->cuda->f.module_unload(module);
    lgr__cuda_leave(ctx, pushed);
}

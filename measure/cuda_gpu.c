/* cuda_gpu.c: see gpu.h. */
#include "gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>

/* X(field, symbol, arguments) */
#define DRIVER(X)                                                                                     \
    X(init, "cuInit", (unsigned))                                                                     \
    X(device_get, "cuDeviceGet", (int *, int))                                                        \
    X(device_name, "cuDeviceGetName", (char *, int, int))                                             \
    X(retain, "cuDevicePrimaryCtxRetain", (void **, int))                                             \
    X(release, "cuDevicePrimaryCtxRelease_v2", (int))                                                 \
    X(set_current, "cuCtxSetCurrent", (void *))                                                       \
    X(mem_alloc, "cuMemAlloc_v2", (uint64_t *, size_t))                                               \
    X(mem_free, "cuMemFree_v2", (uint64_t))                                                           \
    X(mem_info, "cuMemGetInfo_v2", (size_t *, size_t *))                                              \
    X(h2d, "cuMemcpyHtoD_v2", (uint64_t, const void *, size_t))                                       \
    X(d2h, "cuMemcpyDtoH_v2", (void *, uint64_t, size_t))                                             \
    X(d2d, "cuMemcpyDtoDAsync_v2", (uint64_t, uint64_t, size_t, void *))                              \
    X(set32, "cuMemsetD32_v2", (uint64_t, unsigned, size_t))                                          \
    X(stream_create, "cuStreamCreate", (void **, unsigned))                                           \
    X(stream_sync, "cuStreamSynchronize", (void *))                                                   \
    X(begin, "cuStreamBeginCapture_v2", (void *, int))                                                \
    X(end, "cuStreamEndCapture", (void *, void **))                                                   \
    X(instantiate, "cuGraphInstantiateWithFlags", (void **, void *, unsigned long long))              \
    X(graph_destroy, "cuGraphDestroy", (void *))                                                      \
    X(exec_destroy, "cuGraphExecDestroy", (void *))                                                   \
    X(graph_launch, "cuGraphLaunch", (void *, void *))                                                \
    X(event_create, "cuEventCreate", (void **, unsigned))                                             \
    X(event_record, "cuEventRecord", (void *, void *))                                                \
    X(event_sync, "cuEventSynchronize", (void *))                                                     \
    X(event_ms, "cuEventElapsedTime", (float *, void *, void *))                                      \
    X(module_load, "cuModuleLoadData", (void **, const void *))                                       \
    X(get_function, "cuModuleGetFunction", (void **, void *, const char *))                           \
    X(launch, "cuLaunchKernelEx", (const void *, void *, void **, void **))                           \
    X(error_name, "cuGetErrorName", (int, const char **))

enum { POOL_ALIGN = 2 << 20 };

struct Gpu {
#define X(field, symbol, args) int(*field) args;
    DRIVER(X)
#undef X
    void *lib, *ctx, *start, *stop;
    char name[128];
    uint64_t pool; size_t pool_size, pool_used; uint32_t pool_live;
};

static void must(Gpu *g, int rc, const char *call)
{
    const char *name = "?";
    if (!rc)
        return;
    g->error_name(rc, &name);
    fprintf(stderr, "bench: %s failed: %s (%d)\n", call, name, rc);
    exit(1);
}

static const char *bind(Gpu *g)
{
#define X(field, symbol, args)                       \
    *(void **)&g->field = dlsym(g->lib, symbol);     \
    if (!g->field)                                   \
        return "the driver lacks " symbol;
    DRIVER(X)
#undef X
    return NULL;
}

Gpu *gpu_open(const char **why_not)
{
    Gpu *g = calloc(1, sizeof *g);
    *why_not = "out of memory";
    if (!g)
        return NULL;
    *why_not = "libcuda.so.1 is not installed";
    g->lib = dlopen("libcuda.so.1", RTLD_NOW);
    if (!g->lib || (*why_not = bind(g)) || (*why_not = "no device", g->init(0))) {
        free(g);
        return NULL;
    }
    must(g, g->device_name(g->name, sizeof g->name, 0), "cuDeviceGetName");
    must(g, g->retain(&g->ctx, 0), "cuDevicePrimaryCtxRetain");
    must(g, g->set_current(g->ctx), "cuCtxSetCurrent");
    must(g, g->event_create(&g->start, 0), "cuEventCreate");
    must(g, g->event_create(&g->stop, 0), "cuEventCreate");
    return g;
}

void gpu_close(Gpu *g)
{
    g->release(0);
    free(g);
}

const char *gpu_name(Gpu *g) { return g->name; }

/* One piece of memory, used from its beginning again when nothing of it is in use: where buffers lie to one another tells by some
 * percent on times, and would otherwise depend on what was measured before. */
static bool in_pool(const Gpu *g, uint64_t p) { return p >= g->pool && p < g->pool + g->pool_size; }

static uint64_t from_pool(Gpu *g, size_t bytes)
{
    if (!g->pool) {
        g->pool_size = gpu_free_memory(g) / 3 / POOL_ALIGN * POOL_ALIGN;
        must(g, g->mem_alloc(&g->pool, g->pool_size), "cuMemAlloc");
    }
    bytes = (bytes + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    if (bytes > g->pool_size - g->pool_used)
        return 0;
    g->pool_live++;
    g->pool_used += bytes;
    return g->pool + g->pool_used - bytes;
}

uint64_t gpu_alloc(Gpu *g, size_t bytes)
{
    uint64_t p = from_pool(g, bytes ? bytes : 1);
    if (!p)
        must(g, g->mem_alloc(&p, bytes ? bytes : 1), "cuMemAlloc");
    return p;
}

void gpu_free(Gpu *g, uint64_t p)
{
    if (!in_pool(g, p))
        must(g, g->mem_free(p), "cuMemFree");
    else if (!--g->pool_live)
        g->pool_used = 0;
}

size_t gpu_free_memory(Gpu *g)
{
    size_t f, t;
    must(g, g->mem_info(&f, &t), "cuMemGetInfo");
    return f;
}

void gpu_upload(Gpu *g, uint64_t dst, const void *src, size_t n) { must(g, g->h2d(dst, src, n), "cuMemcpyHtoD"); }
void gpu_download(Gpu *g, void *dst, uint64_t src, size_t n) { must(g, g->d2h(dst, src, n), "cuMemcpyDtoH"); }
void gpu_copy(Gpu *g, uint64_t dst, uint64_t src, size_t n, GpuStream s) { must(g, g->d2d(dst, src, n, s), "cuMemcpyDtoDAsync"); }
void gpu_fill(Gpu *g, uint64_t dst, uint32_t word, size_t n) { must(g, g->set32(dst, word, n / 4), "cuMemsetD32"); }

GpuStream gpu_stream(Gpu *g)
{
    void *s;
    must(g, g->stream_create(&s, 1), "cuStreamCreate");
    return s;
}

void gpu_sync(Gpu *g, GpuStream s) { must(g, g->stream_sync(s), "cuStreamSynchronize"); }
void gpu_capture_begin(Gpu *g, GpuStream s) { must(g, g->begin(s, 1), "cuStreamBeginCapture"); }

GpuGraph gpu_capture_end(Gpu *g, GpuStream s)
{
    void *graph, *exec;
    must(g, g->end(s, &graph), "cuStreamEndCapture");
    must(g, g->instantiate(&exec, graph, 0), "cuGraphInstantiate");
    must(g, g->graph_destroy(graph), "cuGraphDestroy");
    return exec;
}

void gpu_graph_free(Gpu *g, GpuGraph x) { must(g, g->exec_destroy(x), "cuGraphExecDestroy"); }

double gpu_time_graph(Gpu *g, GpuGraph x, GpuStream s)
{
    float ms;
    must(g, g->event_record(g->start, s), "cuEventRecord");
    must(g, g->graph_launch(x, s), "cuGraphLaunch");
    must(g, g->event_record(g->stop, s), "cuEventRecord");
    must(g, g->event_sync(g->stop), "cuEventSynchronize");
    must(g, g->event_ms(&ms, g->start, g->stop), "cuEventElapsedTime");
    return ms * 1e3;
}

GpuKernel gpu_load(Gpu *g, const void *image, const char *symbol)
{
    void *module;
    GpuKernel k = {0};
    must(g, g->module_load(&module, image), "cuModuleLoadData");
    must(g, g->get_function(&k.fn, module, symbol), "cuModuleGetFunction");
    return k;
}

void gpu_launch(Gpu *g, GpuKernel k, void *words, GpuStream s)
{
    struct { unsigned gx, gy, gz, bx, by, bz, smem; void *stream; void *attrs; unsigned n; } c =
        {k.grid, 1, 1, k.block, 1, 1, k.smem, s, NULL, 0};
    void *params[1] = {words};
    must(g, g->launch(&c, k.fn, params, NULL), "cuLaunchKernelEx");
}

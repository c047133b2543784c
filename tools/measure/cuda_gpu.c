/* cuda_gpu.c: see gpu.h. */
#include "gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* X(field, symbol, arguments) */
#define DRIVER(X)                                                                                     \
    X(init, "cuInit", (unsigned))                                                                     \
    X(device_get, "cuDeviceGet", (int *, int))                                                        \
    X(device_name, "cuDeviceGetName", (char *, int, int))                                             \
    X(device_count, "cuDeviceGetCount", (int *))                                                      \
    X(attribute, "cuDeviceGetAttribute", (int *, int, int))                                           \
    X(total_memory, "cuDeviceTotalMem_v2", (size_t *, int))                                           \
    X(driver_version, "cuDriverGetVersion", (int *))                                                  \
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
    X(set32_on, "cuMemsetD32Async", (uint64_t, unsigned, size_t, void *))                             \
    X(stream_create, "cuStreamCreate", (void **, unsigned))                                           \
    X(stream_sync, "cuStreamSynchronize", (void *))                                                   \
    X(begin, "cuStreamBeginCapture_v2", (void *, int))                                                \
    X(end, "cuStreamEndCapture", (void *, void **))                                                   \
    X(instantiate, "cuGraphInstantiateWithFlags", (void **, void *, unsigned long long))              \
    X(graph_nodes, "cuGraphGetNodes", (void *, void **, size_t *))                                    \
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
    size_t nodes;
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

void gpu_here(Gpu *g) { must(g, g->set_current(g->ctx), "cuCtxSetCurrent"); }

void gpu_close(Gpu *g)
{
    g->release(0);
    free(g);
}

const char *gpu_name(Gpu *g) { return g->name; }

/* One piece of memory, used from its beginning again when nothing of it is in use: where buffers lie to one another tells by some
 * percent on times, and would otherwise depend on what was measured before. */
static bool in_pool(const Gpu *g, uint64_t p) { return g->pool && p >= g->pool && p < g->pool + g->pool_size; }

static uint64_t from_pool(Gpu *g, size_t bytes)
{
    if (!g->pool) {
        g->pool_size = (g->pool_size ? g->pool_size : gpu_free_memory(g) / 3) / POOL_ALIGN * POOL_ALIGN;
        must(g, g->mem_alloc(&g->pool, g->pool_size), "cuMemAlloc");
    }
    bytes = (bytes + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    if (bytes > g->pool_size - g->pool_used)
        return 0;
    g->pool_live++;
    g->pool_used += bytes;
    return g->pool + g->pool_used - bytes;
}

void gpu_pool(Gpu *g, size_t bytes) { g->pool_size = bytes; }

uint64_t gpu_alloc_apart(Gpu *g, size_t bytes)
{
    uint64_t p;
    must(g, g->mem_alloc(&p, bytes ? bytes : 1), "cuMemAlloc");
    return p;
}

uint64_t gpu_alloc(Gpu *g, size_t bytes)
{
    uint64_t p = from_pool(g, bytes ? bytes : 1);
    return p ? p : gpu_alloc_apart(g, bytes);
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

/* The driver returns when the bytes are staged, and fills on its way: work in a stream of the bench's own does not wait for the default
 * stream, so these wait themselves. */
void gpu_upload(Gpu *g, uint64_t dst, const void *src, size_t n)
{
    must(g, g->h2d(dst, src, n), "cuMemcpyHtoD");
    must(g, g->stream_sync(NULL), "cuStreamSynchronize");
}

void gpu_fill(Gpu *g, uint64_t dst, uint32_t word, size_t n)
{
    must(g, g->set32(dst, word, n / 4), "cuMemsetD32");
    must(g, g->stream_sync(NULL), "cuStreamSynchronize");
}

void gpu_fill_on(Gpu *g, uint64_t dst, uint32_t word, size_t n, GpuStream s) { must(g, g->set32_on(dst, word, n / 4, s), "cuMemsetD32Async"); }
void gpu_download(Gpu *g, void *dst, uint64_t src, size_t n) { must(g, g->d2h(dst, src, n), "cuMemcpyDtoH"); }
void gpu_copy(Gpu *g, uint64_t dst, uint64_t src, size_t n, GpuStream s) { must(g, g->d2d(dst, src, n, s), "cuMemcpyDtoDAsync"); }

GpuStream gpu_stream(Gpu *g)
{
    void *s;
    must(g, g->stream_create(&s, 1), "cuStreamCreate");
    return s;
}

void gpu_sync(Gpu *g, GpuStream s) { must(g, g->stream_sync(s), "cuStreamSynchronize"); }
const char *gpu_try_sync(Gpu *g, GpuStream s)
{
    const char *name = NULL;
    int rc = g->stream_sync(s);
    if (rc)
        g->error_name(rc, &name);
    return rc && !name ? "an unknown error" : name;
}

void gpu_capture_begin(Gpu *g, GpuStream s) { must(g, g->begin(s, 1), "cuStreamBeginCapture"); }

GpuGraph gpu_capture_end(Gpu *g, GpuStream s)
{
    void *graph, *exec;
    must(g, g->end(s, &graph), "cuStreamEndCapture");
    must(g, g->graph_nodes(graph, NULL, &g->nodes), "cuGraphGetNodes");
    must(g, g->instantiate(&exec, graph, 0), "cuGraphInstantiate");
    must(g, g->graph_destroy(graph), "cuGraphDestroy");
    return exec;
}

int gpu_capture_nodes(Gpu *g) { return (int)g->nodes; }

void gpu_graph_free(Gpu *g, GpuGraph x) { must(g, g->exec_destroy(x), "cuGraphExecDestroy"); }

void gpu_replay(Gpu *g, GpuGraph x, GpuStream s) { must(g, g->graph_launch(x, s), "cuGraphLaunch"); }

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

static void look(GpuProbe *p)
{
    enum { MAJOR = 75, MINOR = 76 };
    Gpu g = {0};
    const char *why = NULL;
    int major = 0, minor = 0;
    g.lib = dlopen("libcuda.so.1", RTLD_NOW);
    why = !g.lib ? "libcuda.so.1 is not installed" : bind(&g);
    if (!why)
        g.driver_version(&p->driver);
    if (!why && (g.init(0) || g.device_count(&p->count) || !p->count))
        why = "the driver finds no device";
    if (why || g.device_name(p->name, sizeof p->name, 0) || g.attribute(&major, MAJOR, 0) || g.attribute(&minor, MINOR, 0) || g.total_memory(&p->memory, 0))
        snprintf(p->why, sizeof p->why, "%s", why ? why : "the driver does not describe its device");
    p->sm = major * 10 + minor;
}

bool gpu_probe(GpuProbe *out)
{
    int p[2];
    *out = (GpuProbe){.why = "no process to look for it"};
    if (pipe(p))
        return false;
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        GpuProbe found = {0};
        look(&found);
        _exit(write(p[1], &found, sizeof found) != (ssize_t)sizeof found);
    }
    close(p[1]);
    GpuProbe got;
    if (pid > 0 && read(p[0], &got, sizeof got) == (ssize_t)sizeof got)
        *out = got;
    close(p[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return !*out->why;
}

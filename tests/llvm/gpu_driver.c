/* gpu_driver.c: see gpu_driver.h. */
#include "gpu_driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static bool look_up(Gpu *g)
{
    const struct { const char *name; void *slot; } f[] = {
        {"cuMemAlloc_v2", &g->MemAlloc}, {"cuMemFree_v2", &g->MemFree}, {"cuMemcpyHtoD_v2", &g->HtoD}, {"cuMemcpyDtoH_v2", &g->DtoH},
        {"cuModuleLoadData", &g->ModuleLoadData}, {"cuModuleUnload", &g->ModuleUnload}, {"cuModuleGetFunction", &g->ModuleGetFunction},
        {"cuFuncSetAttribute", &g->FuncSetAttribute}, {"cuLaunchKernel", &g->LaunchKernel}, {"cuCtxSynchronize", &g->Synchronize}};
    for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
        void *p = dlsym(g->lib, f[i].name);
        if (!p)
            return false;
        memcpy(f[i].slot, &p, sizeof p);
    }
    return true;
}

static bool start(Gpu *g)
{
    int (*init)(unsigned), (*get)(int *, int), (*attr)(int *, int, int), (*retain)(void **, int), (*current)(void *);
    *(void **)&init = dlsym(g->lib, "cuInit");
    *(void **)&get = dlsym(g->lib, "cuDeviceGet");
    *(void **)&attr = dlsym(g->lib, "cuDeviceGetAttribute");
    *(void **)&retain = dlsym(g->lib, "cuDevicePrimaryCtxRetain");
    *(void **)&current = dlsym(g->lib, "cuCtxSetCurrent");
    if (!init || !get || !attr || !retain || !current || init(0) || get(&g->device, 0))
        return false;
    return !attr(&g->major, 75, g->device) && !attr(&g->minor, 76, g->device) && !retain(&g->context, g->device) && !current(g->context);
}

bool gpu_open(Gpu *g)
{
    memset(g, 0, sizeof *g);
    g->lib = dlopen("libcuda.so.1", RTLD_NOW);
    if (!g->lib)
        printf("  skipped: no CUDA driver on this machine\n");
    else if (!look_up(g) || !start(g))
        printf("  skipped: no CUDA device on this machine\n");
    else
        return true;
    gpu_close(g);
    return false;
}

void gpu_close(Gpu *g)
{
    if (g->lib)
        dlclose(g->lib);
    g->lib = NULL;
}

/* gpu_driver.h: the few functions of the CUDA driver that test_gpu needs, looked up when it runs; no toolkit headers. */
#ifndef LGR_GPU_DRIVER_H
#define LGR_GPU_DRIVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Gpu {
    void *lib, *context;
    int device, major, minor;
    int (*MemAlloc)(uint64_t *p, size_t n);
    int (*MemFree)(uint64_t p);
    int (*HtoD)(uint64_t to, const void *from, size_t n);
    int (*DtoH)(void *to, uint64_t from, size_t n);
    int (*ModuleLoadData)(void **m, const void *image);
    int (*ModuleUnload)(void *m);
    int (*ModuleGetFunction)(void **f, void *m, const char *name);
    int (*FuncSetAttribute)(void *f, int what, int value);
    int (*LaunchKernel)(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned smem, void *stream,
                        void **params, void **extra);
    int (*Synchronize)(void);
} Gpu;

bool gpu_open(Gpu *g);             /* false, with the reason printed, where there is no device */
void gpu_close(Gpu *g);

#endif

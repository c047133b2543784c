/* gpu.h: the little of the CUDA driver that a benchmark needs beside libliger: memory, streams, graphs, events.
 *
 * Loaded by dlopen; gpu_open() gives NULL and a reason where there is no driver or no device.  Errors end the program with
 * the driver call and its code: a benchmark has nothing to recover.
 */
#ifndef LGR_BENCH_GPU_H
#define LGR_BENCH_GPU_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Gpu Gpu;
typedef void *GpuStream;
typedef void *GpuGraph;

Gpu      *gpu_open(const char **why_not);
void      gpu_close(Gpu *g);
void      gpu_here(Gpu *g);                          /* before another thread than the one that opened it uses it; one at a time */
const char *gpu_name(Gpu *g);
uint64_t  gpu_alloc(Gpu *g, size_t bytes);
uint64_t  gpu_alloc_apart(Gpu *g, size_t bytes);             /* from the driver, not from the pool */
void      gpu_pool(Gpu *g, size_t bytes);                    /* size of the pool, before it is first used (a third of what is free) */
void      gpu_free(Gpu *g, uint64_t p);
size_t    gpu_free_memory(Gpu *g);
void      gpu_upload(Gpu *g, uint64_t dst, const void *src, size_t bytes);
void      gpu_download(Gpu *g, void *dst, uint64_t src, size_t bytes);
void      gpu_copy(Gpu *g, uint64_t dst, uint64_t src, size_t bytes, GpuStream s);
void      gpu_fill(Gpu *g, uint64_t dst, uint32_t word, size_t bytes);
void      gpu_fill_on(Gpu *g, uint64_t dst, uint32_t word, size_t bytes, GpuStream s);      /* in stream order; may be captured */
GpuStream gpu_stream(Gpu *g);
void      gpu_sync(Gpu *g, GpuStream s);
const char *gpu_try_sync(Gpu *g, GpuStream s);    /* NULL, or what a kernel before it did wrong, by the driver's name: nothing works after that */
void      gpu_capture_begin(Gpu *g, GpuStream s);
GpuGraph  gpu_capture_end(Gpu *g, GpuStream s);
int       gpu_capture_nodes(Gpu *g);                         /* of the graph captured last */
void      gpu_graph_free(Gpu *g, GpuGraph x);
void      gpu_replay(Gpu *g, GpuGraph x, GpuStream s);
double    gpu_time_graph(Gpu *g, GpuGraph x, GpuStream s);   /* microseconds of one replay, by events */

/* What there is, found out by a process of its own: this one stays free to fork. False: why tells. */
typedef struct GpuProbe { char name[128], why[160]; int sm, driver, count; size_t memory; } GpuProbe;   /* sm: 90; driver: 13000 for CUDA 13.0 */
bool      gpu_probe(GpuProbe *out);

/* A bare launch, by the driver alone, of a kernel with one by-value array of words, for the launch overhead's baseline. */
typedef struct GpuKernel { void *fn; unsigned grid, block, smem; } GpuKernel;
GpuKernel gpu_load(Gpu *g, const void *image, const char *symbol);
void      gpu_launch(Gpu *g, GpuKernel k, void *words, GpuStream s);

#endif

/* sim.h: runs lowered IR for a GPU on the host: every thread of a block in lock step, one block after another.
 *
 * Emulates shuffles, barriers, shared memory and asynchronous copies, and reports, with the place in the spec:
 *   global accesses outside the buffers given; misaligned accesses, global or shared; shared accesses out of bounds;
 *   two threads touching a shared byte without a barrier (or warpsync, within a warp) between them where one writes;
 *   reads and writes of asynchronously copied bytes before the wait;
 *   values made of shared bytes never written, once they reach global memory, an address, a predicate or a branch;
 *   barriers and shuffles not reached by all threads that they join, named barriers with another number of threads;
 *   global bytes written by two threads; written by one thread and read by another of the same block without a barrier of the
 *   block between, or of another block (buffers up to SIM_SHADOW_MAX).
 * Arithmetic is the GPU's in precise mode: f32 with denormals, one rounding an operation, 16-bit floats computed in f32.
 */
#ifndef LGR_SIM_H
#define LGR_SIM_H
#include "lir.h"

enum { SIM_SHADOW_MAX = 16 << 20 };   /* bytes of a buffer that is watched for writes by several threads */

typedef struct SimBuffer { uint64_t addr; uint64_t bytes; } SimBuffer;   /* valid global ranges */

typedef struct SimResult {
    uint32_t faults;        /* of the operation at which the run ended; threads count one each */
    Span     sp;            /* its place in the spec */
    LirVal   op;
    char     first[512];    /* "norm_0: %37 lds, block 0, thread 5: ..." */
} SimResult;

/* Runs blocks 0..nctas-1. words: fn->nwords values. false when a fault was found (result says which) or memory ran out
 * (no faults).  The run ends with the first operation that faults.  fn has passed lir_verify(). */
bool sim_run(const LirFn *fn, const uint64_t *words, uint32_t nctas, const SimBuffer *bufs, uint32_t nbufs, SimResult *res);

#endif

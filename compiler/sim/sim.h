/* sim.h: runs lowered IR for a GPU on the host: every thread of a block in lock step, one block after another.
 *
 * Emulates shuffles, barriers, shared memory and asynchronous copies, and reports, with the place in the spec:
 * global accesses outside the buffers given, misaligned vector accesses, shared accesses out of bounds, reads of shared bytes
 * never written, two threads touching a shared byte without a barrier (or warpsync, within a warp) between them where one
 * writes, reads of asynchronously copied bytes before the wait, barriers not reached by all threads.
 */
#ifndef LGR_SIM_H
#define LGR_SIM_H
#include "lir.h"

typedef struct SimBuffer { uint64_t addr; uint64_t bytes; } SimBuffer;   /* valid global ranges */

typedef struct SimResult { uint32_t faults; char first[512]; } SimResult;

/* Runs blocks 0..nctas-1. words: fn->nwords values. false when a fault was found (result says which) or memory ran out. */
bool sim_run(const LirFn *fn, const uint64_t *words, uint32_t nctas, const SimBuffer *bufs, uint32_t nbufs, SimResult *res);

#endif

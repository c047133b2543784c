/* sim_case.h: small lowered functions for the sim's tests: words are addresses of the test's buffers, one thread an element. */
#ifndef LGR_TEST_SIM_CASE_H
#define LGR_TEST_SIM_CASE_H
#include "sim.h"

enum { CASE_BUFS = 4 };

typedef struct SimCase {
    Arena *a;
    LirFn *fn;
    LirVal tid;
    uint64_t words[CASE_BUFS];
    SimBuffer buf[CASE_BUFS];
    uint32_t nbuf;
    SimResult res;
} SimCase;

void   case_begin(SimCase *c, uint32_t threads, uint32_t smem);
void   case_end(SimCase *c);
uint32_t case_buffer(SimCase *c, void *p, size_t bytes);                 /* its word */
LirVal case_i32(SimCase *c, int64_t v);
LirVal case_at(SimCase *c, uint32_t buf, LirVal index, int bytes);       /* i64 address of element `index` */
LirVal case_off(SimCase *c, LirVal index, int bytes);                    /* i32 shared offset */
LirVal case_op(SimCase *c, LirOp o);
LirVal case_load(SimCase *c, uint32_t buf, DType dt, int lanes);         /* vector `tid` of the buffer */
void   case_store(SimCase *c, uint32_t buf, LirVal v);
bool   case_run(SimCase *c, uint32_t blocks);                            /* verified, then run */

#endif

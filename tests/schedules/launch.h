/* launch.h: runs a lowered kernel on the sim as the runtime would: conditions, parameter words, workspace, grids. */
#ifndef LGR_TEST_LAUNCH_H
#define LGR_TEST_LAUNCH_H
#include "lower.h"
#include "sim.h"

enum { LAUNCH_MAX_TENSORS = 32, LAUNCH_MAX_SCALARS = 16 };

typedef struct Tensor {
    uint8_t *data;                       /* element 0 */
    int64_t  shape[TIR_MAX_RANK], stride[TIR_MAX_RANK];   /* elements */
} Tensor;

typedef struct Call {
    const TirFn *tir;
    const LowKernel *low;
    const Target *target;
    const int64_t *dims;
    const struct Call *next;             /* of the nest that the launch works for too, where its schedule joins two */
    Tensor   tensor[LAUNCH_MAX_TENSORS];
    double   scalar[LAUNCH_MAX_SCALARS];
    SimBuffer *bufs; uint32_t nbufs, capbufs;   /* what the kernel may touch, without the workspace */
} Call;

bool call_allowed(const Call *c);                              /* do the variant's conditions hold? */
bool call_run(Call *c, Arena *a, SimResult *res);
bool call_verify(const LowKernel *low, Diag *d);

#endif

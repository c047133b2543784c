/* plain.h: the kernels of tests/lower/kernels.h once more, as plain loops in double. */
#ifndef LGR_TEST_PLAIN_H
#define LGR_TEST_PLAIN_H
#include "tir.h"

typedef struct Plain {
    int64_t m, n;
    const double *in[8];    /* by tensor, row after row; NULL for outputs */
    double *out[8];         /* by tensor; NULL for inputs */
    double eps;
} Plain;

typedef struct PlainKernel { const char *name; TirFn *(*build)(Arena *a, DType t); void (*run)(const Plain *p); } PlainKernel;

enum { PLAIN_COUNT = 4 };
extern const PlainKernel plain_kernels[PLAIN_COUNT];

#endif

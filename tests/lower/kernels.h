/* kernels.h: small kernels built by hand in the tile IR, for tests of the rooms behind it. */
#ifndef LGR_TEST_KERNELS_H
#define LGR_TEST_KERNELS_H
#include "tir.h"

/* y = x * rsqrt(mean(x^2) + eps) * w; rstd. Tensors x, w, y, rstd; scalar eps. */
TirFn *kernel_norm(Arena *a, DType t);
/* dx and dw of the same. Tensors dy, x, w, rstd, dx, dw. */
TirFn *kernel_norm_backward(Arena *a, DType t);
/* y = a * b + a, elementwise. Tensors a, b, y. */
TirFn *kernel_gate(Arena *a, DType t);
/* lse[m] = logsumexp(x[m, :]), at[m] = argmax(x[m, :]). Tensors x, lse, at. */
TirFn *kernel_lse(Arena *a, DType t);

#endif

/* liger_rms_norm.h: typed calls of the op rms_norm. Made by ligerc from its spec. */
#ifndef LIGER_RMS_NORM_H
#define LIGER_RMS_NORM_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_rms_norm_affine {
    LGR_RMS_NORM_AFFINE_FALSE = 0,
    LGR_RMS_NORM_AFFINE_TRUE = 1
} lgr_rms_norm_affine;

typedef enum lgr_rms_norm_casting {
    LGR_RMS_NORM_CASTING_LLAMA = 0,
    LGR_RMS_NORM_CASTING_GEMMA = 1,
    LGR_RMS_NORM_CASTING_NONE = 2
} lgr_rms_norm_casting;

typedef struct lgr_rms_norm_forward_args {
    const lgr_kernel *kernel;
    double eps; /* 9.9999999747524271e-07 unless set; in (0, inf) */
    double offset; /* 0 unless set */
    lgr_rms_norm_affine affine; /* true unless set */
    lgr_rms_norm_casting casting; /* llama unless set */
} lgr_rms_norm_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_rms_norm_forward_init(lgr_context *ctx, lgr_rms_norm_forward_args *args)
{
    args->eps = 9.9999999747524271e-07;
    args->offset = 0;
    args->affine = (lgr_rms_norm_affine)1;
    args->casting = (lgr_rms_norm_casting)0;
    return lgr_kernel_find(ctx, "rms_norm", "forward", &args->kernel);
}

/* rms_norm.forward: the scaled rows, and 1 / rms of each for backward
 *   in    x        T[M, N]
 *   in    w        W[N]; NULL where the options leave it out
 *   out   y        T[M, N]
 *   out   rstd     f32[M]
 *   T is one of f32, f16, bf16
 *   W is one of f32, f16, bf16
 */
static inline lgr_status lgr_rms_norm_forward(lgr_context *lgr_ctx, const lgr_rms_norm_forward_args *lgr_a, const DLTensor *x, const DLTensor *w, const DLTensor *y, const DLTensor *rstd, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[3];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = w;
    lgr_tensors[2] = y;
    lgr_tensors[3] = rstd;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_scalars[1].f = lgr_a->offset;
    lgr_options[0] = (int32_t)lgr_a->affine;
    lgr_options[1] = (int32_t)lgr_a->casting;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 2;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_rms_norm_forward_workspace(lgr_context *lgr_ctx, const lgr_rms_norm_forward_args *lgr_a, const DLTensor *x, const DLTensor *w, const DLTensor *y, const DLTensor *rstd, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[3];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = w;
    lgr_tensors[2] = y;
    lgr_tensors[3] = rstd;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_scalars[1].f = lgr_a->offset;
    lgr_options[0] = (int32_t)lgr_a->affine;
    lgr_options[1] = (int32_t)lgr_a->casting;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 2;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_rms_norm_forward_prepare(lgr_context *lgr_ctx, const lgr_rms_norm_forward_args *lgr_a, const DLTensor *x, const DLTensor *w, const DLTensor *y, const DLTensor *rstd)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[3];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = w;
    lgr_tensors[2] = y;
    lgr_tensors[3] = rstd;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_scalars[1].f = lgr_a->offset;
    lgr_options[0] = (int32_t)lgr_a->affine;
    lgr_options[1] = (int32_t)lgr_a->casting;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 2;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

typedef struct lgr_rms_norm_backward_args {
    const lgr_kernel *kernel;
    double offset; /* 0 unless set */
    lgr_rms_norm_affine affine; /* true unless set */
    lgr_rms_norm_casting casting; /* llama unless set */
} lgr_rms_norm_backward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_rms_norm_backward_init(lgr_context *ctx, lgr_rms_norm_backward_args *args)
{
    args->offset = 0;
    args->affine = (lgr_rms_norm_affine)1;
    args->casting = (lgr_rms_norm_casting)0;
    return lgr_kernel_find(ctx, "rms_norm", "backward", &args->kernel);
}

/* rms_norm.backward: dx, and dw summed over the rows
 *   in    dy       T[M, N]
 *   in    x        T[M, N]
 *   in    w        W[N]; NULL where the options leave it out
 *   in    rstd     f32[M]
 *   out   dx       T[M, N]; may lie over dy
 *   out   dw       W[N]; NULL where the options leave it out
 *   T is one of f32, f16, bf16
 *   W is one of f32, f16, bf16
 */
static inline lgr_status lgr_rms_norm_backward(lgr_context *lgr_ctx, const lgr_rms_norm_backward_args *lgr_a, const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = x;
    lgr_tensors[2] = w;
    lgr_tensors[3] = rstd;
    lgr_tensors[4] = dx;
    lgr_tensors[5] = dw;
    lgr_scalars[0].f = lgr_a->offset;
    lgr_options[0] = (int32_t)lgr_a->affine;
    lgr_options[1] = (int32_t)lgr_a->casting;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 6;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_rms_norm_backward_workspace(lgr_context *lgr_ctx, const lgr_rms_norm_backward_args *lgr_a, const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = x;
    lgr_tensors[2] = w;
    lgr_tensors[3] = rstd;
    lgr_tensors[4] = dx;
    lgr_tensors[5] = dw;
    lgr_scalars[0].f = lgr_a->offset;
    lgr_options[0] = (int32_t)lgr_a->affine;
    lgr_options[1] = (int32_t)lgr_a->casting;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 6;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_rms_norm_backward_prepare(lgr_context *lgr_ctx, const lgr_rms_norm_backward_args *lgr_a, const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = x;
    lgr_tensors[2] = w;
    lgr_tensors[3] = rstd;
    lgr_tensors[4] = dx;
    lgr_tensors[5] = dw;
    lgr_scalars[0].f = lgr_a->offset;
    lgr_options[0] = (int32_t)lgr_a->affine;
    lgr_options[1] = (int32_t)lgr_a->casting;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 6;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

#ifdef __cplusplus
}
#endif
#endif

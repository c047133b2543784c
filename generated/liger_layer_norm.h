/* liger_layer_norm.h: typed calls of the op layer_norm. Made by ligerc from its spec. */
#ifndef LIGER_LAYER_NORM_H
#define LIGER_LAYER_NORM_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_layer_norm_weight {
    LGR_LAYER_NORM_WEIGHT_FALSE = 0,
    LGR_LAYER_NORM_WEIGHT_TRUE = 1
} lgr_layer_norm_weight;

typedef enum lgr_layer_norm_bias {
    LGR_LAYER_NORM_BIAS_FALSE = 0,
    LGR_LAYER_NORM_BIAS_TRUE = 1
} lgr_layer_norm_bias;

typedef struct lgr_layer_norm_forward_args {
    const lgr_kernel *kernel;
    double eps; /* 9.9999997473787516e-06 unless set; in (0, inf) */
    lgr_layer_norm_weight weight; /* true unless set */
    lgr_layer_norm_bias bias; /* true unless set */
} lgr_layer_norm_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_layer_norm_forward_init(lgr_context *ctx, lgr_layer_norm_forward_args *args)
{
    args->eps = 9.9999997473787516e-06;
    args->weight = (lgr_layer_norm_weight)1;
    args->bias = (lgr_layer_norm_bias)1;
    return lgr_kernel_find(ctx, "layer_norm", "forward", &args->kernel);
}

/* layer_norm.forward: the scaled rows; mean and 1 / std stay in f32
 *   in    x        T[M, N]
 *   in    w        W[N]; NULL where the options leave it out
 *   in    b        W[N]; NULL where the options leave it out
 *   out   y        T[M, N]
 *   out   mu       f32[M]
 *   out   rstd     f32[M]
 *   T is one of f32, f16, bf16
 *   W is one of f32, f16, bf16
 */
static inline lgr_status lgr_layer_norm_forward(lgr_context *lgr_ctx, const lgr_layer_norm_forward_args *lgr_a, const DLTensor *x, const DLTensor *w, const DLTensor *b, const DLTensor *y, const DLTensor *mu, const DLTensor *rstd, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = w;
    lgr_tensors[2] = b;
    lgr_tensors[3] = y;
    lgr_tensors[4] = mu;
    lgr_tensors[5] = rstd;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->weight;
    lgr_options[1] = (int32_t)lgr_a->bias;
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
static inline lgr_status lgr_layer_norm_forward_workspace(lgr_context *lgr_ctx, const lgr_layer_norm_forward_args *lgr_a, const DLTensor *x, const DLTensor *w, const DLTensor *b, const DLTensor *y, const DLTensor *mu, const DLTensor *rstd, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = w;
    lgr_tensors[2] = b;
    lgr_tensors[3] = y;
    lgr_tensors[4] = mu;
    lgr_tensors[5] = rstd;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->weight;
    lgr_options[1] = (int32_t)lgr_a->bias;
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
static inline lgr_status lgr_layer_norm_forward_prepare(lgr_context *lgr_ctx, const lgr_layer_norm_forward_args *lgr_a, const DLTensor *x, const DLTensor *w, const DLTensor *b, const DLTensor *y, const DLTensor *mu, const DLTensor *rstd)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = w;
    lgr_tensors[2] = b;
    lgr_tensors[3] = y;
    lgr_tensors[4] = mu;
    lgr_tensors[5] = rstd;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->weight;
    lgr_options[1] = (int32_t)lgr_a->bias;
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

typedef struct lgr_layer_norm_backward_args {
    const lgr_kernel *kernel;
    lgr_layer_norm_weight weight; /* true unless set */
    lgr_layer_norm_bias bias; /* true unless set */
} lgr_layer_norm_backward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_layer_norm_backward_init(lgr_context *ctx, lgr_layer_norm_backward_args *args)
{
    args->weight = (lgr_layer_norm_weight)1;
    args->bias = (lgr_layer_norm_bias)1;
    return lgr_kernel_find(ctx, "layer_norm", "backward", &args->kernel);
}

/* layer_norm.backward: dx, and dw and db summed over the rows
 *   in    dy       T[M, N]
 *   in    x        T[M, N]
 *   in    w        W[N]; NULL where the options leave it out
 *   in    mu       f32[M]
 *   in    rstd     f32[M]
 *   out   dx       T[M, N]; may lie over dy
 *   out   dw       W[N]; NULL where the options leave it out
 *   out   db       W[N]; NULL where the options leave it out
 *   T is one of f32, f16, bf16
 *   W is one of f32, f16, bf16
 */
static inline lgr_status lgr_layer_norm_backward(lgr_context *lgr_ctx, const lgr_layer_norm_backward_args *lgr_a, const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *mu, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw, const DLTensor *db, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = x;
    lgr_tensors[2] = w;
    lgr_tensors[3] = mu;
    lgr_tensors[4] = rstd;
    lgr_tensors[5] = dx;
    lgr_tensors[6] = dw;
    lgr_tensors[7] = db;
    lgr_options[0] = (int32_t)lgr_a->weight;
    lgr_options[1] = (int32_t)lgr_a->bias;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_layer_norm_backward_workspace(lgr_context *lgr_ctx, const lgr_layer_norm_backward_args *lgr_a, const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *mu, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw, const DLTensor *db, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = x;
    lgr_tensors[2] = w;
    lgr_tensors[3] = mu;
    lgr_tensors[4] = rstd;
    lgr_tensors[5] = dx;
    lgr_tensors[6] = dw;
    lgr_tensors[7] = db;
    lgr_options[0] = (int32_t)lgr_a->weight;
    lgr_options[1] = (int32_t)lgr_a->bias;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 2;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_layer_norm_backward_prepare(lgr_context *lgr_ctx, const lgr_layer_norm_backward_args *lgr_a, const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *mu, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw, const DLTensor *db)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = x;
    lgr_tensors[2] = w;
    lgr_tensors[3] = mu;
    lgr_tensors[4] = rstd;
    lgr_tensors[5] = dx;
    lgr_tensors[6] = dw;
    lgr_tensors[7] = db;
    lgr_options[0] = (int32_t)lgr_a->weight;
    lgr_options[1] = (int32_t)lgr_a->bias;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
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

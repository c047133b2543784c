/* liger_kl_div.h: typed calls of the op kl_div. Made by ligerc from its spec. */
#ifndef LIGER_KL_DIV_H
#define LIGER_KL_DIV_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_kl_div_log_target {
    LGR_KL_DIV_LOG_TARGET_FALSE = 0,
    LGR_KL_DIV_LOG_TARGET_TRUE = 1
} lgr_kl_div_log_target;

typedef enum lgr_kl_div_reduction {
    LGR_KL_DIV_REDUCTION_NONE = 0,
    LGR_KL_DIV_REDUCTION_SUM = 1,
    LGR_KL_DIV_REDUCTION_MEAN = 2,
    LGR_KL_DIV_REDUCTION_BATCHMEAN = 3
} lgr_kl_div_reduction;

typedef enum lgr_kl_div_of_target {
    LGR_KL_DIV_OF_TARGET_FALSE = 0,
    LGR_KL_DIV_OF_TARGET_TRUE = 1
} lgr_kl_div_of_target;

typedef struct lgr_kl_div_forward_args {
    const lgr_kernel *kernel;
    double eps; /* 1.000000013351432e-10 unless set; in (0, inf) */
    lgr_kl_div_log_target log_target; /* false unless set */
    lgr_kl_div_reduction reduction; /* batchmean unless set */
} lgr_kl_div_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_kl_div_forward_init(lgr_context *ctx, lgr_kl_div_forward_args *args)
{
    args->eps = 1.000000013351432e-10;
    args->log_target = (lgr_kl_div_log_target)0;
    args->reduction = (lgr_kl_div_reduction)3;
    return lgr_kernel_find(ctx, "kl_div", "forward", &args->kernel);
}

/* kl_div.forward: the loss of each element, or their sum, divided by M * V (mean) or M (batchmean)
 *   in    y_pred   T[M, V]
 *   in    y_true   T[M, V]
 *   out   loss     T[M, V]; NULL where the options leave it out
 *   out   total    f32[1]; NULL where the options leave it out
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_kl_div_forward(lgr_context *lgr_ctx, const lgr_kl_div_forward_args *lgr_a, const DLTensor *y_pred, const DLTensor *y_true, const DLTensor *loss, const DLTensor *total, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = y_pred;
    lgr_tensors[1] = y_true;
    lgr_tensors[2] = loss;
    lgr_tensors[3] = total;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->log_target;
    lgr_options[1] = (int32_t)lgr_a->reduction;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
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
static inline lgr_status lgr_kl_div_forward_workspace(lgr_context *lgr_ctx, const lgr_kl_div_forward_args *lgr_a, const DLTensor *y_pred, const DLTensor *y_true, const DLTensor *loss, const DLTensor *total, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = y_pred;
    lgr_tensors[1] = y_true;
    lgr_tensors[2] = loss;
    lgr_tensors[3] = total;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->log_target;
    lgr_options[1] = (int32_t)lgr_a->reduction;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
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
static inline lgr_status lgr_kl_div_forward_prepare(lgr_context *lgr_ctx, const lgr_kl_div_forward_args *lgr_a, const DLTensor *y_pred, const DLTensor *y_true, const DLTensor *loss, const DLTensor *total)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = y_pred;
    lgr_tensors[1] = y_true;
    lgr_tensors[2] = loss;
    lgr_tensors[3] = total;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->log_target;
    lgr_options[1] = (int32_t)lgr_a->reduction;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
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

typedef struct lgr_kl_div_backward_args {
    const lgr_kernel *kernel;
    double eps; /* 1.000000013351432e-10 unless set; in (0, inf) */
    lgr_kl_div_log_target log_target; /* false unless set */
    lgr_kl_div_of_target of_target; /* false unless set */
    lgr_kl_div_reduction reduction; /* batchmean unless set */
} lgr_kl_div_backward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_kl_div_backward_init(lgr_context *ctx, lgr_kl_div_backward_args *args)
{
    args->eps = 1.000000013351432e-10;
    args->log_target = (lgr_kl_div_log_target)0;
    args->of_target = (lgr_kl_div_of_target)0;
    args->reduction = (lgr_kl_div_reduction)3;
    return lgr_kernel_find(ctx, "kl_div", "backward", &args->kernel);
}

/* kl_div.backward: gradients of y_pred and, on request, of y_true; what comes in is one number, or one an element (none)
 *   in    y_true   T[M, V]
 *   in    y_pred   T[M, V]; NULL where the options leave it out
 *   in    dloss    T[M, V]; NULL where the options leave it out
 *   in    dtotal   f32[1]; NULL where the options leave it out
 *   out   dy_pred  T[M, V]
 *   out   dy_true  T[M, V]; NULL where the options leave it out
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_kl_div_backward(lgr_context *lgr_ctx, const lgr_kl_div_backward_args *lgr_a, const DLTensor *y_true, const DLTensor *y_pred, const DLTensor *dloss, const DLTensor *dtotal, const DLTensor *dy_pred, const DLTensor *dy_true, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = y_true;
    lgr_tensors[1] = y_pred;
    lgr_tensors[2] = dloss;
    lgr_tensors[3] = dtotal;
    lgr_tensors[4] = dy_pred;
    lgr_tensors[5] = dy_true;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->log_target;
    lgr_options[1] = (int32_t)lgr_a->of_target;
    lgr_options[2] = (int32_t)lgr_a->reduction;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 6;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_kl_div_backward_workspace(lgr_context *lgr_ctx, const lgr_kl_div_backward_args *lgr_a, const DLTensor *y_true, const DLTensor *y_pred, const DLTensor *dloss, const DLTensor *dtotal, const DLTensor *dy_pred, const DLTensor *dy_true, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = y_true;
    lgr_tensors[1] = y_pred;
    lgr_tensors[2] = dloss;
    lgr_tensors[3] = dtotal;
    lgr_tensors[4] = dy_pred;
    lgr_tensors[5] = dy_true;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->log_target;
    lgr_options[1] = (int32_t)lgr_a->of_target;
    lgr_options[2] = (int32_t)lgr_a->reduction;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 6;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_kl_div_backward_prepare(lgr_context *lgr_ctx, const lgr_kl_div_backward_args *lgr_a, const DLTensor *y_true, const DLTensor *y_pred, const DLTensor *dloss, const DLTensor *dtotal, const DLTensor *dy_pred, const DLTensor *dy_true)
{
    const DLTensor *lgr_tensors[7];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = y_true;
    lgr_tensors[1] = y_pred;
    lgr_tensors[2] = dloss;
    lgr_tensors[3] = dtotal;
    lgr_tensors[4] = dy_pred;
    lgr_tensors[5] = dy_true;
    lgr_scalars[0].f = lgr_a->eps;
    lgr_options[0] = (int32_t)lgr_a->log_target;
    lgr_options[1] = (int32_t)lgr_a->of_target;
    lgr_options[2] = (int32_t)lgr_a->reduction;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 6;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

#ifdef __cplusplus
}
#endif
#endif

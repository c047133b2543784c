/* liger_embedding.h: typed calls of the op embedding. Made by ligerc from its spec. */
#ifndef LIGER_EMBEDDING_H
#define LIGER_EMBEDDING_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct lgr_embedding_forward_args {
    const lgr_kernel *kernel;
} lgr_embedding_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_embedding_forward_init(lgr_context *ctx, lgr_embedding_forward_args *args)
{
    return lgr_kernel_find(ctx, "embedding", "forward", &args->kernel);
}

/* embedding.forward: an index outside the table gives a row of zeros and is counted in errors; it is never read
 *   in    w        T[V, H]
 *   in    idx      i64[I]
 *   out   y        T[I, H]
 *   inout errors   i32[1]
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_embedding_forward(lgr_context *lgr_ctx, const lgr_embedding_forward_args *lgr_a, const DLTensor *w, const DLTensor *idx, const DLTensor *y, const DLTensor *errors, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[1];
    lgr_call lgr_c;
    lgr_tensors[0] = w;
    lgr_tensors[1] = idx;
    lgr_tensors[2] = y;
    lgr_tensors[3] = errors;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 0;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_embedding_forward_workspace(lgr_context *lgr_ctx, const lgr_embedding_forward_args *lgr_a, const DLTensor *w, const DLTensor *idx, const DLTensor *y, const DLTensor *errors, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[1];
    lgr_call lgr_c;
    lgr_tensors[0] = w;
    lgr_tensors[1] = idx;
    lgr_tensors[2] = y;
    lgr_tensors[3] = errors;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 0;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_embedding_forward_prepare(lgr_context *lgr_ctx, const lgr_embedding_forward_args *lgr_a, const DLTensor *w, const DLTensor *idx, const DLTensor *y, const DLTensor *errors)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[1];
    lgr_call lgr_c;
    lgr_tensors[0] = w;
    lgr_tensors[1] = idx;
    lgr_tensors[2] = y;
    lgr_tensors[3] = errors;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 0;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

typedef struct lgr_embedding_backward_args {
    const lgr_kernel *kernel;
    int64_t padding_idx; /* -1 unless set */
} lgr_embedding_backward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_embedding_backward_init(lgr_context *ctx, lgr_embedding_backward_args *args)
{
    args->padding_idx = -1;
    return lgr_kernel_find(ctx, "embedding", "backward", &args->kernel);
}

/* embedding.backward: the gradient of the table; rows that no index names, and that of padding_idx, are zero
 *   in    dy       T[I, H]
 *   in    idx      i64[I]
 *   out   dw       T[V, H]
 *   inout errors   i32[1]
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_embedding_backward(lgr_context *lgr_ctx, const lgr_embedding_backward_args *lgr_a, const DLTensor *dy, const DLTensor *idx, const DLTensor *dw, const DLTensor *errors, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[1];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = idx;
    lgr_tensors[2] = dw;
    lgr_tensors[3] = errors;
    lgr_scalars[0].i = lgr_a->padding_idx;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 0;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_embedding_backward_workspace(lgr_context *lgr_ctx, const lgr_embedding_backward_args *lgr_a, const DLTensor *dy, const DLTensor *idx, const DLTensor *dw, const DLTensor *errors, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[1];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = idx;
    lgr_tensors[2] = dw;
    lgr_tensors[3] = errors;
    lgr_scalars[0].i = lgr_a->padding_idx;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 0;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_embedding_backward_prepare(lgr_context *lgr_ctx, const lgr_embedding_backward_args *lgr_a, const DLTensor *dy, const DLTensor *idx, const DLTensor *dw, const DLTensor *errors)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[2];
    int32_t lgr_options[1];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = idx;
    lgr_tensors[2] = dw;
    lgr_tensors[3] = errors;
    lgr_scalars[0].i = lgr_a->padding_idx;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 1;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 0;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

#ifdef __cplusplus
}
#endif
#endif

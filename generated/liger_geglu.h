/* liger_geglu.h: typed calls of the op geglu. Made by ligerc from its spec. */
#ifndef LIGER_GEGLU_H
#define LIGER_GEGLU_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_geglu_form {
    LGR_GEGLU_FORM_TANH_FORM = 0,
    LGR_GEGLU_FORM_ERF_FORM = 1
} lgr_geglu_form;

typedef enum lgr_geglu_packed {
    LGR_GEGLU_PACKED_FALSE = 0,
    LGR_GEGLU_PACKED_TRUE = 1
} lgr_geglu_packed;

typedef struct lgr_geglu_forward_args {
    const lgr_kernel *kernel;
    lgr_geglu_form form; /* tanh_form unless set */
    lgr_geglu_packed packed; /* false unless set */
} lgr_geglu_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_geglu_forward_init(lgr_context *ctx, lgr_geglu_forward_args *args)
{
    args->form = (lgr_geglu_form)0;
    args->packed = (lgr_geglu_packed)0;
    return lgr_kernel_find(ctx, "geglu", "forward", &args->kernel);
}

/* geglu.forward: gated rows; gelu is rounded to T before the product, as eager does
 *   in    a        T[M, F]; NULL where the options leave it out
 *   in    b        T[M, F]; NULL where the options leave it out
 *   in    ab       T[M, 2*F]; NULL where the options leave it out
 *   out   y        T[M, F]
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_geglu_forward(lgr_context *lgr_ctx, const lgr_geglu_forward_args *lgr_a, const DLTensor *a, const DLTensor *b, const DLTensor *ab, const DLTensor *y, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = a;
    lgr_tensors[1] = b;
    lgr_tensors[2] = ab;
    lgr_tensors[3] = y;
    lgr_options[0] = (int32_t)lgr_a->form;
    lgr_options[1] = (int32_t)lgr_a->packed;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
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
static inline lgr_status lgr_geglu_forward_workspace(lgr_context *lgr_ctx, const lgr_geglu_forward_args *lgr_a, const DLTensor *a, const DLTensor *b, const DLTensor *ab, const DLTensor *y, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = a;
    lgr_tensors[1] = b;
    lgr_tensors[2] = ab;
    lgr_tensors[3] = y;
    lgr_options[0] = (int32_t)lgr_a->form;
    lgr_options[1] = (int32_t)lgr_a->packed;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
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
static inline lgr_status lgr_geglu_forward_prepare(lgr_context *lgr_ctx, const lgr_geglu_forward_args *lgr_a, const DLTensor *a, const DLTensor *b, const DLTensor *ab, const DLTensor *y)
{
    const DLTensor *lgr_tensors[5];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = a;
    lgr_tensors[1] = b;
    lgr_tensors[2] = ab;
    lgr_tensors[3] = y;
    lgr_options[0] = (int32_t)lgr_a->form;
    lgr_options[1] = (int32_t)lgr_a->packed;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 4;
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

typedef struct lgr_geglu_backward_args {
    const lgr_kernel *kernel;
    lgr_geglu_form form; /* tanh_form unless set */
    lgr_geglu_packed packed; /* false unless set */
} lgr_geglu_backward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_geglu_backward_init(lgr_context *ctx, lgr_geglu_backward_args *args)
{
    args->form = (lgr_geglu_form)0;
    args->packed = (lgr_geglu_packed)0;
    return lgr_kernel_find(ctx, "geglu", "backward", &args->kernel);
}

/* geglu.backward: gradients of both halves; each may lie over its input
 *   in    dy       T[M, F]
 *   in    a        T[M, F]; NULL where the options leave it out
 *   in    b        T[M, F]; NULL where the options leave it out
 *   in    ab       T[M, 2*F]; NULL where the options leave it out
 *   out   da       T[M, F]; NULL where the options leave it out; may lie over a
 *   out   db       T[M, F]; NULL where the options leave it out; may lie over b
 *   out   dab      T[M, 2*F]; NULL where the options leave it out; may lie over ab
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_geglu_backward(lgr_context *lgr_ctx, const lgr_geglu_backward_args *lgr_a, const DLTensor *dy, const DLTensor *a, const DLTensor *b, const DLTensor *ab, const DLTensor *da, const DLTensor *db, const DLTensor *dab, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[8];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = a;
    lgr_tensors[2] = b;
    lgr_tensors[3] = ab;
    lgr_tensors[4] = da;
    lgr_tensors[5] = db;
    lgr_tensors[6] = dab;
    lgr_options[0] = (int32_t)lgr_a->form;
    lgr_options[1] = (int32_t)lgr_a->packed;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 7;
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
static inline lgr_status lgr_geglu_backward_workspace(lgr_context *lgr_ctx, const lgr_geglu_backward_args *lgr_a, const DLTensor *dy, const DLTensor *a, const DLTensor *b, const DLTensor *ab, const DLTensor *da, const DLTensor *db, const DLTensor *dab, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[8];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = a;
    lgr_tensors[2] = b;
    lgr_tensors[3] = ab;
    lgr_tensors[4] = da;
    lgr_tensors[5] = db;
    lgr_tensors[6] = dab;
    lgr_options[0] = (int32_t)lgr_a->form;
    lgr_options[1] = (int32_t)lgr_a->packed;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 7;
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
static inline lgr_status lgr_geglu_backward_prepare(lgr_context *lgr_ctx, const lgr_geglu_backward_args *lgr_a, const DLTensor *dy, const DLTensor *a, const DLTensor *b, const DLTensor *ab, const DLTensor *da, const DLTensor *db, const DLTensor *dab)
{
    const DLTensor *lgr_tensors[8];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = dy;
    lgr_tensors[1] = a;
    lgr_tensors[2] = b;
    lgr_tensors[3] = ab;
    lgr_tensors[4] = da;
    lgr_tensors[5] = db;
    lgr_tensors[6] = dab;
    lgr_options[0] = (int32_t)lgr_a->form;
    lgr_options[1] = (int32_t)lgr_a->packed;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 7;
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

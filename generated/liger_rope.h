/* liger_rope.h: typed calls of the op rope. Made by ligerc from its spec. */
#ifndef LIGER_ROPE_H
#define LIGER_ROPE_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_rope_keys {
    LGR_ROPE_KEYS_FALSE = 0,
    LGR_ROPE_KEYS_TRUE = 1
} lgr_rope_keys;

typedef enum lgr_rope_batched {
    LGR_ROPE_BATCHED_FALSE = 0,
    LGR_ROPE_BATCHED_TRUE = 1
} lgr_rope_batched;

typedef enum lgr_rope_pairs {
    LGR_ROPE_PAIRS_HALVES = 0,
    LGR_ROPE_PAIRS_INTERLEAVED = 1
} lgr_rope_pairs;

typedef struct lgr_rope_forward_args {
    const lgr_kernel *kernel;
    lgr_rope_keys keys; /* true unless set */
    lgr_rope_batched batched; /* false unless set */
    lgr_rope_pairs pairs; /* halves unless set */
} lgr_rope_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_rope_forward_init(lgr_context *ctx, lgr_rope_forward_args *args)
{
    args->keys = (lgr_rope_keys)1;
    args->batched = (lgr_rope_batched)0;
    args->pairs = (lgr_rope_pairs)0;
    return lgr_kernel_find(ctx, "rope", "forward", &args->kernel);
}

/* rope.forward: y1 = x1 cos - x2 sin, y2 = x2 cos + x1 sin; the left half of cos and sin is read; what is not turned is copied
 *   in    q        T[B, H, S, D+P]
 *   in    k        T[B, K, S, D+P]; NULL where the options leave it out
 *   in    cos_t    C[S, D]; NULL where the options leave it out
 *   in    sin_t    C[S, D]; NULL where the options leave it out
 *   in    cos_b    C[B, S, D]; NULL where the options leave it out
 *   in    sin_b    C[B, S, D]; NULL where the options leave it out
 *   out   oq       T[B, H, S, D+P]; may lie over q
 *   out   ok       T[B, K, S, D+P]; NULL where the options leave it out; may lie over k
 *   T is one of f32, f16, bf16
 *   C is one of f32, f16, bf16
 */
static inline lgr_status lgr_rope_forward(lgr_context *lgr_ctx, const lgr_rope_forward_args *lgr_a, const DLTensor *q, const DLTensor *k, const DLTensor *cos_t, const DLTensor *sin_t, const DLTensor *cos_b, const DLTensor *sin_b, const DLTensor *oq, const DLTensor *ok, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = q;
    lgr_tensors[1] = k;
    lgr_tensors[2] = cos_t;
    lgr_tensors[3] = sin_t;
    lgr_tensors[4] = cos_b;
    lgr_tensors[5] = sin_b;
    lgr_tensors[6] = oq;
    lgr_tensors[7] = ok;
    lgr_options[0] = (int32_t)lgr_a->keys;
    lgr_options[1] = (int32_t)lgr_a->batched;
    lgr_options[2] = (int32_t)lgr_a->pairs;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_rope_forward_workspace(lgr_context *lgr_ctx, const lgr_rope_forward_args *lgr_a, const DLTensor *q, const DLTensor *k, const DLTensor *cos_t, const DLTensor *sin_t, const DLTensor *cos_b, const DLTensor *sin_b, const DLTensor *oq, const DLTensor *ok, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = q;
    lgr_tensors[1] = k;
    lgr_tensors[2] = cos_t;
    lgr_tensors[3] = sin_t;
    lgr_tensors[4] = cos_b;
    lgr_tensors[5] = sin_b;
    lgr_tensors[6] = oq;
    lgr_tensors[7] = ok;
    lgr_options[0] = (int32_t)lgr_a->keys;
    lgr_options[1] = (int32_t)lgr_a->batched;
    lgr_options[2] = (int32_t)lgr_a->pairs;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_rope_forward_prepare(lgr_context *lgr_ctx, const lgr_rope_forward_args *lgr_a, const DLTensor *q, const DLTensor *k, const DLTensor *cos_t, const DLTensor *sin_t, const DLTensor *cos_b, const DLTensor *sin_b, const DLTensor *oq, const DLTensor *ok)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = q;
    lgr_tensors[1] = k;
    lgr_tensors[2] = cos_t;
    lgr_tensors[3] = sin_t;
    lgr_tensors[4] = cos_b;
    lgr_tensors[5] = sin_b;
    lgr_tensors[6] = oq;
    lgr_tensors[7] = ok;
    lgr_options[0] = (int32_t)lgr_a->keys;
    lgr_options[1] = (int32_t)lgr_a->batched;
    lgr_options[2] = (int32_t)lgr_a->pairs;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

typedef struct lgr_rope_backward_args {
    const lgr_kernel *kernel;
    lgr_rope_keys keys; /* true unless set */
    lgr_rope_batched batched; /* false unless set */
    lgr_rope_pairs pairs; /* halves unless set */
} lgr_rope_backward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_rope_backward_init(lgr_context *ctx, lgr_rope_backward_args *args)
{
    args->keys = (lgr_rope_keys)1;
    args->batched = (lgr_rope_batched)0;
    args->pairs = (lgr_rope_pairs)0;
    return lgr_kernel_find(ctx, "rope", "backward", &args->kernel);
}

/* rope.backward: the same turn the other way: dx1 = dy1 cos + dy2 sin, dx2 = dy2 cos - dy1 sin
 *   in    doq      T[B, H, S, D+P]
 *   in    dok      T[B, K, S, D+P]; NULL where the options leave it out
 *   in    cos_t    C[S, D]; NULL where the options leave it out
 *   in    sin_t    C[S, D]; NULL where the options leave it out
 *   in    cos_b    C[B, S, D]; NULL where the options leave it out
 *   in    sin_b    C[B, S, D]; NULL where the options leave it out
 *   out   dq       T[B, H, S, D+P]; may lie over doq
 *   out   dk       T[B, K, S, D+P]; NULL where the options leave it out; may lie over dok
 *   T is one of f32, f16, bf16
 *   C is one of f32, f16, bf16
 */
static inline lgr_status lgr_rope_backward(lgr_context *lgr_ctx, const lgr_rope_backward_args *lgr_a, const DLTensor *doq, const DLTensor *dok, const DLTensor *cos_t, const DLTensor *sin_t, const DLTensor *cos_b, const DLTensor *sin_b, const DLTensor *dq, const DLTensor *dk, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = doq;
    lgr_tensors[1] = dok;
    lgr_tensors[2] = cos_t;
    lgr_tensors[3] = sin_t;
    lgr_tensors[4] = cos_b;
    lgr_tensors[5] = sin_b;
    lgr_tensors[6] = dq;
    lgr_tensors[7] = dk;
    lgr_options[0] = (int32_t)lgr_a->keys;
    lgr_options[1] = (int32_t)lgr_a->batched;
    lgr_options[2] = (int32_t)lgr_a->pairs;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_rope_backward_workspace(lgr_context *lgr_ctx, const lgr_rope_backward_args *lgr_a, const DLTensor *doq, const DLTensor *dok, const DLTensor *cos_t, const DLTensor *sin_t, const DLTensor *cos_b, const DLTensor *sin_b, const DLTensor *dq, const DLTensor *dk, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = doq;
    lgr_tensors[1] = dok;
    lgr_tensors[2] = cos_t;
    lgr_tensors[3] = sin_t;
    lgr_tensors[4] = cos_b;
    lgr_tensors[5] = sin_b;
    lgr_tensors[6] = dq;
    lgr_tensors[7] = dk;
    lgr_options[0] = (int32_t)lgr_a->keys;
    lgr_options[1] = (int32_t)lgr_a->batched;
    lgr_options[2] = (int32_t)lgr_a->pairs;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 3;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_rope_backward_prepare(lgr_context *lgr_ctx, const lgr_rope_backward_args *lgr_a, const DLTensor *doq, const DLTensor *dok, const DLTensor *cos_t, const DLTensor *sin_t, const DLTensor *cos_b, const DLTensor *sin_b, const DLTensor *dq, const DLTensor *dk)
{
    const DLTensor *lgr_tensors[9];
    lgr_scalar lgr_scalars[1];
    int32_t lgr_options[4];
    lgr_call lgr_c;
    lgr_tensors[0] = doq;
    lgr_tensors[1] = dok;
    lgr_tensors[2] = cos_t;
    lgr_tensors[3] = sin_t;
    lgr_tensors[4] = cos_b;
    lgr_tensors[5] = sin_b;
    lgr_tensors[6] = dq;
    lgr_tensors[7] = dk;
    lgr_options[0] = (int32_t)lgr_a->keys;
    lgr_options[1] = (int32_t)lgr_a->batched;
    lgr_options[2] = (int32_t)lgr_a->pairs;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 8;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 0;
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

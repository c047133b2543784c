/* liger_cross_entropy.h: typed calls of the op cross_entropy. Made by ligerc from its spec. */
#ifndef LIGER_CROSS_ENTROPY_H
#define LIGER_CROSS_ENTROPY_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_cross_entropy_reduction {
    LGR_CROSS_ENTROPY_REDUCTION_NONE = 0,
    LGR_CROSS_ENTROPY_REDUCTION_SUM = 1,
    LGR_CROSS_ENTROPY_REDUCTION_MEAN = 2
} lgr_cross_entropy_reduction;

typedef enum lgr_cross_entropy_gradient {
    LGR_CROSS_ENTROPY_GRADIENT_FALSE = 0,
    LGR_CROSS_ENTROPY_GRADIENT_TRUE = 1
} lgr_cross_entropy_gradient;

typedef enum lgr_cross_entropy_weighted {
    LGR_CROSS_ENTROPY_WEIGHTED_FALSE = 0,
    LGR_CROSS_ENTROPY_WEIGHTED_TRUE = 1
} lgr_cross_entropy_weighted;

typedef enum lgr_cross_entropy_smoothed {
    LGR_CROSS_ENTROPY_SMOOTHED_FALSE = 0,
    LGR_CROSS_ENTROPY_SMOOTHED_TRUE = 1
} lgr_cross_entropy_smoothed;

typedef enum lgr_cross_entropy_capped {
    LGR_CROSS_ENTROPY_CAPPED_FALSE = 0,
    LGR_CROSS_ENTROPY_CAPPED_TRUE = 1
} lgr_cross_entropy_capped;

typedef enum lgr_cross_entropy_scaled {
    LGR_CROSS_ENTROPY_SCALED_FALSE = 0,
    LGR_CROSS_ENTROPY_SCALED_TRUE = 1
} lgr_cross_entropy_scaled;

typedef enum lgr_cross_entropy_divided {
    LGR_CROSS_ENTROPY_DIVIDED_FALSE = 0,
    LGR_CROSS_ENTROPY_DIVIDED_TRUE = 1
} lgr_cross_entropy_divided;

typedef enum lgr_cross_entropy_with_z {
    LGR_CROSS_ENTROPY_WITH_Z_FALSE = 0,
    LGR_CROSS_ENTROPY_WITH_Z_TRUE = 1
} lgr_cross_entropy_with_z;

typedef enum lgr_cross_entropy_with_lse {
    LGR_CROSS_ENTROPY_WITH_LSE_FALSE = 0,
    LGR_CROSS_ENTROPY_WITH_LSE_TRUE = 1
} lgr_cross_entropy_with_lse;

typedef enum lgr_cross_entropy_with_argmax {
    LGR_CROSS_ENTROPY_WITH_ARGMAX_FALSE = 0,
    LGR_CROSS_ENTROPY_WITH_ARGMAX_TRUE = 1
} lgr_cross_entropy_with_argmax;

typedef enum lgr_cross_entropy_with_logprob {
    LGR_CROSS_ENTROPY_WITH_LOGPROB_FALSE = 0,
    LGR_CROSS_ENTROPY_WITH_LOGPROB_TRUE = 1
} lgr_cross_entropy_with_logprob;

typedef enum lgr_cross_entropy_with_entropy {
    LGR_CROSS_ENTROPY_WITH_ENTROPY_FALSE = 0,
    LGR_CROSS_ENTROPY_WITH_ENTROPY_TRUE = 1
} lgr_cross_entropy_with_entropy;

typedef struct lgr_cross_entropy_forward_args {
    const lgr_kernel *kernel;
    int64_t ignore_index; /* -100 unless set */
    double label_smoothing; /* 0 unless set; in [0, 1] */
    double lse_square_scale; /* 0 unless set; in [0, inf) */
    double softcap; /* 30 unless set; in (0, inf) */
    double scale; /* 1 unless set */
    lgr_cross_entropy_reduction reduction; /* mean unless set */
    lgr_cross_entropy_gradient gradient; /* true unless set */
    lgr_cross_entropy_weighted weighted; /* false unless set */
    lgr_cross_entropy_smoothed smoothed; /* false unless set */
    lgr_cross_entropy_capped capped; /* false unless set */
    lgr_cross_entropy_scaled scaled; /* false unless set */
    lgr_cross_entropy_divided divided; /* false unless set */
    lgr_cross_entropy_with_z with_z; /* false unless set */
    lgr_cross_entropy_with_lse with_lse; /* false unless set */
    lgr_cross_entropy_with_argmax with_argmax; /* false unless set */
    lgr_cross_entropy_with_logprob with_logprob; /* false unless set */
    lgr_cross_entropy_with_entropy with_entropy; /* false unless set */
} lgr_cross_entropy_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_cross_entropy_forward_init(lgr_context *ctx, lgr_cross_entropy_forward_args *args)
{
    args->ignore_index = -100;
    args->label_smoothing = 0;
    args->lse_square_scale = 0;
    args->softcap = 30;
    args->scale = 1;
    args->reduction = (lgr_cross_entropy_reduction)2;
    args->gradient = (lgr_cross_entropy_gradient)1;
    args->weighted = (lgr_cross_entropy_weighted)0;
    args->smoothed = (lgr_cross_entropy_smoothed)0;
    args->capped = (lgr_cross_entropy_capped)0;
    args->scaled = (lgr_cross_entropy_scaled)0;
    args->divided = (lgr_cross_entropy_divided)0;
    args->with_z = (lgr_cross_entropy_with_z)0;
    args->with_lse = (lgr_cross_entropy_with_lse)0;
    args->with_argmax = (lgr_cross_entropy_with_argmax)0;
    args->with_logprob = (lgr_cross_entropy_with_logprob)0;
    args->with_entropy = (lgr_cross_entropy_with_entropy)0;
    return lgr_kernel_find(ctx, "cross_entropy", "forward", &args->kernel);
}

/* cross_entropy.forward: targets outside 0 .. V-1 that are not ignore_index are counted in errors, and ignored
 *   in    x        T[M, V]
 *   in    target   i64[M]
 *   in    weight   f32[V]; NULL where the options leave it out
 *   in    divisor  f32[1]; NULL where the options leave it out
 *   out   loss     f32[1]; NULL where the options leave it out
 *   out   losses   f32[M]; NULL where the options leave it out
 *   out   dx       T[M, V]; NULL where the options leave it out; may lie over x
 *   out   z        f32[1]; NULL where the options leave it out
 *   out   zs       f32[M]; NULL where the options leave it out
 *   out   lse      f32[M]; NULL where the options leave it out
 *   out   argmax_  i64[M]; NULL where the options leave it out
 *   out   accuracy f32[1]; NULL where the options leave it out
 *   out   logprob  f32[M]; NULL where the options leave it out
 *   out   entropy  f32[M]; NULL where the options leave it out
 *   inout errors   i32[1]
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_cross_entropy_forward(lgr_context *lgr_ctx, const lgr_cross_entropy_forward_args *lgr_a, const DLTensor *x, const DLTensor *target, const DLTensor *weight, const DLTensor *divisor, const DLTensor *loss, const DLTensor *losses, const DLTensor *dx, const DLTensor *z, const DLTensor *zs, const DLTensor *lse, const DLTensor *argmax_, const DLTensor *accuracy, const DLTensor *logprob, const DLTensor *entropy, const DLTensor *errors, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[16];
    lgr_scalar lgr_scalars[6];
    int32_t lgr_options[13];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = target;
    lgr_tensors[2] = weight;
    lgr_tensors[3] = divisor;
    lgr_tensors[4] = loss;
    lgr_tensors[5] = losses;
    lgr_tensors[6] = dx;
    lgr_tensors[7] = z;
    lgr_tensors[8] = zs;
    lgr_tensors[9] = lse;
    lgr_tensors[10] = argmax_;
    lgr_tensors[11] = accuracy;
    lgr_tensors[12] = logprob;
    lgr_tensors[13] = entropy;
    lgr_tensors[14] = errors;
    lgr_scalars[0].i = lgr_a->ignore_index;
    lgr_scalars[1].f = lgr_a->label_smoothing;
    lgr_scalars[2].f = lgr_a->lse_square_scale;
    lgr_scalars[3].f = lgr_a->softcap;
    lgr_scalars[4].f = lgr_a->scale;
    lgr_options[0] = (int32_t)lgr_a->reduction;
    lgr_options[1] = (int32_t)lgr_a->gradient;
    lgr_options[2] = (int32_t)lgr_a->weighted;
    lgr_options[3] = (int32_t)lgr_a->smoothed;
    lgr_options[4] = (int32_t)lgr_a->capped;
    lgr_options[5] = (int32_t)lgr_a->scaled;
    lgr_options[6] = (int32_t)lgr_a->divided;
    lgr_options[7] = (int32_t)lgr_a->with_z;
    lgr_options[8] = (int32_t)lgr_a->with_lse;
    lgr_options[9] = (int32_t)lgr_a->with_argmax;
    lgr_options[10] = (int32_t)lgr_a->with_logprob;
    lgr_options[11] = (int32_t)lgr_a->with_entropy;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 15;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 5;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 12;
    lgr_c.stream = lgr_stream;
    lgr_c.workspace = lgr_workspace;
    lgr_c.workspace_size = lgr_workspace_bytes;
    return lgr_launch(lgr_ctx, &lgr_c);
}

/* Bytes of workspace that the same call needs. */
static inline lgr_status lgr_cross_entropy_forward_workspace(lgr_context *lgr_ctx, const lgr_cross_entropy_forward_args *lgr_a, const DLTensor *x, const DLTensor *target, const DLTensor *weight, const DLTensor *divisor, const DLTensor *loss, const DLTensor *losses, const DLTensor *dx, const DLTensor *z, const DLTensor *zs, const DLTensor *lse, const DLTensor *argmax_, const DLTensor *accuracy, const DLTensor *logprob, const DLTensor *entropy, const DLTensor *errors, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[16];
    lgr_scalar lgr_scalars[6];
    int32_t lgr_options[13];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = target;
    lgr_tensors[2] = weight;
    lgr_tensors[3] = divisor;
    lgr_tensors[4] = loss;
    lgr_tensors[5] = losses;
    lgr_tensors[6] = dx;
    lgr_tensors[7] = z;
    lgr_tensors[8] = zs;
    lgr_tensors[9] = lse;
    lgr_tensors[10] = argmax_;
    lgr_tensors[11] = accuracy;
    lgr_tensors[12] = logprob;
    lgr_tensors[13] = entropy;
    lgr_tensors[14] = errors;
    lgr_scalars[0].i = lgr_a->ignore_index;
    lgr_scalars[1].f = lgr_a->label_smoothing;
    lgr_scalars[2].f = lgr_a->lse_square_scale;
    lgr_scalars[3].f = lgr_a->softcap;
    lgr_scalars[4].f = lgr_a->scale;
    lgr_options[0] = (int32_t)lgr_a->reduction;
    lgr_options[1] = (int32_t)lgr_a->gradient;
    lgr_options[2] = (int32_t)lgr_a->weighted;
    lgr_options[3] = (int32_t)lgr_a->smoothed;
    lgr_options[4] = (int32_t)lgr_a->capped;
    lgr_options[5] = (int32_t)lgr_a->scaled;
    lgr_options[6] = (int32_t)lgr_a->divided;
    lgr_options[7] = (int32_t)lgr_a->with_z;
    lgr_options[8] = (int32_t)lgr_a->with_lse;
    lgr_options[9] = (int32_t)lgr_a->with_argmax;
    lgr_options[10] = (int32_t)lgr_a->with_logprob;
    lgr_options[11] = (int32_t)lgr_a->with_entropy;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 15;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 5;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 12;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes);
}

/* Loads ahead what the same call needs, so that it may be captured. */
static inline lgr_status lgr_cross_entropy_forward_prepare(lgr_context *lgr_ctx, const lgr_cross_entropy_forward_args *lgr_a, const DLTensor *x, const DLTensor *target, const DLTensor *weight, const DLTensor *divisor, const DLTensor *loss, const DLTensor *losses, const DLTensor *dx, const DLTensor *z, const DLTensor *zs, const DLTensor *lse, const DLTensor *argmax_, const DLTensor *accuracy, const DLTensor *logprob, const DLTensor *entropy, const DLTensor *errors)
{
    const DLTensor *lgr_tensors[16];
    lgr_scalar lgr_scalars[6];
    int32_t lgr_options[13];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = target;
    lgr_tensors[2] = weight;
    lgr_tensors[3] = divisor;
    lgr_tensors[4] = loss;
    lgr_tensors[5] = losses;
    lgr_tensors[6] = dx;
    lgr_tensors[7] = z;
    lgr_tensors[8] = zs;
    lgr_tensors[9] = lse;
    lgr_tensors[10] = argmax_;
    lgr_tensors[11] = accuracy;
    lgr_tensors[12] = logprob;
    lgr_tensors[13] = entropy;
    lgr_tensors[14] = errors;
    lgr_scalars[0].i = lgr_a->ignore_index;
    lgr_scalars[1].f = lgr_a->label_smoothing;
    lgr_scalars[2].f = lgr_a->lse_square_scale;
    lgr_scalars[3].f = lgr_a->softcap;
    lgr_scalars[4].f = lgr_a->scale;
    lgr_options[0] = (int32_t)lgr_a->reduction;
    lgr_options[1] = (int32_t)lgr_a->gradient;
    lgr_options[2] = (int32_t)lgr_a->weighted;
    lgr_options[3] = (int32_t)lgr_a->smoothed;
    lgr_options[4] = (int32_t)lgr_a->capped;
    lgr_options[5] = (int32_t)lgr_a->scaled;
    lgr_options[6] = (int32_t)lgr_a->divided;
    lgr_options[7] = (int32_t)lgr_a->with_z;
    lgr_options[8] = (int32_t)lgr_a->with_lse;
    lgr_options[9] = (int32_t)lgr_a->with_argmax;
    lgr_options[10] = (int32_t)lgr_a->with_logprob;
    lgr_options[11] = (int32_t)lgr_a->with_entropy;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 15;
    lgr_c.variant = lgr_c.nest = 0;
    lgr_c.scalars = lgr_scalars;
    lgr_c.nscalars = 5;
    lgr_c.options = lgr_options;
    lgr_c.noptions = 12;
    lgr_c.stream = NULL;
    lgr_c.workspace = NULL;
    lgr_c.workspace_size = 0;
    return lgr_prepare(lgr_ctx, &lgr_c);
}

#ifdef __cplusplus
}
#endif
#endif

/* liger_jsd.h: typed calls of the op jsd. Made by ligerc from its spec. */
#ifndef LIGER_JSD_H
#define LIGER_JSD_H
#include "liger.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum lgr_jsd_labelled {
    LGR_JSD_LABELLED_FALSE = 0,
    LGR_JSD_LABELLED_TRUE = 1
} lgr_jsd_labelled;

typedef enum lgr_jsd_gradient {
    LGR_JSD_GRADIENT_FALSE = 0,
    LGR_JSD_GRADIENT_TRUE = 1
} lgr_jsd_gradient;

typedef struct lgr_jsd_forward_args {
    const lgr_kernel *kernel;
    double beta; /* 0.5 unless set; in [0, 1] */
    int64_t ignore_index; /* -100 unless set */
    lgr_jsd_labelled labelled; /* false unless set */
    lgr_jsd_gradient gradient; /* true unless set */
} lgr_jsd_forward_args;

/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */
static inline lgr_status lgr_jsd_forward_init(lgr_context *ctx, lgr_jsd_forward_args *args)
{
    args->beta = 0.5;
    args->ignore_index = -100;
    args->labelled = (lgr_jsd_labelled)0;
    args->gradient = (lgr_jsd_gradient)1;
    return lgr_kernel_find(ctx, "jsd", "forward", &args->kernel);
}

/* jsd.forward: the loss and, in the same sweep, d loss / d x; both divided by the rows that count
 *   in    x        T[M, V]
 *   in    y        T[M, V]
 *   in    label    i64[M]; NULL where the options leave it out
 *   out   loss     f32[1]
 *   out   dx       T[M, V]; NULL where the options leave it out; may lie over x
 *   T is one of f32, f16, bf16
 */
static inline lgr_status lgr_jsd_forward(lgr_context *lgr_ctx, const lgr_jsd_forward_args *lgr_a, const DLTensor *x, const DLTensor *y, const DLTensor *label, const DLTensor *loss, const DLTensor *dx, void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes)
{
    const DLTensor *lgr_tensors[6];
    lgr_scalar lgr_scalars[3];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = y;
    lgr_tensors[2] = label;
    lgr_tensors[3] = loss;
    lgr_tensors[4] = dx;
    lgr_scalars[0].f = lgr_a->beta;
    lgr_scalars[1].i = lgr_a->ignore_index;
    lgr_options[0] = (int32_t)lgr_a->labelled;
    lgr_options[1] = (int32_t)lgr_a->gradient;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 5;
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
static inline lgr_status lgr_jsd_forward_workspace(lgr_context *lgr_ctx, const lgr_jsd_forward_args *lgr_a, const DLTensor *x, const DLTensor *y, const DLTensor *label, const DLTensor *loss, const DLTensor *dx, size_t *lgr_bytes)
{
    const DLTensor *lgr_tensors[6];
    lgr_scalar lgr_scalars[3];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = y;
    lgr_tensors[2] = label;
    lgr_tensors[3] = loss;
    lgr_tensors[4] = dx;
    lgr_scalars[0].f = lgr_a->beta;
    lgr_scalars[1].i = lgr_a->ignore_index;
    lgr_options[0] = (int32_t)lgr_a->labelled;
    lgr_options[1] = (int32_t)lgr_a->gradient;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 5;
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
static inline lgr_status lgr_jsd_forward_prepare(lgr_context *lgr_ctx, const lgr_jsd_forward_args *lgr_a, const DLTensor *x, const DLTensor *y, const DLTensor *label, const DLTensor *loss, const DLTensor *dx)
{
    const DLTensor *lgr_tensors[6];
    lgr_scalar lgr_scalars[3];
    int32_t lgr_options[3];
    lgr_call lgr_c;
    lgr_tensors[0] = x;
    lgr_tensors[1] = y;
    lgr_tensors[2] = label;
    lgr_tensors[3] = loss;
    lgr_tensors[4] = dx;
    lgr_scalars[0].f = lgr_a->beta;
    lgr_scalars[1].i = lgr_a->ignore_index;
    lgr_options[0] = (int32_t)lgr_a->labelled;
    lgr_options[1] = (int32_t)lgr_a->gradient;
    lgr_c.size = sizeof lgr_c;
    lgr_c.kernel = lgr_a->kernel;
    lgr_c.tensors = lgr_tensors;
    lgr_c.ntensors = 5;
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

#ifdef __cplusplus
}
#endif
#endif

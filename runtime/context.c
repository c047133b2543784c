/* context.c: contexts, their memory and log hooks, and what kernels want. */
#include "lgr_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *lgr__alloc(lgr_context *ctx, size_t n)
{
    void *p = ctx->config.alloc ? ctx->config.alloc(ctx->config.user, n) : malloc(n);
    if (p)
        memset(p, 0, n);
    return p;
}

void lgr__release(lgr_context *ctx, void *p)
{
    if (!p)
        return;
    if (ctx->config.release)
        ctx->config.release(ctx->config.user, p);
    else
        free(p);
}

void lgr__log(lgr_context *ctx, lgr_log_level level, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (!ctx->config.log)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ctx->config.log(ctx->config.user, level, text);
}

/* The strings of the configuration as the context's own, in one piece. */
static bool keep_strings(lgr_context *ctx)
{
    const char **s[] = {&ctx->config.cache_dir, &ctx->config.compiler};
    size_t n[2], all = 0;
    for (int i = 0; i < 2; i++)
        all += n[i] = *s[i] ? strlen(*s[i]) + 1 : 0;
    char *p = ctx->strings = all ? lgr__alloc(ctx, all) : NULL;
    for (int i = 0; p && i < 2; p += n[i++])
        if (n[i])
            *s[i] = memcpy(p, *s[i], n[i]);
    return !all || ctx->strings;
}

lgr_status lgr_context_create(const lgr_config *config, lgr_context **out)
{
    lgr_context boot = {0};
    if (!out || (config && (config->size < sizeof(size_t) || config->size > 4096)))
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "config", "null, or its size is not set", "%s", "LGR_CONFIG_INIT and a place for the context");
    *out = NULL;
    if (config)
        memcpy(&boot.config, config, config->size < sizeof boot.config ? config->size : sizeof boot.config);
    if (!boot.config.alloc != !boot.config.release)
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "config", "one of alloc and release", "%s", "both or none");
    lgr_context *ctx = lgr__alloc(&boot, sizeof *ctx);
    if (!ctx)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    ctx->config = boot.config;
    if (!keep_strings(ctx)) {
        lgr__release(&boot, ctx);
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    }
    pthread_mutex_init(&ctx->lock, NULL);
    pthread_mutex_init(&ctx->jit_lock, NULL);
    *out = ctx;
    return LGR_OK;
}

void lgr_context_destroy(lgr_context *ctx)
{
    if (!ctx)
        return;
    lgr__packs_free(ctx);
    lgr__host_close(ctx);
    lgr__cuda_close(ctx);
    lgr__jit_close(ctx);
    lgr__release(ctx, ctx->strings);
    pthread_mutex_destroy(&ctx->lock);
    pthread_mutex_destroy(&ctx->jit_lock);
    lgr_context last = *ctx;
    lgr__release(&last, ctx);
}

void lgr__set_backend(lgr_context *ctx, const lgr__backend *b, void *self)
{
    ctx->backend = b;
    ctx->backend_self = self;
}

/* ---- what there is ---- */

/* The table as it is now; opening another pack makes a new one and keeps this. */
static const lgr_kernel *kernels(lgr_context *ctx, uint32_t *n)
{
    pthread_mutex_lock(&ctx->lock);
    const lgr_kernel *all = ctx->kernels;
    *n = ctx->nkernels;
    pthread_mutex_unlock(&ctx->lock);
    return all;
}

uint32_t lgr_kernel_count(lgr_context *ctx)
{
    uint32_t n;
    kernels(ctx, &n);
    return n;
}

const lgr_kernel *lgr_kernel_at(lgr_context *ctx, uint32_t i)
{
    uint32_t n;
    const lgr_kernel *all = kernels(ctx, &n);
    return i < n ? &all[i] : NULL;
}

lgr_status lgr_kernel_find(lgr_context *ctx, const char *op, const char *kernel, const lgr_kernel **out)
{
    if (!ctx || !op || !kernel || !out)
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, NULL, "null", "%s", "a context, an op, a kernel and a place for the handle");
    uint32_t n;
    const lgr_kernel *all = kernels(ctx, &n);
    for (uint32_t i = 0; i < n; i++) {
        const lgr_kernel *k = &all[i];
        if (!strcmp(lgr__str(k->pack, k->k->op), op) && !strcmp(lgr__str(k->pack, k->k->name), kernel)) {
            *out = k;
            return LGR_OK;
        }
    }
    return lgr__fail(LGR_ERROR_NO_KERNEL, NULL, op, kernel, "%s", "an op and kernel of an open pack");
}

const char *lgr_kernel_op(const lgr_kernel *k) { return lgr__str(k->pack, k->k->op); }
const char *lgr_kernel_name(const lgr_kernel *k) { return lgr__str(k->pack, k->k->name); }
uint32_t lgr_kernel_tensors(const lgr_kernel *k) { return k->k->tensors.count; }
uint32_t lgr_kernel_scalars(const lgr_kernel *k) { return k->k->scalars.count; }
uint32_t lgr_kernel_options(const lgr_kernel *k) { return k->k->options.count; }

lgr_tensor_info lgr_kernel_tensor(const lgr_kernel *k, uint32_t i)
{
    static const char *const names[LGK_DTYPES] = {"none", "bool", "i8", "u8", "i32", "i64", "f16", "bf16", "f32", "f64"};
    const LgkTensor *t = &k->pack->t_TENSORS[k->k->tensors.first + i];
    const char *type = t->type >= 0 ? lgr__str(k->pack, k->pack->t_TYPES[k->k->types.first + (uint32_t)t->type].name) : names[t->dtype];
    return (lgr_tensor_info){lgr__str(k->pack, t->name), (int32_t)t->rank, t->mode != LGK_IN, t->over, type};
}

const char *lgr_kernel_scalar(const lgr_kernel *k, uint32_t i, double *def)
{
    const LgkScalar *s = &k->pack->t_SCALARS[k->k->scalars.first + i];
    *def = s->def;
    return lgr__str(k->pack, s->name);
}

void lgr_kernel_scalar_range(const lgr_kernel *k, uint32_t i, char *buf, size_t n)
{
    if (n)
        lgr__range_text(&k->pack->t_SCALARS[k->k->scalars.first + i], buf, n);
}

const char *lgr_kernel_option(const lgr_kernel *k, uint32_t i, uint32_t *choices, uint32_t *def)
{
    const LgkOption *o = &k->pack->t_OPTIONS[k->k->options.first + i];
    *choices = o->choices.count;
    *def = o->def;
    return lgr__str(k->pack, o->name);
}

const char *lgr_kernel_option_choice(const lgr_kernel *k, uint32_t i, uint32_t choice)
{
    const LgkOption *o = &k->pack->t_OPTIONS[k->k->options.first + i];
    return lgr__str(k->pack, k->pack->t_CHOICES[o->choices.first + choice].name);
}

void lgr_kernel_extent(const lgr_kernel *k, uint32_t tensor, uint32_t dim, char *buf, size_t n)
{
    const LgkTensor *t = &k->pack->t_TENSORS[k->k->tensors.first + tensor];
    lgr__extent_text(k, &k->pack->t_EXTENTS[t->extents + dim], buf, n);
}

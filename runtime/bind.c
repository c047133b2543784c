/* bind.c: from a call's tensors to dims, views and the instance of the kernel: every check that can name an argument. */
#include "lgr_int.h"

#include <stdio.h>
#include <string.h>

static const LgkTensor *tensor(const lgr_kernel *k, uint32_t i) { return &k->pack->t_TENSORS[k->k->tensors.first + i]; }
static const char *tensor_name(const lgr_kernel *k, uint32_t i) { return lgr__str(k->pack, tensor(k, i)->name); }
static const char *dim_name(const lgr_kernel *k, uint32_t d) { return lgr__str(k->pack, k->pack->t_NAMES[k->k->dims.first + d].name); }

bool lgr__extent(const LgkExtent *e, const int64_t *dims, int64_t *out)
{
    int64_t sum = e->c;
    for (int i = 0; i < LGK_MAX_DIMS; i++)
        if (e->k[i])
            sum += e->k[i] * dims[i];
    *out = e->den == 1 ? sum : sum / e->den;
    return (e->den == 1 || sum % e->den == 0) && sum >= 0;
}

void lgr__extent_text(const lgr_kernel *k, const LgkExtent *e, char *buf, size_t n)
{
    size_t at = 0;
    int terms = 0;
    buf[0] = 0;
    for (uint32_t i = 0; i < k->k->dims.count; i++) {
        if (!e->k[i] || at >= n)
            continue;
        const char *sign = e->k[i] < 0 ? "-" : terms ? "+" : "";
        int64_t a = e->k[i] < 0 ? -e->k[i] : e->k[i];
        at += (size_t)(a == 1 ? snprintf(buf + at, n - at, "%s%s", sign, dim_name(k, i)) : snprintf(buf + at, n - at, "%s%lld*%s", sign, (long long)a, dim_name(k, i)));
        terms++;
    }
    if ((e->c || !terms) && at < n)
        at += (size_t)snprintf(buf + at, n - at, terms ? "%+lld" : "%lld", (long long)e->c);
    if (e->den != 1 && at < n)
        snprintf(buf + at, n - at, "/%lld", (long long)e->den);
}

/* ---- element types ---- */

static uint32_t dtype_of(DLDataType t)
{
    if (t.lanes != 1)
        return 0;
    switch (t.code << 8 | t.bits) {
    case kDLBool << 8 | 8:    return LGK_BOOL;
    case kDLInt << 8 | 8:     return LGK_I8;
    case kDLUInt << 8 | 8:    return LGK_U8;
    case kDLInt << 8 | 32:    return LGK_I32;
    case kDLInt << 8 | 64:    return LGK_I64;
    case kDLFloat << 8 | 16:  return LGK_F16;
    case kDLBfloat << 8 | 16: return LGK_BF16;
    case kDLFloat << 8 | 32:  return LGK_F32;
    case kDLFloat << 8 | 64:  return LGK_F64;
    default:                  return 0;
    }
}

static const char *dtype_name(uint32_t t)
{
    static const char *const names[LGK_DTYPES] = {"an unknown type", "bool", "i8", "u8", "i32", "i64", "f16", "bf16", "f32", "f64"};
    return names[t < LGK_DTYPES ? t : 0];
}

static const int dtype_bytes[LGK_DTYPES] = {0, 1, 1, 1, 4, 8, 2, 2, 4, 8};

typedef struct Key { uint32_t dtype[LGK_MAX_TYPES], option[LGK_MAX_OPTIONS]; uint64_t present; } Key;

static lgr_status bind_types(const lgr_kernel *k, const lgr_call *call, Key *key)
{
    memset(key, 0, sizeof *key);
    for (uint32_t i = 0; i < call->ntensors; i++) {
        const LgkTensor *t = tensor(k, i);
        const DLTensor *x = call->tensors[i];
        if (!x)
            continue;
        key->present |= 1ull << i;
        uint32_t found = dtype_of(x->dtype), want = t->type < 0 ? t->dtype : key->dtype[t->type];
        if (!found || (want && found != want))
            return lgr__fail(LGR_ERROR_DTYPE, k, tensor_name(k, i), dtype_name(found), "%s", want ? dtype_name(want) : "a type of the kernel's");
        if (t->type >= 0)
            key->dtype[t->type] = found;
    }
    return LGR_OK;
}

static lgr_status bind_options(const lgr_kernel *k, const lgr_call *call, Key *key)
{
    for (uint32_t i = 0; i < k->k->options.count; i++) {
        const LgkOption *o = &k->pack->t_OPTIONS[k->k->options.first + i];
        int32_t v = call->options ? call->options[i] : (int32_t)o->def;
        if (v < 0 || (uint32_t)v >= o->choices.count) {
            char found[24];
            snprintf(found, sizeof found, "%d", (int)v);
            return lgr__fail(LGR_ERROR_OPTION, k, lgr__str(k->pack, o->name), found, "0 to %u", (unsigned)o->choices.count - 1);
        }
        key->option[i] = (uint32_t)v;
    }
    return LGR_OK;
}

/* A type that no given tensor has is free: its entry in the key is 0. */
static bool matches(const lgr_kernel *k, const LgkInstance *n, const Key *key)
{
    for (uint32_t i = 0; i < k->k->options.count; i++)
        if (n->option[i] != key->option[i])
            return false;
    for (uint32_t i = 0; i < k->k->types.count; i++)
        if (key->dtype[i] && n->dtype[i] != key->dtype[i])
            return false;
    return true;
}

static lgr_status missing(const lgr_kernel *k, const Key *key)
{
    char found[160];
    size_t at = 0;
    for (uint32_t i = 0; i < k->k->types.count && at < sizeof found; i++)
        at += (size_t)snprintf(found + at, sizeof found - at, "%s=%s ", lgr__str(k->pack, k->pack->t_TYPES[k->k->types.first + i].name), dtype_name(key->dtype[i]));
    for (uint32_t i = 0; i < k->k->options.count && at < sizeof found; i++) {
        const LgkOption *o = &k->pack->t_OPTIONS[k->k->options.first + i];
        at += (size_t)snprintf(found + at, sizeof found - at, "%s=%s ", lgr__str(k->pack, o->name), lgr__str(k->pack, k->pack->t_CHOICES[o->choices.first + key->option[i]].name));
    }
    return lgr__fail(LGR_ERROR_NO_INSTANCE, k, "", found, "%s", "a combination that the pack holds");
}

static lgr_status find_instance(const lgr_kernel *k, const Key *key, const LgkInstance **out)
{
    const LgkInstance *all = &k->pack->t_INSTANCES[k->k->instances.first];
    uint32_t n = k->k->instances.count, hint = atomic_load_explicit(&((lgr_kernel *)k)->last, memory_order_relaxed);
    for (uint32_t i = 0; i <= n; i++) {
        uint32_t at = i == 0 ? hint : i - 1;
        if (at < n && matches(k, &all[at], key)) {
            atomic_store_explicit(&((lgr_kernel *)k)->last, at, memory_order_relaxed);
            *out = &all[at];
            return LGR_OK;
        }
    }
    return missing(k, key);
}

static lgr_status check_presence(const lgr_kernel *k, const LgkInstance *n, uint64_t present)
{
    if (n->present == present)
        return LGR_OK;
    for (uint32_t i = 0; i < k->k->tensors.count; i++) {
        bool want = n->present >> i & 1, is = present >> i & 1;
        if (want != is)
            return lgr__fail(LGR_ERROR_NULL, k, tensor_name(k, i), is ? "a tensor" : "NULL", "%s", want ? "a tensor" : "NULL under these options");
    }
    return LGR_OK;
}

/* ---- shapes ---- */

static lgr_status fold_leading(const lgr_kernel *k, uint32_t i, const LgkTensor *t, const DLTensor *x, const int64_t *stride, View *v)
{
    int extra = x->ndim - (int)t->rank;
    if (extra < 0 || t->rank == 0)
        return lgr__fail(LGR_ERROR_RANK, k, tensor_name(k, i), "", "%u dimensions, not %d", (unsigned)t->rank, (int)x->ndim);
    int64_t n = 1, inner = 0;
    for (int d = extra; d >= 0; d--) {
        if (x->shape[d] == 1)
            continue;
        if (inner && stride[d] != inner && n > 1)
            return lgr__fail(LGR_ERROR_STRIDE, k, tensor_name(k, i), "leading dimensions that do not follow one another", "%s", "strides that let them fold into one");
        if (n == 1)
            v->stride[0] = stride[d];
        n *= x->shape[d];
        inner = stride[d] * x->shape[d];
    }
    v->shape[0] = n;
    for (uint32_t d = 1; d < t->rank; d++) {
        v->shape[d] = x->shape[(uint32_t)extra + d];
        v->stride[d] = stride[(uint32_t)extra + d];
    }
    return LGR_OK;
}

static lgr_status view_of(const lgr_kernel *k, uint32_t i, const DLTensor *x, View *v)
{
    const LgkTensor *t = tensor(k, i);
    int64_t compact[32];
    const int64_t *stride = x->strides;
    if (x->ndim < 0 || x->ndim > 32 || (x->ndim && !x->shape))
        return lgr__fail(LGR_ERROR_RANK, k, tensor_name(k, i), "a malformed tensor", "%u dimensions", (unsigned)t->rank);
    for (int d = 0; d < x->ndim; d++)
        if (x->shape[d] < 0)
            return lgr__fail(LGR_ERROR_SHAPE, k, tensor_name(k, i), "a negative extent", "%s", "0 or more");
    if (!stride) {
        int64_t s = 1;
        for (int d = x->ndim - 1; d >= 0; s *= x->shape[d] ? x->shape[d] : 1, d--)
            compact[d] = s;
        stride = compact;
    }
    *v = (View){.base = (uint64_t)(uintptr_t)x->data + x->byte_offset, .rank = (int)t->rank, .bytes = dtype_bytes[dtype_of(x->dtype)], .present = true};
    if (x->ndim == (int)t->rank) {
        for (uint32_t d = 0; d < t->rank; d++) {
            v->shape[d] = x->shape[d];
            v->stride[d] = stride[d];
        }
        return LGR_OK;
    }
    return fold_leading(k, i, t, x, stride, v);
}

/* Solves e = value for its one unknown dim; -1 when it has none, -2 when it has several. */
static int unknown_dim(const LgkExtent *e, uint32_t known)
{
    int at = -1;
    for (int i = 0; i < LGK_MAX_DIMS; i++)
        if (e->k[i] && !(known >> i & 1))
            at = at == -1 ? i : -2;
    return at;
}

static lgr_status wrong_extent(const Bound *b, uint32_t i, uint32_t d, const LgkExtent *e, int64_t want, const uint32_t *from)
{
    const lgr_kernel *k = b->kernel;
    char text[64], found[64], where[64] = "";
    lgr__extent_text(k, e, text, sizeof text);
    snprintf(found, sizeof found, "shape[%u] is %lld", (unsigned)d, (long long)b->view[i].shape[d]);
    for (uint32_t j = 0; j < k->k->dims.count && !where[0]; j++)
        if (e->k[j])
            snprintf(where, sizeof where, " (%s from %s.shape[%u])", dim_name(k, j), tensor_name(k, from[j] >> 8), (unsigned)(from[j] & 255));
    return lgr__fail(LGR_ERROR_SHAPE, k, tensor_name(k, i), found, "%s = %lld%s", text, (long long)want, where);
}

static lgr_status solve_dims(Bound *b)
{
    const lgr_kernel *k = b->kernel;
    uint32_t known = 0, from[LGK_MAX_DIMS] = {0};
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < k->k->tensors.count; i++)
            for (uint32_t d = 0; b->view[i].present && d < tensor(k, i)->rank; d++) {
                const LgkExtent *e = &k->pack->t_EXTENTS[tensor(k, i)->extents + d];
                int u = unknown_dim(e, known);
                int64_t have = b->view[i].shape[d], want;
                if (u == -1) {
                    if (!lgr__extent(e, b->dims, &want) || want != have)
                        return wrong_extent(b, i, d, e, want, from);
                    continue;
                }
                if (u < 0)
                    continue;
                int64_t rest = have * e->den - e->c;
                for (int j = 0; j < LGK_MAX_DIMS; j++)
                    if (j != u)
                        rest -= e->k[j] * b->dims[j];
                b->dims[u] = rest / e->k[u];
                if (rest % e->k[u] || b->dims[u] < 0) {
                    char text[64], found[64];
                    lgr__extent_text(k, e, text, sizeof text);
                    snprintf(found, sizeof found, "shape[%u] is %lld", (unsigned)d, (long long)have);
                    return lgr__fail(LGR_ERROR_SHAPE, k, tensor_name(k, i), found, "a value of %s", text);
                }
                known |= 1u << u;
                from[u] = i << 8 | d;
            }
    return LGR_OK;
}

/* ---- devices and overlap ---- */

static lgr_status find_device(const lgr_kernel *k, const lgr_call *call, Bound *b)
{
    int at = -1;
    for (uint32_t i = 0; i < call->ntensors; i++) {
        const DLTensor *x = call->tensors[i];
        if (!x)
            continue;
        int here = x->device.device_type == kDLCPU ? LGR_HOST_DEVICE
                 : x->device.device_type == kDLCUDA || x->device.device_type == kDLCUDAManaged ? x->device.device_id : -1;
        if (here < 0 || (here >= LGR_MAX_DEVICES && here != LGR_HOST_DEVICE) || (at >= 0 && here != at))
            return lgr__fail(LGR_ERROR_DEVICE, k, tensor_name(k, i), "another device", "%s", at < 0 ? "a CUDA device or the CPU" : "the device of the tensors before it");
        at = here;
    }
    b->device = at < 0 ? LGR_HOST_DEVICE : at;
    return LGR_OK;
}

static bool is_empty(const View *v)
{
    for (int d = 0; d < v->rank; d++)
        if (!v->shape[d])
            return true;
    return false;
}

static void span_of(const View *v, uint64_t *lo, uint64_t *hi)
{
    *lo = v->base;
    *hi = v->base + (uint64_t)v->bytes;
    for (int d = 0; d < v->rank; d++) {
        int64_t reach = (v->shape[d] - 1) * v->stride[d] * v->bytes;
        if (reach < 0)
            *lo += (uint64_t)reach;
        else
            *hi += (uint64_t)reach;
    }
}

static bool same_place(const View *a, const View *b)
{
    if (a->base != b->base || a->rank != b->rank || a->bytes != b->bytes)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->shape[d] != b->shape[d] || (a->shape[d] > 1 && a->stride[d] != b->stride[d]))
            return false;
    return true;
}

static lgr_status check_out(const lgr_kernel *k, const Bound *b, uint32_t i)
{
    const View *v = &b->view[i];
    uint64_t lo, hi, l, h;
    for (int d = 0; d < v->rank; d++)
        if (v->shape[d] > 1 && v->stride[d] == 0)
            return lgr__fail(LGR_ERROR_STRIDE, k, tensor_name(k, i), "a stride of 0", "%s", "an output whose elements are apart");
    span_of(v, &lo, &hi);
    for (uint32_t j = 0; j < k->k->tensors.count; j++) {
        if (j == i || !b->view[j].present || is_empty(&b->view[j]))
            continue;
        span_of(&b->view[j], &l, &h);
        if (l >= hi || lo >= h || (tensor(k, i)->over == (int32_t)j && same_place(v, &b->view[j])))
            continue;
        return lgr__fail(LGR_ERROR_ALIAS, k, tensor_name(k, i), "", "no overlap with %s%s", tensor_name(k, j),
                         tensor(k, i)->over == (int32_t)j ? ", or the very same address and strides" : "");
    }
    return LGR_OK;
}

static lgr_status check_outs(const lgr_kernel *k, const Bound *b)
{
    for (uint32_t i = 0; i < k->k->tensors.count; i++) {
        if (!b->view[i].present || is_empty(&b->view[i]))
            continue;
        if (!b->view[i].base)
            return lgr__fail(LGR_ERROR_NULL, k, tensor_name(k, i), "a null data pointer", "%s", "the tensor's memory");
        if (b->view[i].base % (uint64_t)b->view[i].bytes)
            return lgr__fail(LGR_ERROR_STRIDE, k, tensor_name(k, i), "a misaligned address", "a multiple of the element's %d bytes", b->view[i].bytes);
        if (tensor(k, i)->mode != LGK_IN) {
            lgr_status s = check_out(k, b, i);
            if (s != LGR_OK)
                return s;
        }
    }
    return LGR_OK;
}

lgr_status lgr__bind(lgr_context *ctx, const lgr_call *call, Bound *b)
{
    Key key;
    lgr_status s;
    if (!ctx || !call || call->size < sizeof *call || !call->kernel || !call->tensors)
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "call", "null, or its size is not set", "%s", "a kernel, its tensors and size = sizeof(lgr_call)");
    const lgr_kernel *k = call->kernel;
    if (call->ntensors != k->k->tensors.count || (call->scalars && call->nscalars != k->k->scalars.count) ||
        (call->options && call->noptions != k->k->options.count))
        return lgr__fail(LGR_ERROR_ARGUMENT, k, "call", "", "%u tensors, %u scalars, %u options", (unsigned)k->k->tensors.count,
                         (unsigned)k->k->scalars.count, (unsigned)k->k->options.count);
    b->kernel = k;
    if ((s = bind_types(k, call, &key)) || (s = bind_options(k, call, &key)) || (s = find_instance(k, &key, &b->inst)) ||
        (s = check_presence(k, b->inst, key.present)) || (s = find_device(k, call, b)))
        return s;
    for (uint32_t i = 0; i < LGK_MAX_DIMS; i++)
        b->dims[i] = 0;
    for (uint32_t i = 0; i < call->ntensors; i++) {
        b->view[i].present = false;
        if (call->tensors[i] && (s = view_of(k, i, call->tensors[i], &b->view[i])))
            return s;
    }
    if ((s = solve_dims(b)))
        return s;
    return check_outs(k, b);
}

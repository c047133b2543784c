/* bind.c: from a call's tensors to dims, views and the instance of the kernel: every check that can name an argument. */
#include "lgr_int.h"

#include <stdio.h>
#include <string.h>

static const LgkTensor *tensor(const lgr_kernel *k, uint32_t i) { return &k->pack->t_TENSORS[k->k->tensors.first + i]; }
static const char *tensor_name(const lgr_kernel *k, uint32_t i) { return lgr__str(k->pack, tensor(k, i)->name); }
static const char *dim_name(const lgr_kernel *k, uint32_t d) { return lgr__str(k->pack, k->pack->t_NAMES[k->k->dims.first + d].name); }

/* c + sum k*dim over the known dims; false when it leaves 64 bits. */
static bool affine(const LgkExtent *e, uint32_t ndims, const int64_t *dims, uint32_t except, int64_t *out)
{
    int64_t sum = e->c, term;
    for (uint32_t i = 0; i < ndims; i++)
        if (e->k[i] && i != except && (__builtin_mul_overflow(e->k[i], dims[i], &term) || __builtin_add_overflow(sum, term, &sum)))
            return false;
    *out = sum;
    return true;
}

bool lgr__extent(const LgkExtent *e, uint32_t ndims, const int64_t *dims, int64_t *out)
{
    int64_t sum;
    if (!affine(e, ndims, dims, UINT32_MAX, &sum) || sum < 0)
        return false;
    *out = e->den == 1 ? sum : sum / e->den;
    return e->den == 1 || sum % e->den == 0;
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
        unsigned long long a = e->k[i] < 0 ? -(unsigned long long)e->k[i] : (unsigned long long)e->k[i];
        at += (size_t)(a == 1 ? snprintf(buf + at, n - at, "%s%s", sign, dim_name(k, i)) : snprintf(buf + at, n - at, "%s%llu*%s", sign, a, dim_name(k, i)));
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

const char *lgr__dtype_name(uint32_t t)
{
    static const char *const names[LGK_DTYPES] = {"an unknown type", "bool", "i8", "u8", "i32", "i64", "f16", "bf16", "f32", "f64"};
    return names[t < LGK_DTYPES ? t : 0];
}

static const int dtype_bytes[LGK_DTYPES] = {0, 1, 1, 1, 4, 8, 2, 2, 4, 8};

int lgr__dtype_bytes(uint32_t dt) { return dt < LGK_DTYPES ? dtype_bytes[dt] : 0; }


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
            return lgr__fail(LGR_ERROR_DTYPE, k, tensor_name(k, i), lgr__dtype_name(found), "%s", want ? lgr__dtype_name(want) : "a type of the kernel's");
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
static bool same_options(const lgr_kernel *k, const LgkInstance *n, const Key *key, bool open)
{
    for (uint32_t i = 0; i < k->k->options.count; i++)
        if (n->option[i] != key->option[i] && !(open && n->option[i] == LGK_OPEN))
            return false;
    return true;
}

static bool matches(const lgr_kernel *k, const LgkInstance *n, const Key *key, bool open)
{
    if (!same_options(k, n, key, open))
        return false;
    for (uint32_t i = 0; i < k->k->types.count; i++)
        if (key->dtype[i] && n->dtype[i] != key->dtype[i])
            return false;
    return true;
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

/* Nothing matches: a tensor too many or too few is the more helpful thing to say, where the options alone tell it. */
static lgr_status missing(const lgr_kernel *k, const Key *key)
{
    const LgkInstance *all = &k->pack->t_INSTANCES[k->k->instances.first];
    char found[160];
    size_t at = 0;
    for (uint32_t i = 0; i < k->k->instances.count; i++)
        if (same_options(k, &all[i], key, true)) {
            lgr_status s = check_presence(k, &all[i], key->present);
            if (s != LGR_OK)
                return s;
            break;
        }
    for (uint32_t i = 0; i < k->k->types.count && at < sizeof found; i++)
        at += (size_t)snprintf(found + at, sizeof found - at, "%s=%s ", lgr__str(k->pack, k->pack->t_TYPES[k->k->types.first + i].name), lgr__dtype_name(key->dtype[i]));
    for (uint32_t i = 0; i < k->k->options.count && at < sizeof found; i++) {
        const LgkOption *o = &k->pack->t_OPTIONS[k->k->options.first + i];
        at += (size_t)snprintf(found + at, sizeof found - at, "%s=%s ", lgr__str(k->pack, o->name), lgr__str(k->pack, k->pack->t_CHOICES[o->choices.first + key->option[i]].name));
    }
    return lgr__fail(LGR_ERROR_NO_INSTANCE, k, "", found, "%s", "a combination that the pack holds");
}

/* One for exactly these options first, then one that switches at run time. */
static bool find_in(const lgr_kernel *k, const Key *key, const LgkInstance **out)
{
    const LgkInstance *all = &k->pack->t_INSTANCES[k->k->instances.first];
    uint32_t n = k->k->instances.count, hint = atomic_load_explicit(&((lgr_kernel *)k)->last, memory_order_relaxed);
    for (uint32_t i = 0; i <= n; i++) {
        uint32_t at = i == 0 ? hint : i - 1;
        if (at < n && matches(k, &all[at], key, false)) {
            atomic_store_explicit(&((lgr_kernel *)k)->last, at, memory_order_relaxed);
            *out = &all[at];
            return true;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        if (matches(k, &all[i], key, true)) {
            *out = &all[i];
            return true;
        }
    return false;
}

static const Jit *next_jit(const lgr_kernel *k, const Jit *j)
{
    for (j = j ? j->next : atomic_load_explicit(&k->pack->jits, memory_order_acquire); j && j->of != k->k;)
        j = j->next;
    return j;
}

static lgr_status opened(lgr_context *ctx, int device) { return device == LGR_HOST_DEVICE || ctx->cuda ? LGR_OK : lgr__cuda_open(ctx); }

/* The pack's own instance, else one that the compiler made; of these one with code for the device, where any has it. */
static lgr_status find_instance(lgr_context *ctx, const lgr_kernel *k, const Key *key, Bound *b)
{
    const LgkInstance *n;
    bool found = find_in(k, key, &b->inst);
    const Jit *j = next_jit(k, NULL);
    if (j) {
        lgr_status s = opened(ctx, b->device);
        if (s != LGR_OK)
            return lgr__name_op(s, k);
        if (found && lgr__has_target(ctx, b->device, k->pack, b->inst))
            return LGR_OK;
    }
    for (; j; j = next_jit(k, j))
        if (find_in(&j->kernel, key, &n) && (!found || lgr__has_target(ctx, b->device, &j->pack, n))) {
            b->kernel = &j->kernel;
            b->inst = n;
            found = true;
        }
    return found ? LGR_OK : missing(k, key);
}

/* ---- shapes ---- */

static lgr_status too_large(const lgr_kernel *k, uint32_t i)
{
    return lgr__fail(LGR_ERROR_LIMIT, k, tensor_name(k, i), "a shape or stride beyond 64 bits", "%s", "a tensor that fits in memory");
}

/* Leading dimensions beyond the kernel's become one, when each steps over all of the next. */
static lgr_status fold_leading(const lgr_kernel *k, uint32_t i, const LgkTensor *t, const DLTensor *x, const int64_t *stride, View *v)
{
    int extra = x->ndim - (int)t->rank;
    if (extra < 0 || t->rank == 0) {
        char found[32];
        snprintf(found, sizeof found, "%d dimension%s", (int)x->ndim, x->ndim == 1 ? "" : "s");
        return lgr__fail(LGR_ERROR_RANK, k, tensor_name(k, i), found, "%u%s", (unsigned)t->rank, t->rank ? " or more" : "");
    }
    int64_t n = 1, inner = 0;
    bool started = false;
    for (int d = extra; d >= 0; d--) {
        if (x->shape[d] == 1)
            continue;
        if (started && stride[d] != inner)
            return lgr__fail(LGR_ERROR_STRIDE, k, tensor_name(k, i), "leading dimensions that do not follow one another", "%s", "strides that let them fold into one");
        if (!started)
            v->stride[0] = stride[d];
        started = true;
        if (__builtin_mul_overflow(n, x->shape[d], &n) || __builtin_mul_overflow(stride[d], x->shape[d], &inner))
            return too_large(k, i);
    }
    v->shape[0] = n;
    for (uint32_t d = 1; d < t->rank; d++) {
        v->shape[d] = x->shape[(uint32_t)extra + d];
        v->stride[d] = stride[(uint32_t)extra + d];
    }
    return LGR_OK;
}

static bool compact_strides(const DLTensor *x, int64_t *stride)
{
    int64_t s = 1;
    for (int d = x->ndim - 1; d >= 0; d--) {
        stride[d] = s;
        if (x->shape[d] && __builtin_mul_overflow(s, x->shape[d], &s))
            return false;
    }
    return true;
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
    if (!stride && !compact_strides(x, compact))
        return too_large(k, i);
    stride = stride ? stride : compact;
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

typedef struct Solve { Bound *b; uint32_t known, ndims, from[LGK_MAX_DIMS]; } Solve;

/* The one unknown dim of e; -1 when it has none, -2 when it has several. */
static int unknown_dim(const LgkExtent *e, const Solve *s)
{
    int at = -1;
    for (uint32_t i = 0; i < s->ndims; i++)
        if (e->k[i] && !(s->known >> i & 1))
            at = at == -1 ? (int)i : -2;
    return at;
}

static lgr_status wrong_extent(const Solve *s, uint32_t i, uint32_t d, const LgkExtent *e)
{
    const lgr_kernel *k = s->b->kernel;
    char text[64], found[64], where[96] = "";
    int64_t want;
    lgr__extent_text(k, e, text, sizeof text);
    snprintf(found, sizeof found, "shape[%u] is %lld", (unsigned)d, (long long)s->b->view[i].shape[d]);
    for (uint32_t j = 0; j < s->ndims && !where[0]; j++)
        if (e->k[j])
            snprintf(where, sizeof where, " (%s from %s.shape[%u])", dim_name(k, j), tensor_name(k, s->from[j] >> 8), (unsigned)(s->from[j] & 255));
    if (!lgr__extent(e, s->ndims, s->b->dims, &want))
        return lgr__fail(LGR_ERROR_SHAPE, k, tensor_name(k, i), found, "%s, which is no whole number%s", text, where);
    return lgr__fail(LGR_ERROR_SHAPE, k, tensor_name(k, i), found, "%s = %lld%s", text, (long long)want, where);
}

/* Dim u from the extent: (have * den - the rest) / k. */
static lgr_status solve_dim(Solve *s, uint32_t i, uint32_t d, const LgkExtent *e, uint32_t u)
{
    const lgr_kernel *k = s->b->kernel;
    int64_t have = s->b->view[i].shape[d], rest, all;
    bool ok = affine(e, s->ndims, s->b->dims, u, &rest) && !__builtin_mul_overflow(have, e->den, &all) && !__builtin_sub_overflow(all, rest, &rest);
    if (ok && e->k[u] != 1) {             /* division is slow, and rarely needed */
        ok = rest != INT64_MIN && rest % e->k[u] == 0;
        rest = ok ? rest / e->k[u] : 0;
    }
    if (!ok || rest < 0) {
        char text[64], found[64];
        lgr__extent_text(k, e, text, sizeof text);
        snprintf(found, sizeof found, "shape[%u] is %lld", (unsigned)d, (long long)have);
        return lgr__fail(LGR_ERROR_SHAPE, k, tensor_name(k, i), found, "a value of %s", text);
    }
    s->b->dims[u] = rest;
    s->known |= 1u << u;
    s->from[u] = i << 8 | d;
    return LGR_OK;
}

/* Every extent of one tensor: checked where its dims are known, solved for one that is not, else left for a later pass. */
static lgr_status solve_tensor(Solve *s, uint32_t i, uint32_t *left)
{
    const LgkTensor *t = tensor(s->b->kernel, i);
    const LgkExtent *all = &s->b->kernel->pack->t_EXTENTS[t->extents];
    lgr_status st = LGR_OK;
    for (uint32_t d = 0; st == LGR_OK && d < t->rank; d++) {
        int64_t want;
        int u = unknown_dim(&all[d], s);
        if (u >= 0)
            st = solve_dim(s, i, d, &all[d], (uint32_t)u);
        else if (u == -2)
            ++*left;
        else if (!lgr__extent(&all[d], s->ndims, s->b->dims, &want) || want != s->b->view[i].shape[d])
            st = wrong_extent(s, i, d, &all[d]);
    }
    return st;
}

static lgr_status solve_dims(Bound *b)
{
    const lgr_kernel *k = b->kernel;
    Solve s = {.b = b, .ndims = k->k->dims.count};
    uint32_t left, before;
    do {
        left = 0;
        before = s.known;
        for (uint32_t i = 0; i < k->k->tensors.count; i++) {
            lgr_status st = b->view[i].present ? solve_tensor(&s, i, &left) : LGR_OK;
            if (st != LGR_OK)
                return st;
        }
    } while (left && s.known != before);
    return left ? lgr__fail(LGR_ERROR_SHAPE, k, "", "shapes that leave a dim open", "%s", "tensors that tell every dim") : LGR_OK;
}

/* ---- devices and overlap ---- */

static lgr_status find_device(const lgr_kernel *k, const lgr_call *call, int *device)
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
    *device = at < 0 ? LGR_HOST_DEVICE : at;
    return LGR_OK;
}

static bool is_empty(const View *v)
{
    for (int d = 0; d < v->rank; d++)
        if (!v->shape[d])
            return true;
    return false;
}

/* The bytes between the first and the last element; false when they leave 64 bits. */
bool lgr__span(const View *v, uint64_t *lo, uint64_t *hi)
{
    *lo = v->base;
    if (__builtin_add_overflow(v->base, (uint64_t)v->bytes, hi))
        return false;
    for (int d = 0; d < v->rank; d++) {
        int64_t reach;
        if (v->shape[d] == 0 || __builtin_mul_overflow(v->shape[d] - 1, v->stride[d], &reach) || __builtin_mul_overflow(reach, (int64_t)v->bytes, &reach))
            return v->shape[d] == 0;
        if (reach < 0 ? __builtin_sub_overflow(*lo, -(uint64_t)reach, lo) : __builtin_add_overflow(*hi, (uint64_t)reach, hi))
            return false;
    }
    return true;
}

static uint64_t magnitude(int64_t v) { return v < 0 ? -(uint64_t)v : (uint64_t)v; }

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Bytes that the innermost dimension spans; the pitch is brought to a divisor of every other stride. */
static uint64_t window(const View *v, uint64_t *pitch)
{
    uint64_t bytes = (uint64_t)v->bytes;
    for (int d = 0; d < v->rank - 1; d++)
        if (v->shape[d] > 1)
            *pitch = gcd(*pitch, magnitude(v->stride[d]) * bytes);
    int in = v->rank - 1;
    return v->rank ? (uint64_t)(v->shape[in] - 1) * magnitude(v->stride[in]) * bytes + bytes : bytes;
}

/* Rows of both lie side by side in rows of a common pitch, as the halves of one buffer do. */
static bool interleaved(const View *a, const View *b, uint64_t alo, uint64_t blo)
{
    uint64_t pitch = 0, wa = window(a, &pitch), wb = window(b, &pitch);
    if (!pitch || wa > pitch || wb > pitch)
        return false;
    uint64_t off = blo >= alo ? (blo - alo) % pitch : (pitch - (alo - blo) % pitch) % pitch;
    return off >= wa && off <= pitch - wb;
}

bool lgr__same_place(const View *a, const View *b)
{
    if (a->base != b->base || a->rank != b->rank || a->bytes != b->bytes)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->shape[d] != b->shape[d] || (a->shape[d] > 1 && a->stride[d] != b->stride[d]))
            return false;
    return true;
}

/* Dimensions in order of stride; each must step over all that the smaller ones reach. */
static bool elements_apart(const View *v)
{
    uint64_t reach = 0;
    bool done[LGK_MAX_RANK] = {false};
    for (int n = 0; n < v->rank; n++) {
        int at = -1;
        for (int d = 0; d < v->rank; d++)
            if (!done[d] && (at < 0 || magnitude(v->stride[d]) < magnitude(v->stride[at])))
                at = d;
        done[at] = true;
        if (v->shape[at] <= 1)
            continue;
        if (magnitude(v->stride[at]) <= reach)
            return false;
        reach += (uint64_t)(v->shape[at] - 1) * magnitude(v->stride[at]);
    }
    return true;
}

static lgr_status check_out(const lgr_kernel *k, const Bound *b, uint32_t i, const uint64_t *lo, const uint64_t *hi)
{
    const View *v = &b->view[i];
    if (!elements_apart(v))
        return lgr__fail(LGR_ERROR_STRIDE, k, tensor_name(k, i), "strides under which elements share memory", "%s", "an output whose elements are apart");
    for (uint32_t j = 0; j < k->k->tensors.count; j++) {
        if (j == i || !b->view[j].present || lo[j] >= hi[i] || lo[i] >= hi[j] || is_empty(&b->view[j]))
            continue;
        if ((tensor(k, i)->over == (int32_t)j && lgr__same_place(v, &b->view[j])) || interleaved(v, &b->view[j], lo[i], lo[j]))
            continue;
        return lgr__fail(LGR_ERROR_ALIAS, k, tensor_name(k, i), "memory of another tensor", "no overlap with %s%s", tensor_name(k, j),
                         tensor(k, i)->over == (int32_t)j ? ", or the very same address and strides" : "");
    }
    return LGR_OK;
}

static lgr_status check_memory(const lgr_kernel *k, const View *v, uint32_t i, uint64_t *lo, uint64_t *hi)
{
    if (!v->base)
        return lgr__fail(LGR_ERROR_NULL, k, tensor_name(k, i), "a null data pointer", "%s", "the tensor's memory");
    if (v->base & (uint64_t)(v->bytes - 1))
        return lgr__fail(LGR_ERROR_STRIDE, k, tensor_name(k, i), "a misaligned address", "a multiple of the element's %d bytes", v->bytes);
    return lgr__span(v, lo, hi) ? LGR_OK : too_large(k, i);
}

static lgr_status check_outs(const lgr_kernel *k, const Bound *b)
{
    uint64_t lo[LGK_MAX_TENSORS], hi[LGK_MAX_TENSORS];
    lgr_status s = LGR_OK;
    for (uint32_t i = 0; s == LGR_OK && i < k->k->tensors.count; i++)
        if (b->view[i].present && !is_empty(&b->view[i]))
            s = check_memory(k, &b->view[i], i, &lo[i], &hi[i]);
        else
            lo[i] = hi[i] = 0;
    for (uint32_t i = 0; s == LGR_OK && i < k->k->tensors.count; i++)
        if (tensor(k, i)->mode != LGK_IN && hi[i])
            s = check_out(k, b, i, lo, hi);
    return s;
}

/* ---- scalars ---- */

void lgr__range_text(const LgkScalar *s, char *buf, size_t n)
{
    buf[0] = 0;
    if (s->range & LGK_RANGE_GIVEN)
        snprintf(buf, n, "%c%.9g, %.9g%c", s->range & LGK_RANGE_LO_OPEN ? '(' : '[', s->lo, s->hi, s->range & LGK_RANGE_HI_OPEN ? ')' : ']');
    else if (s->dtype == LGK_I32)
        snprintf(buf, n, "[%d, %d]", INT32_MIN, INT32_MAX);
}

/* As the kernel gets it. Not a number is above no bound and below none. */
static bool real_within(const LgkScalar *s, double v)
{
    return (s->range & LGK_RANGE_LO_OPEN ? v > s->lo : v >= s->lo) && (s->range & LGK_RANGE_HI_OPEN ? v < s->hi : v <= s->hi);
}

/* Bounds are whole numbers of at most 2^53, or infinite; doubles that large do not tell all integers apart, so that an end is compared by itself. */
static bool whole_within(const LgkScalar *s, int64_t v)
{
    bool above = s->lo < -0x1p62 || (s->lo < 0x1p62 && (s->range & LGK_RANGE_LO_OPEN ? v > (int64_t)s->lo : v >= (int64_t)s->lo));
    return above && (s->hi > 0x1p62 || (s->hi > -0x1p62 && (s->range & LGK_RANGE_HI_OPEN ? v < (int64_t)s->hi : v <= (int64_t)s->hi)));
}

static lgr_status check_scalar(const lgr_kernel *k, const LgkScalar *s, lgr_scalar given)
{
    bool real = s->dtype >= LGK_F16, bounded = s->range & LGK_RANGE_GIVEN;
    double v = s->dtype == LGK_F32 ? (double)(float)given.f : given.f;
    char found[40], wanted[64];
    if (real ? !bounded || real_within(s, v) : (!bounded || whole_within(s, given.i)) && (s->dtype != LGK_I32 || given.i == (int32_t)given.i))
        return LGR_OK;
    if (!real)
        snprintf(found, sizeof found, "%lld", (long long)given.i);
    else if (v != v)
        snprintf(found, sizeof found, "nan");
    else
        snprintf(found, sizeof found, "%.9g", v);
    lgr__range_text(s, wanted, sizeof wanted);
    return lgr__fail(LGR_ERROR_RANGE, k, lgr__str(k->pack, s->name), found, "a value in %s", wanted);
}

lgr_status lgr__check_scalars(const lgr_kernel *k, const lgr_call *call)
{
    const LgkScalar *s = &k->pack->t_SCALARS[k->k->scalars.first];
    lgr_status st = LGR_OK;
    for (uint32_t i = 0; st == LGR_OK && i < k->k->scalars.count; i++)
        if (call->scalars)
            st = check_scalar(k, &s[i], call->scalars[i]);
        else if (!s[i].has_default)
            st = lgr__fail(LGR_ERROR_ARGUMENT, k, lgr__str(k->pack, s[i].name), "no scalars", "%s", "a value: it has no default");
    return st;
}

lgr_status lgr__bind_key(const lgr_kernel *k, const lgr_call *call, Key *key, int *device)
{
    lgr_status s;
    if ((s = bind_types(k, call, key)) || (s = bind_options(k, call, key)))
        return s;
    return find_device(k, call, device);
}

static bool is_call(const lgr_context *ctx, const lgr_call *call) { return ctx && call && call->size >= sizeof *call && call->kernel && call->tensors; }

bool lgr__well_formed(const lgr_context *ctx, const lgr_call *call)
{
    if (!is_call(ctx, call))
        return false;
    const LgkKernel *k = call->kernel->k;
    return call->ntensors == k->tensors.count && (!call->scalars || call->nscalars == k->scalars.count) && (!call->options || call->noptions == k->options.count);
}

lgr_status lgr__bind(lgr_context *ctx, const lgr_call *call, Bound *b)
{
    Key key;
    lgr_status s;
    if (!is_call(ctx, call))
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "call", "null, or its size is not set", "%s", "a kernel, its tensors and size = sizeof(lgr_call)");
    const lgr_kernel *k = call->kernel;
    if (!lgr__well_formed(ctx, call))
        return lgr__fail(LGR_ERROR_ARGUMENT, k, "call", "", "%u tensors, %u scalars, %u options", (unsigned)k->k->tensors.count,
                         (unsigned)k->k->scalars.count, (unsigned)k->k->options.count);
    b->kernel = k;
    if ((s = lgr__check_scalars(k, call)) || (s = lgr__bind_key(k, call, &key, &b->device)) || (s = find_instance(ctx, k, &key, b)) ||
        (s = check_presence(k, b->inst, key.present)))
        return s;
    memcpy(b->option, key.option, sizeof b->option);
    for (uint32_t i = 0; i < LGK_MAX_DIMS; i++)
        b->dims[i] = 0;
    for (uint32_t i = 0; i < call->ntensors; i++) {
        if (!call->tensors[i])
            b->view[i] = (View){0};
        else if ((s = view_of(k, i, call->tensors[i], &b->view[i])))
            return s;
    }
    if ((s = solve_dims(b)))
        return s;
    return check_outs(k, b);
}

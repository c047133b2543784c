/* trial.c: see trial.h. */
#include "trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, POISON = 0xdb /* large in each type of floats */, LONGEST_STEP = 2 };

static const char *const layout_names[] = {
#define X(name, doc) #name,
    TRIAL_LAYOUTS(X)
#undef X
};
const char *trial_layout_name(TrialLayout l) { return layout_names[l]; }

static bool is_float(DLDataType t) { return t.code == kDLFloat || t.code == kDLBfloat; }

/* ---- what is asked ---- */

static void set_options(Trial *t)
{
    const lgr_kernel *k = t->c->k;
    for (uint32_t i = 0; i < lgr_kernel_options(k); i++) {
        uint32_t choices, def;
        const char *want = measure_value(t->c, lgr_kernel_option(k, i, &choices, &def));
        t->options[i] = (int32_t)def;
        for (uint32_t j = 0; want && j < choices; j++)
            if (!strcmp(lgr_kernel_option_choice(k, i, j), want))
                t->options[i] = (int32_t)j;
    }
}

/* Which scalars are integers no public call tells: those given as `name=i5`, and unnamed ones whose default is whole and below 0. */
static void set_scalars(Trial *t)
{
    for (uint32_t i = 0; i < lgr_kernel_scalars(t->c->k); i++) {
        double def;
        const char *name = lgr_kernel_scalar(t->c->k, i, &def), *v = measure_value(t->c, name);
        if (v && *v == 'i')
            t->scalars[i].i = atoll(v + 1);
        else if (!v && def < 0 && def == floor(def))
            t->scalars[i].i = (int64_t)def;
        else
            t->scalars[i].f = v ? atof(v) : def;
    }
}

static void shape_tensor(Trial *t, uint32_t i)
{
    lgr_tensor_info info = lgr_kernel_tensor(t->c->k, i);
    TrialTensor *x = &t->t[i];
    char text[64];
    *x = (TrialTensor){.rank = info.rank, .over = -1, .t = measure_dtype(t->c, info.type), .out = info.is_out, .present = true, .n = 1};
    for (int d = info.rank - 1; d >= 0; d--) {
        lgr_kernel_extent(t->c->k, i, (uint32_t)d, text, sizeof text);
        x->shape[d] = measure_extent(t->c, text);
        x->stride[d] = x->n;
        x->n *= x->shape[d];
    }
}

void trial_side(Trial *t, TrialSide *s, bool device)
{
    static uint8_t nothing[256] __attribute__((aligned(256)));
    s->call = (lgr_call){.size = sizeof s->call, .kernel = t->c->k, .tensors = s->arg, .ntensors = t->n, .scalars = t->scalars, .nscalars = lgr_kernel_scalars(t->c->k),
                         .options = t->options, .noptions = lgr_kernel_options(t->c->k), .stream = device ? t->m->stream : NULL};
    for (uint32_t i = 0; i < t->n; i++) {
        TrialTensor *x = &t->t[i];
        void *at = device ? (void *)(uintptr_t)x->dev : x->bytes;
        s->t[i] = (DLTensor){.data = at ? at : nothing, .device = {device ? kDLCUDA : kDLCPU, 0}, .ndim = x->rank, .dtype = x->t, .shape = x->shape, .strides = x->stride, .byte_offset = x->offset};
        s->arg[i] = x->present ? &s->t[i] : NULL;
    }
}

/* Pretended addresses, far from one another, for asking. */
static void spread(Trial *t, TrialSide *s)
{
    for (uint32_t i = 0; i < t->n; i++)
        s->t[i].data = (void *)(((uintptr_t)i + 1) << 40);
}

lgr_status trial_bind(Trial *t)
{
    size_t bytes;
    lgr_status st = LGR_OK;
    t->n = lgr_kernel_tensors(t->c->k);
    set_options(t);
    set_scalars(t);
    for (uint32_t i = 0; i < t->n; i++)
        shape_tensor(t, i);
    for (uint32_t tries = 0; tries <= t->n; tries++) {
        trial_side(t, &t->host, false);
        spread(t, &t->host);
        st = lgr_workspace_size(t->m->ctx, &t->host.call, &bytes);
        if (st != LGR_ERROR_NULL)
            break;
        for (uint32_t i = 0; i < t->n; i++)
            t->t[i].present &= !!strcmp(lgr_kernel_tensor(t->c->k, i).name, lgr_last_error()->argument);
    }
    return st;
}

/* ---- tensors ---- */

static void lay_out(Trial *t, uint32_t i)
{
    TrialTensor *x = &t->t[i];
    int64_t bytes = x->t.bits / 8, step = t->layout == TRIAL_strided ? LONGEST_STEP : 1, pitch = step;
    for (int d = x->rank - 1; d >= 0; d--) {
        x->stride[d] = pitch;
        pitch *= x->shape[d];
        if (d == x->rank - 1 && x->rank > 1)
            pitch += t->layout == TRIAL_pitch ? 24 : t->layout == TRIAL_offset ? 3 : 0;
    }
    x->offset = (t->bare ? 0 : GUARD) + (t->layout == TRIAL_offset ? (size_t)bytes : 0);
    x->size = x->offset + (size_t)(pitch * bytes) + (t->bare ? 0 : GUARD);
    x->bytes = aligned_alloc(256, (x->size + 256) / 256 * 256);
    x->before = malloc(x->size + 1);
    memset(x->bytes, POISON, x->size);
}

static size_t element_at(const TrialTensor *x, int64_t flat)
{
    int64_t at = 0;
    for (int d = x->rank - 1; d >= 0; d--) {
        at += flat % x->shape[d] * x->stride[d];
        flat /= x->shape[d];
    }
    return (x->offset + (size_t)(at * x->t.bits / 8)) * 8 / x->t.bits;       /* all offsets are whole elements: GUARD and one element */
}

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

static double draw(uint64_t *s, char input)
{
    double v = 0;
    for (int k = 0; k < 4; k++)
        v += (double)(next(s) >> 40) / 16777216.0 - 0.5;
    v *= 1.7;
    bool odd_one = next(s) % 97 == 0;
    switch (input) {
    case 'l': return 256 * v;
    case 't': return ldexp(v, -14);
    case 'z': return odd_one ? NAN : v;
    case 'i': return odd_one ? (v < 0 ? -INFINITY : INFINITY) : v;
    default:  return v;
    }
}

/* Per-row statistics (f32 vectors) lie near 1; integers are below the case's bound. */
static void fill(Trial *t, uint32_t i)
{
    lgr_tensor_info info = lgr_kernel_tensor(t->c->k, i);
    TrialTensor *x = &t->t[i];
    uint64_t s = 88172645463325252u + (t->seed * 131 + i) * 0x9e3779b97f4a7c15u;
    bool near_one = info.rank == 1 && x->t.bits == 32 && strlen(info.type) > 1;
    int64_t below = measure_below(t->c);
    for (int64_t k = 0; k < x->n; k++)
        measure_encode(x->bytes, x->t, element_at(x, k), !is_float(x->t) ? (double)((int64_t)(next(&s) >> 20) % below) : near_one ? 1 + 0.05 * draw(&s, 'n') : draw(&s, t->input));
}

static uint64_t take(Trial *t, size_t bytes) { return t->bare ? gpu_alloc_apart(t->m->gpu, bytes) : gpu_alloc(t->m->gpu, bytes); }

static bool shares(Trial *t, uint32_t i)
{
    TrialTensor *x = &t->t[i];
    int over = lgr_kernel_tensor(t->c->k, i).over;
    if (t->layout != TRIAL_in_place || over < 0 || !t->t[over].present)
        return false;
    TrialTensor *in = &t->t[over];
    x->over = over;
    x->bytes = in->bytes, x->before = in->before, x->size = in->size, x->offset = in->offset, x->dev = in->dev;
    memcpy(x->stride, in->stride, sizeof x->stride);
    return true;
}

void trial_make(Trial *t)
{
    for (int outs = 0; outs < 2; outs++)            /* inputs first: outputs may lie over them */
        for (uint32_t i = 0; i < t->n; i++) {
            TrialTensor *x = &t->t[i];
            if (!x->present || x->out != outs || shares(t, i))
                continue;
            lay_out(t, i);
            if (!outs)
                fill(t, i);
            for (int64_t k = 0; outs && !is_float(x->t) && k < x->n; k++)
                measure_encode(x->bytes, x->t, element_at(x, k), 0);          /* counters */
            memcpy(x->before, x->bytes, x->size);
            x->dev = t->m->gpu ? take(t, x->size) : 0;
        }
    trial_side(t, &t->host, false);
    trial_side(t, &t->dev, true);
    if (t->m->gpu)
        trial_reset_device(t);
}

void trial_reset_device(Trial *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        TrialTensor *x = &t->t[i];
        bool left = t->bare && x->out && is_float(x->t) && (t->layout == TRIAL_dense || t->layout == TRIAL_in_place);
        if (x->present && x->over < 0 && !left && x->size)
            gpu_upload(t->m->gpu, x->dev, x->before, x->size);
    }
}

static void drop(Trial *t, uint64_t p)
{
    if (p && t->m->gpu)
        gpu_free(t->m->gpu, p);
}

static void drop_workspace(Trial *t, TrialSide *s)
{
    if (s == &t->host)
        free(s->work);
    else
        drop(t, (uint64_t)(uintptr_t)s->work);
    s->work = NULL;
}

/* Counts by which rows are dealt begin as anything, and a launch looks at them before it writes them. */
static bool looks_first(const Trial *t, const TrialSide *s)
{
    lgr_choice c = {.size = sizeof c};
    return lgr_explain(t->m->ctx, &s->call, &c) == LGR_OK && strstr(c.schedule, " deal=1");
}

bool trial_workspace(Trial *t, TrialSide *s)
{
    size_t need = 0;
    drop_workspace(t, s);
    if (lgr_workspace_size(t->m->ctx, &s->call, &need) != LGR_OK) {
        lgr_last_error_text(t->what, sizeof t->what);
        return false;
    }
    if (s == &t->host) {
        s->work = need ? aligned_alloc(256, (need + 255) / 256 * 256) : NULL;
        if (s->work)
            memset(s->work, POISON, need);
    } else {
        s->work = need ? (void *)(uintptr_t)take(t, need) : NULL;
        if (s->work && (!t->bare || looks_first(t, s)))        /* else initcheck sees what nobody wrote */
            gpu_fill(t->m->gpu, (uint64_t)(uintptr_t)s->work, POISON * 0x01010101u, (need + 3) / 4 * 4);
    }
    s->work_bytes = need;
    s->call.workspace = s->work;
    s->call.workspace_size = need;
    return true;
}

static bool run(Trial *t, TrialSide *s)
{
    if (!trial_workspace(t, s))
        return false;
    if (lgr_launch(t->m->ctx, &s->call) == LGR_OK)
        return true;
    lgr_last_error_text(t->what, sizeof t->what);
    return false;
}

bool trial_run_host(Trial *t) { return run(t, &t->host); }

bool trial_run_device(Trial *t)
{
    bool ok = run(t, &t->dev);
    gpu_sync(t->m->gpu, t->m->stream);
    return ok;
}

/* ---- the rule ---- */

static int class_of(double v) { return isnan(v) ? 3 : isinf(v) ? (v > 0 ? 1 : 2) : 0; }

static double largest_input(const Trial *t)
{
    double most = 1;
    for (uint32_t i = 0; i < t->n; i++)
        for (int64_t k = 0; t->t[i].present && !t->t[i].out && is_float(t->t[i].t) && t->t[i].over < 0 && k < t->t[i].n; k++) {
            double v = measure_element(t->t[i].before, t->t[i].t, element_at(&t->t[i], k));
            most = isfinite(v) ? fmax(most, fabs(v)) : most;
        }
    return most;
}

static DLDataType coarsest(const Trial *t)
{
    DLDataType c = {kDLFloat, 32, 1};
    for (uint32_t i = 0; i < t->n; i++)
        if (t->t[i].present && is_float(t->t[i].t) && (t->t[i].t.code == kDLBfloat || (t->t[i].t.bits < c.bits && c.code != kDLBfloat)))
            c = t->t[i].t;
    return c;
}

static bool differ(Trial *t, uint32_t i, int64_t k, double got, double want, const char *how)
{
    if (!t->what[0])
        snprintf(t->what, sizeof t->what, "%s[%lld] of %lld is %.9g on the GPU, %.9g on the host: %s", lgr_kernel_tensor(t->c->k, i).name, (long long)k, (long long)t->t[i].n, got, want, how);
    return false;
}

static bool compare_tensor(Trial *t, uint32_t i, const uint8_t *got)
{
    const TrialTensor *x = &t->t[i];
    DLDataType c = is_float(x->t) ? coarsest(t) : x->t;
    const DLDataType f32 = {kDLFloat, 32, 1};
    double scale = 0, d = 0, s = 0, most = c.code == kDLBfloat ? 1.5 / 256 : c.bits == 16 ? 1.5 / 2048 : 1e-5 + 4 * measure_unit(f32, t->size);
    for (int64_t k = 0; k < x->n; k++) {
        double w = measure_element(x->bytes, x->t, element_at(x, k));
        scale = isfinite(w) ? fmax(scale, fabs(w)) : scale;
    }
    for (int64_t k = 0; k < x->n; k++) {
        double g = measure_element(got, x->t, element_at(x, k)), w = measure_element(x->bytes, x->t, element_at(x, k));
        if (class_of(g) != class_of(w))
            return differ(t, i, k, g, w, "another class");
        if (class_of(w) || g == w) {
            s += class_of(w) ? 0 : w * w;
            continue;
        }
        double allowed = is_float(x->t) ? 4 * measure_unit(c, w) + fmax(measure_unit(c, scale), 16 * measure_unit(f32, scale)) : 0;
        allowed += x->t.bits == 32 && is_float(x->t) ? 4 * measure_unit(f32, t->size) + 4 * t->size * measure_unit(f32, w) : 0;
        allowed += is_float(x->t) ? measure_unit(f32, 1) / 2 : 0;         /* what cancels to nothing, as p - 1 where there is one class, keeps the last bit of 1 */
        d += (g - w) * (g - w);
        s += w * w;
        t->worst = fmax(t->worst, fabs(g - w) / fmax(allowed, 1e-300));
        if (!(fabs(g - w) <= allowed))
            return differ(t, i, k, g, w, "too far");
    }
    double rel = s > 0 ? sqrt(d / s) : 0;
    return rel <= most || x->n < 16 ? true : differ(t, i, -1, rel, most, "relative L2 against what is allowed");
}

/* Everything but the outputs' elements is as before. `before` takes in the elements, so this comes last. */
static bool untouched(Trial *t, uint32_t i, const uint8_t *got, const char *where)
{
    TrialTensor *x = &t->t[i];
    for (uint32_t o = 0; o < t->n; o++) {
        const TrialTensor *y = &t->t[o];
        size_t b = y->t.bits / 8;
        for (int64_t k = 0; y->present && y->out && y->bytes == x->bytes && k < y->n; k++)
            memcpy(x->before + element_at(y, k) * b, got + element_at(y, k) * b, b);
    }
    if (!memcmp(x->before, got, x->size))
        return true;
    if (!t->what[0])
        snprintf(t->what, sizeof t->what, "%s: bytes that are not the kernel's were written on the %s", lgr_kernel_tensor(t->c->k, i).name, where);
    return false;
}

bool trial_compare(Trial *t)
{
    uint8_t *got[MEASURE_MAX_TENSORS] = {0};
    bool ok = true;
    t->size = largest_input(t);
    for (uint32_t i = 0; i < t->n; i++)
        if (t->t[i].present && t->t[i].over < 0) {
            got[i] = malloc(t->t[i].size + 1);
            if (t->t[i].size)
                gpu_download(t->m->gpu, got[i], t->t[i].dev, t->t[i].size);
        }
    for (uint32_t i = 0; ok && i < t->n; i++)
        if (t->t[i].present && t->t[i].out)
            ok = compare_tensor(t, i, got[t->t[i].over < 0 ? i : (uint32_t)t->t[i].over]);
    for (uint32_t i = 0; ok && !t->bare && i < t->n; i++)
        if (got[i])
            ok = untouched(t, i, t->t[i].bytes, "host") && untouched(t, i, got[i], "GPU");
    for (uint32_t i = 0; i < t->n; i++)
        free(got[i]);
    return ok;
}

void trial_free(Trial *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        TrialTensor *x = &t->t[i];
        if (!x->bytes || x->over >= 0)
            continue;
        free(x->bytes);
        free(x->before);
        drop(t, x->dev);
        x->bytes = NULL;
    }
    drop_workspace(t, &t->host);
    drop_workspace(t, &t->dev);
}

/* check_case.c: see check.h: builds the tensors of a case, runs the oracle and the kernel, compares. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, POISON = 0xdb };             /* large in each type of floats: what should have become zero is seen not to be */

/* One tensor of a case: bytes for the kernel; its numbers are the oracle's. */
typedef struct Slot {
    int64_t shape[TIR_MAX_RANK], stride[TIR_MAX_RANK];
    uint8_t *bytes, *before;
    size_t  size, offset;
    uint64_t device;                 /* where a GPU has the bytes */
    int     lies_over;               /* -1, or the input whose bytes it shares */
    DLTensor dl;
} Slot;

typedef struct Run { const TirFn *fn; const CheckCase *c; Arena *a; CheckOracle o; Slot *slot; CheckOutcome *out; Gpu *gpu; } Run;

static Run run_of(const TirFn *fn, const CheckCase *c, const double *scalars, Arena *a, CheckOutcome *out)
{
    return (Run){.fn = fn, .c = c, .a = a, .o = {.fn = fn, .dims = c->dims, .scalars = scalars, .a = a}, .out = out};
}

static bool say(Run *r, const char *fmt, const char *name, long long at, double got, double want)
{
    if (r->out->ok)
        snprintf(r->out->what, sizeof r->out->what, fmt, name, at, got, want);
    r->out->ok = false;
    return false;
}

static void lay_out(Run *r, uint32_t i)
{
    const TirTensor *t = &r->fn->tensors[i];
    Slot *s = &r->slot[i];
    int64_t bytes = dt_bytes(t->dt), step = r->c->layout == LAYOUT_STRIDED ? 2 : 1, pitch = step;
    for (int d = t->rank - 1; d >= 0; d--) {
        s->stride[d] = pitch;
        pitch *= s->shape[d];
        if (d == t->rank - 1 && t->rank > 1 && r->c->layout == LAYOUT_PITCH)
            pitch += 24;
        if (d == t->rank - 1 && t->rank > 1 && r->c->layout == LAYOUT_OFFSET)
            pitch += 3;
    }
    s->offset = GUARD + (r->c->layout == LAYOUT_OFFSET ? (size_t)bytes : 0);
    s->size = s->offset + (size_t)(pitch * bytes) + GUARD;
    s->bytes = aligned_alloc(256, (s->size + 255) / 256 * 256);
    s->before = ARENA_ARRAY(r->a, uint8_t, s->size);
    memset(s->bytes, POISON, s->size);
    s->dl = (DLTensor){.data = s->bytes, .device = {kDLCPU, 0}, .ndim = t->rank, .dtype = {(uint8_t)dt_dl_code(t->dt), (uint8_t)dt_dl_bits(t->dt), 1},
                       .shape = s->shape, .strides = s->stride, .byte_offset = s->offset};
}

static size_t element_at(const Run *r, uint32_t i, int64_t flat)
{
    const TirTensor *t = &r->fn->tensors[i];
    const Slot *s = &r->slot[i];
    int64_t at = 0;
    for (int d = t->rank - 1; d >= 0; d--) {
        at += flat % s->shape[d] * s->stride[d];
        flat /= s->shape[d];
    }
    return s->offset + (size_t)(at * dt_bytes(t->dt));
}

/* ---- the oracle's side ---- */

/* The bound that a clause `tensor < bound` gives tensor i, 0 where none does; *least: what `tensor >= least` says. */
static int64_t bound_of(const Run *r, uint32_t i, int64_t *least)
{
    *least = 0;
    for (uint32_t b = 0; b < r->c->of->nbelow; b++) {
        const SemaBelow *w = &r->c->of->below[b];
        if (strcmp(w->tensor, r->fn->tensors[i].name))
            continue;
        *least = w->least;
        for (uint32_t d = 0; w->dim && d < r->fn->ndims; d++)
            if (!strcmp(w->dim, r->fn->dims[d].name))
                return r->c->dims[d];
        return w->bound;
    }
    return 0;
}

static void fill(Run *r, uint32_t i, uint64_t salt)
{
    int64_t least, bound = bound_of(r, i, &least);
    DType dt = r->fn->tensors[i].dt;
    for (int64_t k = 0; k < r->o.count[i]; k++)
        r->o.given[i][k] = bound > 0 ? eval_round(floor((double)least + check_uniform(r->c->seed * 1315423911u + salt, (uint64_t)k) * (double)(bound - least)), dt)
                                     : eval_round(check_value(r->c->input, r->c->seed * 1315423911u + salt, (uint64_t)k), dt);
}

/* The salt of a tensor's random numbers: by name, so that a forward and a backward kernel get the same x. */
static uint64_t salt_of(const char *name)
{
    uint64_t h = 1469598103934665603u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 1099511628211u;
    return h;
}

static void fill_inputs(Run *r)
{
    for (uint32_t i = 0; i < r->fn->ntensors; i++)
        if (check_is_input(&r->fn->tensors[i]))
            fill(r, i, salt_of(r->fn->tensors[i].name));
}

/* Inputs that forward computes (saved statistics) are taken from it, rounded to their dtype. */
static bool fill_saved(Run *r, const TirFn *fwd, const SemaDeriv *dv, Diag *d)
{
    Run f = run_of(fwd, r->c, r->c->forward, r->a, r->out);
    bool needed = false;
    for (uint32_t i = 0; dv && i < dv->npairs; i++)
        needed |= dv->pairs[i].kind == SEMA_PAIR_SAME && fwd->tensors[dv->pairs[i].forward].mode == TIR_OUT;
    if (!needed)
        return true;
    if (!check_oracle_open(&f.o))
        return false;
    fill_inputs(&f);
    if (!check_oracle_exact(&f.o, d))
        return false;
    for (uint32_t i = 0; i < dv->npairs; i++) {
        const SemaPair *p = &dv->pairs[i];
        if (p->kind != SEMA_PAIR_SAME || fwd->tensors[p->forward].mode != TIR_OUT || r->fn->tensors[p->backward].mode != TIR_IN)
            continue;
        for (int64_t k = 0; k < r->o.count[p->backward]; k++)
            r->o.given[p->backward][k] = eval_round(f.o.exact[p->forward][k], r->fn->tensors[p->backward].dt);
    }
    return true;
}

static bool make_inputs(Run *r, const TirFn *fwd, const SemaDeriv *dv, Diag *d)
{
    if (!check_oracle_open(&r->o))
        return false;
    fill_inputs(r);
    return !fwd || fill_saved(r, fwd, dv, d);
}

/* ---- the kernel's side ---- */

static void make_bytes(Run *r)
{
    r->slot = ARENA_ARRAY(r->a, Slot, r->fn->ntensors + 1);
    for (uint32_t i = 0; i < r->fn->ntensors; i++) {
        r->slot[i].lies_over = -1;
        memcpy(r->slot[i].shape, check_tensor_of(&r->o, i, NULL).shape, sizeof r->slot[i].shape);
    }
    for (uint32_t i = 0; i < r->fn->ntensors; i++) {
        const TirTensor *t = &r->fn->tensors[i];
        Slot *s = &r->slot[i];
        if (t->absent || t->mode == TIR_SCRATCH)
            continue;
        if (r->c->layout == LAYOUT_INPLACE && t->over) {
            s->lies_over = t->over - 1;
            Slot *in = &r->slot[s->lies_over];
            s->bytes = in->bytes;
            s->before = in->before;
            s->size = in->size;
            s->offset = in->offset;
            memcpy(s->stride, in->stride, sizeof s->stride);
            s->dl = in->dl;
            continue;
        }
        lay_out(r, i);
        for (int64_t k = 0; t->mode != TIR_OUT && k < r->o.count[i]; k++)
            check_encode(s->bytes + element_at(r, i, k), t->dt, r->o.given[i][k]);
    }
    for (uint32_t i = 0; i < r->fn->ntensors; i++)
        if (r->slot[i].bytes && r->slot[i].lies_over < 0)
            memcpy(r->slot[i].before, r->slot[i].bytes, r->slot[i].size);
}

/* The bytes of every tensor on the GPU; one that lies over another is there with it. */
static void to_device(Run *r)
{
    for (uint32_t i = 0; i < r->fn->ntensors; i++) {
        Slot *s = &r->slot[i], *from = s->lies_over >= 0 ? &r->slot[s->lies_over] : s;
        if (!s->bytes)
            continue;
        if (from == s)
            gpu_upload(r->gpu, s->device = gpu_alloc(r->gpu, s->size), s->bytes, s->size);
        s->dl.data = (void *)(uintptr_t)from->device;
        s->dl.device.device_type = kDLCUDA;
    }
}

/* Back again, unless the kernel ended in a fault; false then, told. */
static bool from_device(Run *r)
{
    const char *fault = gpu_try_sync(r->gpu, NULL);
    if (fault) {
        snprintf(r->out->what, sizeof r->out->what, "%s: the kernel ended so; no more is checked", fault);
        r->out->ok = false;
        r->out->fatal = true;
        return false;
    }
    for (uint32_t i = 0; i < r->fn->ntensors; i++)
        if (r->slot[i].device) {
            gpu_download(r->gpu, r->slot[i].bytes, r->slot[i].device, r->slot[i].size);
            gpu_free(r->gpu, r->slot[i].device);
        }
    return true;
}

/* The workspace begins poisoned. */
static lgr_status launch_with(Run *r, lgr_context *ctx, lgr_call *call)
{
    size_t need = 0;
    lgr_status s = lgr_workspace_size(ctx, call, &need);
    if (s != LGR_OK)
        return s;
    call->workspace_size = need;
    if (!need)
        return lgr_launch(ctx, call);
    if (r->gpu) {
        uint64_t p = gpu_alloc(r->gpu, need);
        gpu_fill(r->gpu, p, POISON * 0x01010101u, need);
        call->workspace = (void *)(uintptr_t)p;
        s = lgr_launch(ctx, call);
        if (!gpu_try_sync(r->gpu, NULL))
            gpu_free(r->gpu, p);
        return s;
    }
    call->workspace = memset(aligned_alloc(256, need), POISON, need);
    s = lgr_launch(ctx, call);
    free(call->workspace);
    return s;
}

static lgr_status launch(Run *r, lgr_context *ctx, const PipeUnit *u, const SemaOp *op)
{
    const DLTensor *tensors[SEMA_MAX_TENSORS];
    lgr_scalar scalars[SEMA_MAX_PARAMS];
    int32_t options[SEMA_MAX_OPTIONS];
    lgr_call call = {.size = sizeof call, .tensors = tensors, .ntensors = r->fn->ntensors, .scalars = scalars, .nscalars = r->fn->nscalars, .options = options};
    for (uint32_t i = 0; i < r->fn->ntensors; i++)
        tensors[i] = r->fn->tensors[i].absent ? NULL : &r->slot[i].dl;
    while (call.ntensors && r->fn->tensors[call.ntensors - 1].mode == TIR_SCRATCH)
        call.ntensors--;
    for (uint32_t i = 0; i < r->fn->nscalars; i++)
        if (dt_is_int(r->fn->scalars[i].dt))
            scalars[i].i = (int64_t)r->o.scalars[i];
        else
            scalars[i].f = r->o.scalars[i];
    for (uint32_t i = 0; i < op->noptions; i++)
        if (op->kernels[u->kernel].options >> i & 1)
            options[call.noptions++] = u->binding.option[i];
    lgr_status s = lgr_kernel_find(ctx, op->name, op->kernels[u->kernel].name, &call.kernel);
    return s == LGR_OK ? launch_with(r, ctx, &call) : s;
}

static bool compare(Run *r, uint32_t i)
{
    const TirTensor *t = &r->fn->tensors[i];
    double *got = ARENA_ARRAY(r->a, double, r->o.count[i] + 1);
    for (int64_t k = 0; k < r->o.count[i]; k++)
        got[k] = check_decode(r->slot[i].bytes + element_at(r, i, k), t->dt);
    CheckFound f = check_tensor(&r->o, i, got);
    r->out->eager_err = fmax(r->out->eager_err, f.rule.eager_err);
    r->out->max_err = fmax(r->out->max_err, f.max_err);
    if (f.verdict == CHECK_PASSES)
        return true;
    return say(r, f.verdict == CHECK_CLASS ? "%s[%lld] is %g, the oracle has %g" : "%s[%lld] is %.9g, the oracle has %.9g: beyond the rule", t->name, (long long)f.at, got[f.at], r->o.exact[i][f.at]);
}

/* Everything but the output elements must be as before. */
static bool compare_rest(Run *r)
{
    for (uint32_t i = 0; i < r->fn->ntensors; i++) {
        Slot *s = &r->slot[i];
        size_t bytes = (size_t)dt_bytes(r->fn->tensors[i].dt);
        for (int64_t k = 0; s->bytes && r->fn->tensors[i].mode != TIR_IN && k < r->o.count[i]; k++)
            memcpy(s->before + element_at(r, i, k), s->bytes + element_at(r, i, k), bytes);
    }
    for (uint32_t i = 0; i < r->fn->ntensors; i++)
        if (r->slot[i].bytes && memcmp(r->slot[i].before, r->slot[i].bytes, r->slot[i].size))
            return say(r, "%s: bytes that are not the kernel's were written (%lld, %g, %g)", r->fn->tensors[i].name, 0, 0, 0);
    return true;
}

static void free_bytes(Run *r)
{
    for (uint32_t i = 0; i < r->fn->ntensors; i++)
        if (r->slot[i].lies_over < 0)
            free(r->slot[i].bytes);
}

static lgr_status launch_told(Run *r, CheckSite *site, const SemaOp *op)
{
    lgr_status s = launch(r, site->ctx, site->u, op);
    if (s != LGR_OK) {
        site->out.ok = false;
        lgr_last_error_text(site->out.what, sizeof site->out.what);
    }
    return s;
}

static lgr_status launch_there(Run *r, CheckSite *site, const SemaOp *op)
{
    pthread_mutex_lock(&site->gpu->lock);
    gpu_here(r->gpu);
    to_device(r);
    lgr_status s = launch_told(r, site, op);
    if (!from_device(r))
        s = LGR_ERROR_DRIVER;
    pthread_mutex_unlock(&site->gpu->lock);
    return s;
}

static void run_site(Run *r, CheckSite *site, const SemaOp *op)
{
    r->gpu = site->gpu ? site->gpu->gpu : NULL;
    make_bytes(r);
    lgr_status s = r->gpu ? launch_there(r, site, op) : launch_told(r, site, op);
    for (uint32_t i = 0; s == LGR_OK && i < r->fn->ntensors; i++)
        if (r->fn->tensors[i].mode != TIR_IN && r->fn->tensors[i].mode != TIR_SCRATCH && !r->fn->tensors[i].absent)
            compare(r, i);
    if (s == LGR_OK)
        compare_rest(r);
    free_bytes(r);
}

void check_case(CheckSite *site, uint32_t nsites, const SemaOp *op, const TirFn *fn, const TirFn *fwd, const SemaDeriv *dv, const CheckCase *c, Arena *a)
{
    Diag d;
    Run r = run_of(fn, c, c->scalars, a, NULL);
    diag_init(&d, a);
    bool ready = make_inputs(&r, fwd, dv, &d) && check_oracle_run(&r.o, &d);
    for (uint32_t i = 0; i < nsites; i++) {
        site[i].out = (CheckOutcome){.ok = true, .skipped = !ready && c->extra};
        r.out = &site[i].out;
        if (ready)
            run_site(&r, &site[i], op);
        else if (!c->extra)
            say(&r, "the oracle refuses the case (%s, %lld, %g, %g)", d.n ? d.items[0].msg : "an extent that does not divide", 0, 0, 0);
    }
    arena_reset(a);
}

/* ---- gradients ---- */

static double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

/* Does backward give the gradient of forward's tensor i? */
static bool is_asked(const TirFn *bwd, const SemaDeriv *dv, uint32_t i)
{
    for (uint32_t p = 0; p < dv->npairs; p++)
        if (dv->pairs[p].kind == SEMA_PAIR_GRADIENT && dv->pairs[p].forward == i)
            return !bwd->tensors[dv->pairs[p].backward].absent;
    return false;
}

/* Forward with random tangents on the inputs whose gradients are asked for; t gets its tensors. */
static bool run_dual(Run *f, const TirFn *bwd, const SemaDeriv *dv, EvalTensor *t, Diag *d)
{
    const CheckCase *c = f->c;
    for (uint32_t i = 0; i < f->fn->ntensors; i++) {
        t[i] = check_tensor_of(&f->o, i, f->o.given[i]);
        t[i].tangent = ARENA_ARRAY(f->a, double, f->o.count[i] + 1);
        for (int64_t k = 0; is_asked(bwd, dv, i) && k < f->o.count[i]; k++)
            t[i].tangent[k] = check_random(c->seed + 99 + i, (uint64_t)k);
    }
    EvalArgs args = {c->dims, t, f->o.scalars};
    return eval_run(f->fn, EVAL_DUAL, &args, d);
}

/* Saved values unrounded: the identity is exact then. */
static void pass_saved(const Run *f, Run *b, const EvalTensor *t, const SemaDeriv *dv)
{
    for (uint32_t i = 0; i < dv->npairs; i++) {
        uint32_t from = dv->pairs[i].forward;
        if (dv->pairs[i].kind == SEMA_PAIR_SAME && f->fn->tensors[from].mode == TIR_OUT)
            memcpy(b->o.given[dv->pairs[i].backward], t[from].v, sizeof(double) * (size_t)f->o.count[from]);
    }
}

/* Relative difference of the two sides of the identity. */
static double compare_sides(const Run *f, const Run *b, const EvalTensor *t, const SemaDeriv *dv)
{
    double left = 0, right = 0, size = 0;
    for (uint32_t i = 0; i < dv->npairs; i++) {
        const SemaPair *p = &dv->pairs[i];
        if (p->kind == SEMA_PAIR_SAME || b->fn->tensors[p->backward].absent || f->fn->tensors[p->forward].absent)
            continue;
        double x = dot(b->o.exact[p->backward], t[p->forward].tangent, f->o.count[p->forward]);
        if (p->kind == SEMA_PAIR_UPSTREAM)
            left += x;
        else
            right += x;
        size += fabs(x);
    }
    return size > 0 ? fabs(left - right) / size : 0;
}

double check_gradient(const TirFn *fwd, const TirFn *bwd, const SemaDeriv *dv, const CheckCase *c, Diag *d)
{
    CheckOutcome none = {.ok = true};
    Arena *a = arena_new();
    Run f = run_of(fwd, c, c->forward, a, &none), b = run_of(bwd, c, c->scalars, a, &none);
    EvalTensor *t = ARENA_ARRAY(a, EvalTensor, fwd->ntensors + 1);
    double rel = INFINITY;
    if (make_inputs(&f, NULL, NULL, d) && make_inputs(&b, fwd, dv, d) && run_dual(&f, bwd, dv, t, d)) {
        pass_saved(&f, &b, t, dv);
        if (check_oracle_exact(&b.o, d))
            rel = compare_sides(&f, &b, t, dv);
    }
    arena_free(a);
    return rel;
}

/* prove_huge.c: tensors of more than 2^31 elements.
 *
 * A shape names the dim that makes them large (lead=M) and a number of its values (period=64) after which all inputs repeat.  The host computes
 * the case of one period.  On the GPU the first period of each output that the dim leads must be the host's, and every later one bit for bit the
 * first.  What sums over the dim or divides by its size is the host's times or over the number of periods.  Integer inputs that run over the dim
 * (below= its size) are spread over all of it, where the host's stay in the first period; with gather=1 outputs are written through them, and
 * all periods together are the host's.
 */
#include "prove.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Huge {
    Proof *p;
    Trial *d, h;
    Case small;
    Measure host_only;
    const char *lead;
    int64_t period, periods;
} Huge;

static bool leads(const Huge *x, uint32_t i)
{
    char text[64];
    if (!x->d->t[i].rank)
        return false;
    lgr_kernel_extent(x->d->c->k, i, 0, text, sizeof text);
    return !strcmp(text, x->lead);
}

static bool open_case(Huge *x)
{
    const Case *c = x->d->c;
    x->lead = measure_value(c, "lead");
    x->period = measure_dim(c, "period");
    if (!x->lead || x->period < 2 || x->period % 2 || measure_dim(c, x->lead) % x->period) {
        snprintf(x->d->what, sizeof x->d->what, "a shape wants lead=DIM and an even period=N that divides it");
        return false;
    }
    x->periods = measure_dim(c, x->lead) / x->period;
    x->small = *c;
    for (int i = 0; i < x->small.n; i++)
        if (!strcmp(x->small.name[i], x->lead) || (!strcmp(x->small.name[i], "below") && measure_dim(c, "below") == measure_dim(c, x->lead)))
            snprintf(x->small.value[i], sizeof x->small.value[i], "%lld", (long long)x->period);
    x->host_only = x->p->m;
    x->host_only.gpu = NULL;
    x->h = (Trial){.m = &x->host_only, .c = &x->small, .input = x->d->input, .seed = x->d->seed};
    return trial_bind(&x->h) == LGR_OK;
}

/* The host's integers, spread over all periods. */
static void spread(const Huge *x, const TrialTensor *host, int64_t *v)
{
    uint64_t s = 88172645463325252u;
    for (int64_t k = 0; k < host->n; k++) {
        s ^= s << 13, s ^= s >> 7, s ^= s << 17;
        memcpy(&v[k], host->bytes + host->offset + 8 * k, 8);
        v[k] += (int64_t)(s >> 20) % x->periods * x->period;
    }
}

static void fill_input(Huge *x, uint32_t i, size_t bytes)
{
    Gpu *g = x->p->m.gpu;
    const TrialTensor *host = &x->h.t[i], *dev = &x->d->t[i];
    size_t piece = (size_t)host->n * host->t.bits / 8;
    bool spreads = dev->t.code == kDLInt && dev->t.bits == 64 && measure_dim(x->d->c, "below") == measure_dim(x->d->c, x->lead);
    int64_t *v = spreads ? malloc(piece + 1) : NULL;
    if (v)
        spread(x, host, v);
    if (piece)
        gpu_upload(g, dev->dev, v ? (void *)v : host->bytes + host->offset, piece);
    for (size_t have = piece; have && have < bytes; have *= 2)
        gpu_copy(g, dev->dev + have, dev->dev, bytes - have < have ? bytes - have : have, x->p->m.stream);
    free(v);
}

static bool make_device(Huge *x)
{
    Gpu *g = x->p->m.gpu;
    int64_t largest = 0;
    for (uint32_t i = 0; i < x->d->n; i++) {
        TrialTensor *t = &x->d->t[i];
        size_t bytes = (size_t)t->n * t->t.bits / 8;
        if (!t->present)
            continue;
        largest = t->n > largest ? t->n : largest;
        t->dev = gpu_alloc_apart(g, (bytes + 3) / 4 * 4);
        if (t->out)
            gpu_fill(g, t->dev, t->t.code == kDLInt ? 0 : 0xffffffff, (bytes + 3) / 4 * 4);
        else
            fill_input(x, i, bytes);
    }
    trial_side(x->d, &x->d->dev, true);
    snprintf(x->p->note, sizeof x->p->note, "largest tensor %lld elements", (long long)largest);
    if (largest > INT32_MAX)
        return true;
    snprintf(x->d->what, sizeof x->d->what, "no tensor has more than 2^31 elements");
    return false;
}

/* ---- comparing ---- */

/* Elements of the period, or what those of all periods add up to: nearly all of which are zero then. */
static double *elements(const Huge *x, const TrialTensor *host, uint64_t dev, int64_t periods)
{
    size_t piece = (size_t)host->n * host->t.bits / 8, per = 64 / host->t.bits;
    uint8_t *bytes = calloc(1, piece + 8);
    double *v = calloc((size_t)host->n + 1, sizeof *v);
    for (int64_t p = 0; p < periods; p++) {
        gpu_download(x->p->m.gpu, bytes, dev + (uint64_t)p * piece, piece);
        for (size_t word = 0; word * 8 < piece; word++) {
            uint64_t bits;
            memcpy(&bits, bytes + word * 8, 8);
            for (size_t k = word * per; bits && k < (word + 1) * per && k < (size_t)host->n; k++)
                v[k] += measure_element(bytes, host->t, k);
        }
    }
    free(bytes);
    return v;
}

static double allowed(const Huge *x, uint32_t i)
{
    bool coarse = false, brain = false;
    for (uint32_t k = 0; k < x->d->n; k++) {
        coarse |= x->d->t[k].present && x->d->t[k].t.bits == 16;
        brain |= x->d->t[k].present && x->d->t[k].t.code == kDLBfloat;
    }
    return x->d->t[i].t.code == kDLInt ? 0 : brain ? 1.5 / 256 : coarse ? 1.5 / 2048 : leads(x, i) ? 1e-5 : 1e-4;
}

static bool compare_output(Huge *x, uint32_t i)
{
    const TrialTensor *host = &x->h.t[i], *dev = &x->d->t[i];
    const char *name = lgr_kernel_tensor(x->d->c->k, i).name;
    size_t piece = (size_t)host->n * host->t.bits / 8;
    double k = (double)x->periods, factors[] = {1, k, 1 / k}, best = INFINITY;
    bool gather = leads(x, i) && measure_value(x->d->c, "gather");
    double *got = elements(x, host, dev->dev, gather ? x->periods : 1);
    for (int f = 0; f < 3; f++)
        best = fmin(best, measure_distance(got, host->bytes + host->offset, host->t, host->n, factors[f]));
    free(got);
    x->d->worst = fmax(x->d->worst, best / fmax(allowed(x, i), 1e-300));
    if (!(best <= allowed(x, i))) {
        snprintf(x->d->what, sizeof x->d->what, "%s: relative L2 difference %.2e from the host's of one period", name, best);
        return false;
    }
    if (!leads(x, i) || gather)
        return true;
    prove_diff(x->p, dev->dev, dev->dev, piece * (size_t)x->periods, piece);
    uint32_t n = prove_differences(x->p);
    if (n)
        snprintf(x->d->what, sizeof x->d->what, "%s: %u words of later periods are not the first's", name, (unsigned)n);
    return !n;
}

static bool run_device(Huge *x)
{
    Trial *d = x->d;
    bool ok = trial_run_device(d);
    for (uint32_t i = 0; ok && i < d->n; i++)
        if (d->t[i].present && d->t[i].out)
            ok = compare_output(x, i);
    return ok;
}

bool prove_huge(Proof *p, Trial *t)
{
    Huge x = {.p = p, .d = t};
    if (!open_case(&x))
        return false;
    trial_make(&x.h);
    bool ok = trial_run_host(&x.h);
    if (!ok)
        memcpy(t->what, x.h.what, sizeof t->what);
    ok = ok && make_device(&x) && run_device(&x);
    gpu_sync(p->m.gpu, p->m.stream);
    for (uint32_t i = 0; i < t->n; i++)
        if (t->t[i].dev)
            gpu_free(p->m.gpu, t->t[i].dev);
    trial_free(&x.h);
    trial_free(t);
    return ok;
}

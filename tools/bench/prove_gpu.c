/* prove_gpu.c: the proofs on small and middling tensors: right, the same bits again and again, captured and replayed, what a launch costs. */
#include "prove.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool prove_right(Proof *p, Trial *t)
{
    (void)p;
    trial_make(t);
    bool ok = trial_run_host(t) && trial_run_device(t) && trial_compare(t);
    trial_free(t);
    return ok;
}

/* ---- the same bits ---- */

/* Device copies of every region that has outputs in it: as before a launch, and as after the first. */
typedef struct Regions { uint64_t at[MEASURE_MAX_TENSORS], before[MEASURE_MAX_TENSORS], after[MEASURE_MAX_TENSORS]; size_t bytes[MEASURE_MAX_TENSORS]; int n; } Regions;

static void add_region(Trial *t, uint32_t i, Regions *r)
{
    const TrialTensor *x = &t->t[i];
    for (int k = 0; k < r->n; k++)
        if (r->at[k] == x->dev)
            return;
    r->at[r->n] = x->dev;
    r->bytes[r->n] = x->size / 4 * 4;
    r->before[r->n] = gpu_alloc(t->m->gpu, x->size);
    r->after[r->n] = gpu_alloc(t->m->gpu, x->size);
    gpu_copy(t->m->gpu, r->before[r->n], x->dev, r->bytes[r->n], t->m->stream);
    r->n++;
}

static Regions regions_of(Trial *t)
{
    Regions r = {.n = 0};
    for (uint32_t i = 0; i < t->n; i++)
        if (t->t[i].present && t->t[i].out && t->t[i].size >= 4)
            add_region(t, i, &r);
    return r;
}

static void free_regions(Trial *t, Regions *r)
{
    for (int i = 0; i < r->n; i++) {
        gpu_free(t->m->gpu, r->before[i]);
        gpu_free(t->m->gpu, r->after[i]);
    }
}

static void restore(Trial *t, const Regions *r)
{
    for (int i = 0; i < r->n; i++)
        gpu_copy(t->m->gpu, r->at[i], r->before[i], r->bytes[i], t->m->stream);
}

static void diff_all(Proof *p, const Regions *r)
{
    for (int i = 0; i < r->n; i++)
        prove_diff(p, r->at[i], r->after[i], r->bytes[i], r->bytes[i]);
}

static bool refused(Trial *t)
{
    lgr_last_error_text(t->what, sizeof t->what);
    return false;
}

/* The first launch, whose bits are kept. */
static bool first_launch(Trial *t, Regions *r)
{
    trial_make(t);
    if (!trial_workspace(t, &t->dev))
        return false;
    if (lgr_prepare(t->m->ctx, &t->dev.call) != LGR_OK)
        return refused(t);
    *r = regions_of(t);
    if (lgr_launch(t->m->ctx, &t->dev.call) != LGR_OK)
        return refused(t);
    for (int i = 0; i < r->n; i++)
        gpu_copy(t->m->gpu, r->after[i], r->at[i], r->bytes[i], t->m->stream);
    gpu_sync(t->m->gpu, t->m->stream);
    return true;
}

static bool same(Proof *p, Trial *t, int rounds, const char *of)
{
    uint32_t n = prove_differences(p);
    if (n)
        snprintf(t->what, sizeof t->what, "%u words differ in %d %s", (unsigned)n, rounds, of);
    return !n;
}

bool prove_repeat(Proof *p, Trial *t)
{
    Regions r = {.n = 0};
    int rounds = p->count ? p->count : 1000;
    bool ok = first_launch(t, &r);
    for (int i = 0; ok && i < rounds; i++) {
        restore(t, &r);
        ok = lgr_launch(t->m->ctx, &t->dev.call) == LGR_OK || refused(t);
        diff_all(p, &r);
    }
    ok = ok && same(p, t, rounds, "launches");
    free_regions(t, &r);
    trial_free(t);
    snprintf(p->note, sizeof p->note, "%d launches each", rounds);
    return ok;
}

/* ---- capture ---- */

/* A launch of what is not loaded, within a capture: the error; and what is captured behind it runs. */
static bool capture_unprepared(Proof *p, Trial *t)
{
    Measure *m = &p->m;
    lgr_context *fresh = prove_context(p);
    lgr_call call = t->dev.call;
    uint32_t word = 0;
    if (lgr_kernel_find(fresh, t->c->op, t->c->kernel, &call.kernel) != LGR_OK)
        measure_die(t->c->text);
    gpu_fill(m->gpu, p->scratch, 7, 8);
    gpu_capture_begin(m->gpu, m->stream);
    lgr_status s = lgr_launch(fresh, &call);
    gpu_fill_on(m->gpu, p->scratch, 9, 4, m->stream);
    GpuGraph g = gpu_capture_end(m->gpu, m->stream);
    int nodes = gpu_capture_nodes(m->gpu);
    gpu_replay(m->gpu, g, m->stream);
    gpu_sync(m->gpu, m->stream);
    gpu_download(m->gpu, &word, p->scratch, 4);
    gpu_graph_free(m->gpu, g);
    lgr_context_destroy(fresh);
    if (s == LGR_ERROR_NOT_PREPARED && word == 9 && nodes == 1)
        return true;
    snprintf(t->what, sizeof t->what, "unprepared in a capture: %s, %d nodes, what was captured behind it %s", lgr_status_name(s), nodes, word == 9 ? "ran" : "did not run");
    return false;
}

static bool no_memory(Proof *p, Trial *t, size_t before, const char *while_)
{
    size_t after = gpu_free_memory(p->m.gpu);
    if (after != before)
        snprintf(t->what, sizeof t->what, "%zu bytes of device memory went %s", before - after, while_);
    return after == before;
}

static bool replay(Proof *p, Trial *t, const Regions *r, int rounds)
{
    Measure *m = &p->m;
    gpu_capture_begin(m->gpu, m->stream);
    restore(t, r);
    lgr_status s = lgr_launch(m->ctx, &t->dev.call);
    diff_all(p, r);
    GpuGraph g = gpu_capture_end(m->gpu, m->stream);
    if (s != LGR_OK)
        return refused(t);
    gpu_replay(m->gpu, g, m->stream);
    gpu_sync(m->gpu, m->stream);
    size_t free_before = gpu_free_memory(m->gpu);
    for (int i = 1; i < rounds; i++)
        gpu_replay(m->gpu, g, m->stream);
    bool ok = same(p, t, rounds, "replays") && no_memory(p, t, free_before, "in replays");
    gpu_graph_free(m->gpu, g);
    return ok;
}

bool prove_graph(Proof *p, Trial *t)
{
    Regions r = {.n = 0};
    int rounds = p->count ? p->count : 10000;
    bool ok = first_launch(t, &r);
    size_t before = gpu_free_memory(p->m.gpu);
    for (int i = 0; ok && i < 100; i++)
        ok = lgr_launch(t->m->ctx, &t->dev.call) == LGR_OK || refused(t);
    gpu_sync(p->m.gpu, p->m.stream);
    ok = ok && no_memory(p, t, before, "in launches") && replay(p, t, &r, rounds) && capture_unprepared(p, t);
    free_regions(t, &r);
    trial_free(t);
    snprintf(p->note, sizeof p->note, "%d replays each", rounds);
    return ok;
}

/* ---- time on the host ---- */

static double time_launches(Proof *p, const lgr_call *call, GpuKernel e, int n)
{
    uint64_t words[10] = {0};
    double t0 = measure_now_us();
    for (int i = 0; i < n; i++)
        if (call)
            lgr_launch(p->m.ctx, call);
        else
            gpu_launch(p->m.gpu, e, words, p->m.stream);
    double us = (measure_now_us() - t0) / n;
    gpu_sync(p->m.gpu, p->m.stream);
    return us;
}

enum { LAUNCH_ROUNDS = 51, LAUNCHES = 100 };

/* Against as many bare launches of an empty kernel, in turn. */
bool prove_launch(Proof *p, Trial *t)
{
    static const char empty[] = ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry e(.param .align 8 .b8 p[80])\n{\n ret;\n}\n";
    double ours[LAUNCH_ROUNDS], bare[LAUNCH_ROUNDS];
    Measure *m = &p->m;
    GpuKernel e = gpu_load(m->gpu, empty, "e");
    e.grid = 16;
    e.block = 256;
    trial_make(t);
    if (!trial_workspace(t, &t->dev))
        return false;
    if (lgr_prepare(m->ctx, &t->dev.call) != LGR_OK)
        return refused(t);
    gpu_capture_begin(m->gpu, m->stream);
    lgr_status s = lgr_launch(m->ctx, &t->dev.call);
    gpu_graph_free(m->gpu, gpu_capture_end(m->gpu, m->stream));
    int nodes = gpu_capture_nodes(m->gpu);
    for (int i = 0; s == LGR_OK && i < LAUNCH_ROUNDS; i++) {
        ours[i] = time_launches(p, &t->dev.call, e, LAUNCHES);
        bare[i] = time_launches(p, NULL, e, LAUNCHES);
    }
    trial_free(t);
    if (s != LGR_OK || !nodes)
        return refused(t);
    p->figure[0] = measure_median(ours, LAUNCH_ROUNDS);
    p->figure[1] = measure_median(bare, LAUNCH_ROUNDS);
    snprintf(p->note, sizeof p->note, "%.2f us a call of %d kernels, %.2f us a bare cuLaunchKernelEx: %+.2f us a kernel", p->figure[0], nodes, p->figure[1], p->figure[0] / nodes - p->figure[1]);
    return true;
}

/* The driver is up and tensors are there: context, pack, kernel, launch. */
bool prove_first(Proof *p, Trial *t)
{
    Measure *m = &p->m;
    lgr_context *ctx;
    lgr_call call;
    trial_make(t);
    if (!trial_workspace(t, &t->dev))
        return false;
    call = t->dev.call;
    double t0 = measure_now_us();
    ctx = prove_context(p);
    double t1 = measure_now_us();
    if (lgr_kernel_find(ctx, t->c->op, t->c->kernel, &call.kernel) != LGR_OK || lgr_launch(ctx, &call) != LGR_OK)
        return refused(t);
    double t2 = measure_now_us();
    gpu_sync(m->gpu, m->stream);
    double t3 = measure_now_us();
    if (lgr_launch(ctx, &call) != LGR_OK)
        return refused(t);
    double t4 = measure_now_us();
    gpu_sync(m->gpu, m->stream);
    lgr_context_destroy(ctx);
    snprintf(p->note, sizeof p->note, "context and pack %.0f us, first launch %.0f us, in all %.0f us, results %.0f us later; second launch %.1f us", t1 - t0, t2 - t1, t2 - t0, t3 - t2, t4 - t3);
    trial_free(t);
    return true;
}

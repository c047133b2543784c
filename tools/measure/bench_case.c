/* bench_case.c: see bench_case.h. */
#include "bench_case.h"

#include <stdlib.h>
#include <string.h>

static void describe(Measure *m, const Case *c, Set *s, BenchRow *r)
{
    lgr_choice ch = {.size = sizeof ch};
    if (lgr_explain(m->ctx, &s->call, &ch) != LGR_OK)
        measure_die("explain");
    r->bytes = measure_bytes(c, s);
    r->workspace = ch.workspace;
    r->registers = ch.registers;
    r->spills = ch.spills;
    snprintf(r->schedule, sizeof r->schedule, "%s", ch.schedule);
    snprintf(r->target, sizeof r->target, "%s", ch.target);
}

/* Of the whole case where the host can repeat it, else of a smaller one. */
static double check(Measure *m, const Case *c)
{
    Case small = measure_small(c);
    Set host, dev;
    measure_host_results(m, &small, &host);
    measure_set(m, true, &small, &dev);
    if (lgr_launch(m->ctx, &dev.call) != LGR_OK)
        measure_die("launch");
    gpu_sync(m->gpu, m->stream);
    double err = measure_compare(m, &small, &dev, &host);
    measure_free(m, &host);
    measure_free(m, &dev);
    return err;
}

static bool wrong(Measure *m, const Case *c, BenchRow *r, const char *against)
{
    r->wrong = !(r->err <= 6e-3);
    if (r->wrong)
        fprintf(stderr, "WRONG %s: %s: relative error %.2e against %s, %g for %g\n", c->text, m->worst, r->err, against, m->got, m->want);
    return r->wrong;
}

static void on_gpu(Measure *m, const Case *c, BenchRow *r)
{
    Set s[MEASURE_MAX_SETS];
    r->err = check(m, c);
    if (wrong(m, c, r, "the host target"))
        return;
    measure_set(m, true, c, &s[0]);
    size_t bytes = measure_bytes(c, &s[0]);
    int sets = measure_sets_for(bytes), launches = measure_launches_for(bytes, sets);
    for (int i = 1; i < sets; i++)
        measure_set(m, true, c, &s[i]);
    if (lgr_prepare(m->ctx, &s[0].call) != LGR_OK)
        measure_die("prepare");
    GpuGraph g = measure_graph(m, s, sets, launches);
    r->copy = measure_copy(m, bytes);
    measure_times(m, &g, 1, MEASURE_ROUNDS, launches, &r->us);
    describe(m, c, &s[0], r);
    gpu_graph_free(m->gpu, g);
    for (int i = 0; i < sets; i++)
        measure_free(m, &s[i]);
}

/* Against the form that always holds, which stands last. */
static double check_host(Measure *m, const Case *c)
{
    Case small = measure_small(c);
    lgr_choice ch = {.size = sizeof ch};
    Set got, want;
    measure_set(m, false, &small, &got);
    measure_set(m, false, &small, &want);
    if (lgr_explain(m->ctx, &want.call, &ch) != LGR_OK)
        measure_die("explain");
    want.call.variant = ch.variants;
    want.call.nest = ch.nest;
    if (!measure_workspace(m, &want) || lgr_launch(m->ctx, &want.call) != LGR_OK || lgr_launch(m->ctx, &got.call) != LGR_OK)
        measure_die("launch");
    double err = measure_compare(m, &small, &got, &want);
    measure_free(m, &got);
    measure_free(m, &want);
    return err;
}

static void on_host(Measure *m, const Case *c, BenchRow *r)
{
    Set s;
    r->err = check_host(m, c);
    if (wrong(m, c, r, "the form that always holds"))
        return;
    measure_set(m, false, c, &s);
    describe(m, c, &s, r);
    r->us = measure_host_beside(m, &s, r->bytes, &r->copy);
    measure_free(m, &s);
}

void bench_case(Measure *m, const Case *c, BenchRow *r)
{
    *r = (BenchRow){.us = 0};
    memcpy(r->text, c->text, sizeof r->text);
    if (m->gpu)
        on_gpu(m, c, r);
    else
        on_host(m, c, r);
}

void bench_head(FILE *f, BenchForm form)
{
    if (form == BENCH_CSV)
        fprintf(f, "case,bytes,us,copy_us,pct_copy,err,registers,spills,workspace,schedule\n");
    if (form == BENCH_JSON)
        fprintf(f, "[\n");
}

static double percent(const BenchRow *r) { return r->us > 0 ? 100 * r->copy / r->us : 0; }

void bench_row(FILE *f, BenchForm form, const BenchRow *r, bool first)
{
    if (form == BENCH_CSV)
        fprintf(f, "\"%s\",%zu,%.3f,%.3f,%.2f,%.2e,%d,%d,%zu,%s\n", r->text, r->bytes, r->us, r->copy, percent(r), r->err, r->registers, r->spills, r->workspace, r->schedule);
    else if (form == BENCH_JSON)
        fprintf(f, "%s  {\"case\": \"%s\", \"target\": \"%s\", \"bytes\": %zu, \"us\": %.3f, \"copy_us\": %.3f, \"pct_copy\": %.2f, \"err\": %.2e, \"registers\": %d, \"spills\": %d, "
                "\"workspace\": %zu, \"schedule\": \"%s\"}", first ? "" : ",\n", r->text, r->target, r->bytes, r->us, r->copy, percent(r), r->err, r->registers, r->spills, r->workspace, r->schedule);
    else
        fprintf(f, "%-58s %9.2f us  %6.0f GB/s  copy %9.2f us  %5.1f %%  err %.1e  r%d s%d  %s\n", r->text, r->us, (double)r->bytes / r->us * 1e-3, r->copy, percent(r),
                r->err, r->registers, r->spills, r->schedule);
    fflush(f);
}

void bench_tail(FILE *f, BenchForm form)
{
    if (form == BENCH_JSON)
        fprintf(f, "\n]\n");
}

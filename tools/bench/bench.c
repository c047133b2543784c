/* bench.c: times kernels of a pack through the public API, each checked before its time is printed.
 *
 * usage: lgr_bench PACK [--with PACK] [--csv FILE] [--host] [--launch] [CASE ...]      CASE: see measure.h
 *
 * On a GPU: launches are captured in a graph over rotated buffers (at least 400 MB in all, so that the L2 cache is cold) and replayed,
 * beside copies of the same bytes (the pack's own `copy` op and the driver's); the median of the replays counts.  Outputs are
 * compared with the host target's on the same inputs, of a smaller case where the host would take long.  With --host the host target is
 * timed, against the copy op on as many threads.
 */
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Bench { Measure m; FILE *csv; bool host; } Bench;

static void print_row(Bench *b, const Case *c, const Set *s, double us, double copy, double err)
{
    lgr_choice ch = {.size = sizeof ch};
    size_t bytes = measure_bytes(c, s);
    if (lgr_explain(b->m.ctx, &s->call, &ch) != LGR_OK)
        measure_die("explain");
    printf("%-58s %9.2f us  %6.0f GB/s  copy %9.2f us  %5.1f %%  err %.1e  r%d s%d  %s\n", c->text, us, (double)bytes / us * 1e-3, copy, 100 * copy / us, err,
           ch.registers, ch.spills, ch.schedule);
    fflush(stdout);
    if (b->csv) {
        fprintf(b->csv, "\"%s\",%zu,%.3f,%.3f,%.2f,%.2e,%d,%d,%zu,%s\n", c->text, bytes, us, copy, 100 * copy / us, err, ch.registers, ch.spills, ch.workspace, ch.schedule);
        fflush(b->csv);
    }
}

/* Of the whole case where the host can repeat it, else of a smaller one. */
static double check(Bench *b, const Case *c)
{
    Case small = measure_small(c);
    Set host, dev;
    measure_host_results(&b->m, &small, &host);
    measure_set(&b->m, true, &small, &dev);
    if (lgr_launch(b->m.ctx, &dev.call) != LGR_OK)
        measure_die("launch");
    gpu_sync(b->m.gpu, b->m.stream);
    double err = measure_compare(&b->m, &small, &dev, &host);
    measure_free(&b->m, &host);
    measure_free(&b->m, &dev);
    return err;
}

static void bench_gpu(Bench *b, const Case *c)
{
    Set s[MEASURE_MAX_SETS];
    double err = check(b, c), us;
    if (!(err <= 6e-3)) {
        printf("WRONG %s: %s: relative error %.2e against the host target, %g for %g\n", c->text, b->m.worst, err, b->m.got, b->m.want);
        return;
    }
    measure_set(&b->m, true, c, &s[0]);
    size_t bytes = measure_bytes(c, &s[0]);
    int sets = measure_sets_for(bytes), launches = measure_launches_for(bytes, sets);
    for (int i = 1; i < sets; i++)
        measure_set(&b->m, true, c, &s[i]);
    if (lgr_prepare(b->m.ctx, &s[0].call) != LGR_OK)
        measure_die("prepare");
    GpuGraph g = measure_graph(&b->m, s, sets, launches);
    double copy = measure_copy(&b->m, bytes);
    measure_times(&b->m, &g, 1, MEASURE_ROUNDS, launches, &us);
    print_row(b, c, &s[0], us, copy, err);
    gpu_graph_free(b->m.gpu, g);
    for (int i = 0; i < sets; i++)
        measure_free(&b->m, &s[i]);
}

/* ---- timing on the host ---- */

static double time_host(Bench *b, Set *s)
{
    double t[MEASURE_ROUNDS];
    for (int r = -1; r < MEASURE_ROUNDS; r++) {
        double t0 = measure_now_us();
        if (lgr_launch(b->m.ctx, &s->call) != LGR_OK)
            measure_die("launch");
        if (r >= 0)
            t[r] = measure_now_us() - t0;
    }
    return measure_median(t, MEASURE_ROUNDS);
}

static void bench_host(Bench *b, const Case *c)
{
    Set s, cs;
    Case cc;
    char text[96];
    measure_set(&b->m, false, c, &s);
    snprintf(text, sizeof text, "copy.forward:M=%lld,N=4096,T=f32", (long long)(measure_bytes(c, &s) / 2 / 4 / 4096));
    if (!measure_parse(&b->m, text, &cc))
        exit(2);
    measure_set(&b->m, false, &cc, &cs);
    double us = time_host(b, &s), copy = time_host(b, &cs);
    print_row(b, c, &s, us, copy, 0);
    measure_free(&b->m, &s);
    measure_free(&b->m, &cs);
}

/* ---- launch overhead ---- */

static void bench_launch(Bench *b, const char *pack)
{
    static const char empty[] = ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry e(.param .align 8 .b8 p[80])\n{\n ret;\n}\n";
    Case c;
    Set s;
    uint64_t words[10] = {0};
    double ours[51], bare[51], t0 = measure_now_us();
    lgr_context *fresh;
    if (!measure_parse(&b->m, "rms_norm.forward:M=16,N=4096,T=bf16,W=bf16", &c))
        exit(2);
    measure_set(&b->m, true, &c, &s);
    t0 = measure_now_us();
    if (lgr_context_create(NULL, &fresh) != LGR_OK || lgr_pack_open(fresh, pack) != LGR_OK || lgr_kernel_find(fresh, c.op, c.kernel, &s.call.kernel) != LGR_OK ||
        lgr_launch(fresh, &s.call) != LGR_OK)
        measure_die("first call");
    double first = measure_now_us() - t0;
    gpu_sync(b->m.gpu, b->m.stream);
    lgr_context_destroy(fresh);
    s.call.kernel = c.k;
    lgr_prepare(b->m.ctx, &s.call);
    GpuKernel e = gpu_load(b->m.gpu, empty, "e");
    e.grid = 16;
    e.block = 256;
    for (int r = 0; r < 51; r++) {
        t0 = measure_now_us();
        for (int i = 0; i < 100; i++)
            lgr_launch(b->m.ctx, &s.call);
        ours[r] = (measure_now_us() - t0) / 100;
        gpu_sync(b->m.gpu, b->m.stream);
        t0 = measure_now_us();
        for (int i = 0; i < 100; i++)
            gpu_launch(b->m.gpu, e, words, b->m.stream);
        bare[r] = (measure_now_us() - t0) / 100;
        gpu_sync(b->m.gpu, b->m.stream);
    }
    /* the checks alone, without the driver's part */
    size_t w;
    t0 = measure_now_us();
    for (int i = 0; i < 10000; i++)
        lgr_workspace_size(b->m.ctx, &s.call, &w);
    double checks = (measure_now_us() - t0) / 10000;
    printf("first call from the pack, driver up: %.0f us; a launch: %.2f us, a bare cuLaunchKernelEx: %.2f us; binding and choosing alone: %.3f us\n", first,
           measure_median(ours, 51), measure_median(bare, 51), checks);
    measure_free(&b->m, &s);
}

int main(int argc, char **argv)
{
    Bench b = {.m.block_bytes = 8 << 20};
    const char *why, *pack = argc > 1 ? argv[1] : NULL;
    bool launch = false;
    b.m.block = malloc(b.m.block_bytes);
    if (!pack || !b.m.block) {
        fprintf(stderr, "usage: lgr_bench PACK [--with PACK] [--csv FILE] [--host] [--launch] [op.kernel:NAME=VALUE,.. ...]\n");
        return 2;
    }
    if (lgr_context_create(NULL, &b.m.ctx) != LGR_OK || lgr_pack_open(b.m.ctx, pack) != LGR_OK)
        measure_die(pack);
    for (int i = 2; i < argc; i++) {
        b.host |= !strcmp(argv[i], "--host");
        launch |= !strcmp(argv[i], "--launch");
        if (!strcmp(argv[i], "--csv") && i + 1 < argc)
            b.csv = fopen(argv[i + 1], "w");
        if (!strcmp(argv[i], "--with") && i + 1 < argc && lgr_pack_open(b.m.ctx, argv[i + 1]) != LGR_OK)
            measure_die(argv[i + 1]);
    }
    if (b.csv)
        fprintf(b.csv, "case,bytes,us,copy_us,pct_copy,err,registers,spills,workspace,schedule\n");
    if (!b.host) {
        b.m.gpu = gpu_open(&why);
        if (!b.m.gpu) {
            fprintf(stderr, "bench: no GPU: %s\n", why);
            return 6;
        }
        b.m.stream = gpu_stream(b.m.gpu);
        printf("%s\n", gpu_name(b.m.gpu));
    }
    for (int i = 2; i < argc; i++) {
        Case c;
        if (!strcmp(argv[i], "--csv") || !strcmp(argv[i], "--with"))
            i++;
        else if (argv[i][0] != '-' && !measure_parse(&b.m, argv[i], &c))
            return 2;
        else if (argv[i][0] != '-')
            b.host ? bench_host(&b, &c) : bench_gpu(&b, &c);
    }
    if (launch && b.m.gpu)
        bench_launch(&b, pack);
    if (b.csv)
        fclose(b.csv);
    lgr_context_destroy(b.m.ctx);
    free(b.m.block);
    return 0;
}

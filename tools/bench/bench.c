/* bench.c: times kernels of a pack through the public API, each checked before its time is printed.
 *
 * usage: lgr_bench PACK [--with PACK] [--csv FILE] [--host] [--launch] [CASE ...]      CASE: see measure.h
 */
#include "bench_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Bench { Measure m; FILE *csv; } Bench;

static void run(Bench *b, const Case *c)
{
    BenchRow r;
    bench_case(&b->m, c, &r);
    if (r.wrong)
        return;
    bench_row(stdout, BENCH_TEXT, &r, false);
    if (b->csv)
        bench_row(b->csv, BENCH_CSV, &r, false);
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
    Bench b = {0};
    const char *why, *pack = argc > 1 ? argv[1] : NULL;
    bool launch = false, host = false;
    if (!pack) {
        fprintf(stderr, "usage: lgr_bench PACK [--with PACK] [--csv FILE] [--host] [--launch] [op.kernel:NAME=VALUE,.. ...]\n");
        return 2;
    }
    if (lgr_context_create(NULL, &b.m.ctx) != LGR_OK || lgr_pack_open(b.m.ctx, pack) != LGR_OK)
        measure_die(pack);
    for (int i = 2; i < argc; i++) {
        host |= !strcmp(argv[i], "--host");
        launch |= !strcmp(argv[i], "--launch");
        if (!strcmp(argv[i], "--csv") && i + 1 < argc)
            b.csv = fopen(argv[i + 1], "w");
        if (!strcmp(argv[i], "--with") && i + 1 < argc && lgr_pack_open(b.m.ctx, argv[i + 1]) != LGR_OK)
            measure_die(argv[i + 1]);
    }
    if (b.csv)
        bench_head(b.csv, BENCH_CSV);
    if (!host) {
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
            run(&b, &c);
    }
    if (launch && b.m.gpu)
        bench_launch(&b, pack);
    if (b.csv)
        fclose(b.csv);
    lgr_context_destroy(b.m.ctx);
    measure_forget(&b.m);
    return 0;
}

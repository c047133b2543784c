/* bench.c: times kernels of a pack through the public API, each checked before its time is printed.
 *
 * usage: lgr_bench PACK [--csv FILE] [--host] [--launch] [CASE ...]      CASE = op.kernel:dtype:rows:n
 *
 * On a GPU: launches are captured in a graph over rotated buffers (at least 400 MB in all, so that the L2 cache is cold) and replayed,
 * interleaved with copies of the same bytes (the pack's own `copy` op and the driver's copy); the median of the replays
 * counts.  Outputs are compared with the host target's on the same inputs.  With --host the host target is timed, against memcpy on
 * as many threads as the copy op uses.
 */
#include "gpu.h"
#include "liger.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_TENSORS = 24, MAX_SETS = 16, ROUNDS = 11 };

typedef struct Case { char op[48], kernel[32], dtype[8]; int64_t rows, n; } Case;

/* One argument list: tensors on the device or the host. */
typedef struct Set {
    DLTensor t[MAX_TENSORS];
    const DLTensor *arg[MAX_TENSORS];
    int64_t shape[MAX_TENSORS][6];
    size_t bytes[MAX_TENSORS];
    void *work;
    size_t work_bytes;
    lgr_call call;
} Set;

typedef struct Bench {
    lgr_context *ctx;
    Gpu *gpu;
    GpuStream stream;
    FILE *csv;
    bool host;
    void *block; uint64_t dblock;     /* random bits that tensors are filled with */
    size_t block_bytes;
} Bench;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int cmp(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, cmp);
    return v[n / 2];
}

static void die(const char *what)
{
    char text[512];
    lgr_last_error_text(text, sizeof text);
    fprintf(stderr, "bench: %s: %s\n", what, text);
    exit(1);
}

/* ---- tensors ---- */

static DLDataType dtype_of(const char *type, const Case *c)
{
    const char *t = strlen(type) == 1 ? c->dtype : type;
    if (!strcmp(t, "bf16"))
        return (DLDataType){kDLBfloat, 16, 1};
    if (!strcmp(t, "f16"))
        return (DLDataType){kDLFloat, 16, 1};
    if (!strcmp(t, "i64"))
        return (DLDataType){kDLInt, 64, 1};
    return (DLDataType){kDLFloat, 32, 1};
}

static int64_t extent_of(const char *text, const Case *c)
{
    if (!strcmp(text, "M"))
        return c->rows;
    return strncmp(text, "2*", 2) ? c->n : 2 * c->n;
}

static void *take(Bench *b, bool device, size_t n)
{
    n = (n + 255) / 256 * 256;
    return device ? (void *)(uintptr_t)gpu_alloc(b->gpu, n) : aligned_alloc(256, n ? n : 256);
}

static void drop(Bench *b, bool device, void *p)
{
    if (device && p)
        gpu_free(b->gpu, (uint64_t)(uintptr_t)p);
    else
        free(p);
}

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

/* Roughly normal values of the dtype, the same for device and host. Per-row statistics (f32 vectors) lie near 1. */
static void fill_block(void *p, size_t bytes, DLDataType t, bool near_one)
{
    uint64_t s = 88172645463325252u;
    for (size_t i = 0; i < bytes * 8 / t.bits; i++) {
        float v = 0;
        uint32_t u;
        for (int k = 0; k < 4; k++)
            v += (float)(next(&s) >> 40) / 16777216.0f - 0.5f;
        v = near_one ? 1.0f + 0.05f * v : v * 1.7f;
        memcpy(&u, &v, 4);
        if (t.bits == 32)
            memcpy((char *)p + i * 4, &u, 4);
        else if (t.code == kDLBfloat)
            ((uint16_t *)p)[i] = (uint16_t)(u >> 16);
        else
            ((uint16_t *)p)[i] = (uint16_t)((u >> 16 & 0x8000) | (((u >> 23 & 255) < 113 ? 0 : (u >> 23 & 255) - 112) << 10) | (u >> 13 & 1023));
    }
}

static void fill(Bench *b, bool device, void *to, size_t bytes, DLDataType t, bool near_one)
{
    size_t piece = bytes < b->block_bytes ? bytes : b->block_bytes;
    fill_block(b->block, piece, t, near_one);
    if (!device) {
        for (size_t at = 0; at < bytes; at += piece)
            memcpy((char *)to + at, b->block, bytes - at < piece ? bytes - at : piece);
        return;
    }
    uint64_t p = (uint64_t)(uintptr_t)to;
    gpu_upload(b->gpu, p, b->block, piece);
    for (size_t at = piece; at < bytes; at += piece)
        gpu_copy(b->gpu, p + at, p, bytes - at < piece ? bytes - at : piece, b->stream);
    gpu_sync(b->gpu, b->stream);
}

static void make_tensor(Bench *b, bool device, const lgr_kernel *k, const Case *c, Set *s, uint32_t i)
{
    lgr_tensor_info info = lgr_kernel_tensor(k, i);
    size_t n = 1;
    char text[64];
    for (int d = 0; d < info.rank; d++) {
        lgr_kernel_extent(k, i, (uint32_t)d, text, sizeof text);
        n *= (size_t)(s->shape[i][d] = extent_of(text, c));
    }
    DLDataType t = dtype_of(info.type, c);
    s->bytes[i] = n * t.bits / 8;
    s->t[i] = (DLTensor){.data = take(b, device, s->bytes[i]), .device = {device ? kDLCUDA : kDLCPU, 0}, .ndim = info.rank, .dtype = t, .shape = s->shape[i]};
    s->arg[i] = &s->t[i];
    if (!info.is_out)
        fill(b, device, s->t[i].data, s->bytes[i], t, info.rank == 1 && t.bits == 32 && strlen(info.type) > 1);
    else if (device)
        gpu_fill(b->gpu, (uint64_t)(uintptr_t)s->t[i].data, 0xffffffff, (s->bytes[i] + 255) / 256 * 256);
    else
        memset(s->t[i].data, 0xff, s->bytes[i]);
}

/* Which tensors the default options want is what the runtime says. */
static bool settle_presence(Bench *b, const lgr_kernel *k, Set *s)
{
    for (uint32_t tries = 0; tries <= lgr_kernel_tensors(k); tries++) {
        lgr_status st = lgr_workspace_size(b->ctx, &s->call, &s->work_bytes);
        if (st != LGR_ERROR_NULL)
            return st == LGR_OK;
        for (uint32_t i = 0; i < lgr_kernel_tensors(k); i++)
            if (!strcmp(lgr_kernel_tensor(k, i).name, lgr_last_error()->argument))
                s->arg[i] = NULL;
    }
    return false;
}

static bool make_set(Bench *b, bool device, const lgr_kernel *k, const Case *c, Set *s)
{
    memset(s, 0, sizeof *s);
    for (uint32_t i = 0; i < lgr_kernel_tensors(k); i++)
        make_tensor(b, device, k, c, s, i);
    s->call = (lgr_call){.size = sizeof s->call, .kernel = k, .tensors = s->arg, .ntensors = lgr_kernel_tensors(k), .stream = b->stream};
    if (!settle_presence(b, k, s))
        return false;
    for (uint32_t i = 0; i < lgr_kernel_tensors(k); i++)
        if (!s->arg[i]) {
            drop(b, device, s->t[i].data);
            s->t[i].data = NULL;
            s->bytes[i] = 0;
        }
    s->work = s->work_bytes ? take(b, device, s->work_bytes) : NULL;
    s->call.workspace = s->work;
    s->call.workspace_size = s->work_bytes;
    return true;
}

static void free_set(Bench *b, bool device, Set *s)
{
    for (int i = 0; i < MAX_TENSORS; i++)
        drop(b, device, s->t[i].data);
    drop(b, device, s->work);
}

/* Bytes that must move: every tensor once. */
static size_t moved(const lgr_kernel *k, const Set *s)
{
    size_t n = 0;
    for (uint32_t i = 0; i < lgr_kernel_tensors(k); i++)
        n += s->bytes[i];
    return n;
}

/* ---- checking ---- */

static double value(const void *p, DLDataType t, size_t i)
{
    uint32_t u;
    float f;
    if (t.bits == 32) {
        memcpy(&f, (const char *)p + 4 * i, 4);
        return (double)f;
    }
    uint16_t h = ((const uint16_t *)p)[i];
    if (t.code == kDLBfloat) {
        u = (uint32_t)h << 16;
        memcpy(&f, &u, 4);
        return (double)f;
    }
    int e = h >> 10 & 31;
    double v = e == 31 ? NAN : e ? ldexp(1 + (h & 1023) / 1024.0, e - 15) : ldexp(h & 1023, -24);
    return h & 0x8000 ? -v : v;
}

static double relative(const void *got, const void *want, DLDataType t, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        double a = value(got, t, i), w = value(want, t, i);
        d += (a - w) * (a - w);
        s += w * w;
    }
    return s > 0 ? sqrt(d / s) : sqrt(d);
}

/* Relative L2 difference of the worst output from the host target's. */
static double check_against_host(Bench *b, const lgr_kernel *k, const Case *c, const Set *dev)
{
    Set h;
    GpuStream keep = b->stream;
    double worst = 0;
    b->stream = NULL;
    if (!make_set(b, false, k, c, &h) || lgr_launch(b->ctx, &h.call) != LGR_OK)
        die("host");
    b->stream = keep;
    for (uint32_t i = 0; i < lgr_kernel_tensors(k); i++) {
        if (!h.arg[i] || !lgr_kernel_tensor(k, i).is_out)
            continue;
        void *got = malloc(h.bytes[i]);
        gpu_download(b->gpu, got, (uint64_t)(uintptr_t)dev->t[i].data, h.bytes[i]);
        double r = relative(got, h.t[i].data, h.t[i].dtype, h.bytes[i] * 8 / h.t[i].dtype.bits);
        worst = r > worst || isnan(r) ? r : worst;
        free(got);
    }
    free_set(b, false, &h);
    return worst;
}

static bool by_row(const lgr_kernel *k, uint32_t i)
{
    char text[64] = "";
    if (lgr_kernel_tensor(k, i).rank)
        lgr_kernel_extent(k, i, 0, text, sizeof text);
    return !strcmp(text, "M");
}

/* For shapes too large to repeat on the host: the last rows, fetched with their inputs. Outputs that are not by row are left out. */
static double check_tail(Bench *b, const lgr_kernel *k, const Case *c, const Set *dev)
{
    Set h;
    Case small = *c;
    GpuStream keep = b->stream;
    double worst = 0;
    small.rows = c->rows < 8 ? c->rows : 8;
    b->stream = NULL;
    if (!make_set(b, false, k, &small, &h))
        die("host");
    for (int out = 0; out < 2; out++) {
        for (uint32_t i = 0; i < lgr_kernel_tensors(k); i++) {
            bool is_out = lgr_kernel_tensor(k, i).is_out;
            if (!h.arg[i] || is_out != out || (is_out && !by_row(k, i)))
                continue;
            size_t n = h.bytes[i], from = by_row(k, i) ? dev->bytes[i] - n : 0;
            void *got = is_out ? malloc(n) : h.t[i].data;
            gpu_download(b->gpu, got, (uint64_t)(uintptr_t)dev->t[i].data + from, n);
            if (!is_out)
                continue;
            double r = relative(got, h.t[i].data, h.t[i].dtype, n * 8 / h.t[i].dtype.bits);
            worst = r > worst || isnan(r) ? r : worst;
            free(got);
        }
        if (!out && lgr_launch(b->ctx, &h.call) != LGR_OK)
            die("host");
    }
    b->stream = keep;
    free_set(b, false, &h);
    return worst;
}

/* ---- timing on the GPU ---- */

static GpuGraph capture_calls(Bench *b, Set *s, int sets, int launches)
{
    gpu_capture_begin(b->gpu, b->stream);
    for (int i = 0; i < launches; i++)
        if (lgr_launch(b->ctx, &s[i % sets].call) != LGR_OK)
            die("capture");
    return gpu_capture_end(b->gpu, b->stream);
}

static GpuGraph capture_copies(Bench *b, uint64_t *from, uint64_t *to, int sets, int launches, size_t bytes)
{
    gpu_capture_begin(b->gpu, b->stream);
    for (int i = 0; i < launches; i++)
        gpu_copy(b->gpu, to[i % sets], from[i % sets], bytes, b->stream);
    return gpu_capture_end(b->gpu, b->stream);
}

/* A copy that reads `half` bytes and writes as many, in the case's dtype. */
static Case copy_case(const Case *c, size_t half)
{
    Case cc = {"copy", "forward", "", 1, 4096};
    int64_t n = (int64_t)(half / (strcmp(c->dtype, "f32") ? 2 : 4));
    memcpy(cc.dtype, c->dtype, sizeof cc.dtype);
    cc.rows = n >= 4096 ? n / 4096 : 1;
    cc.n = n >= 4096 ? 4096 : n;
    return cc;
}

typedef struct Timing { double us, copy_us; } Timing;

static Timing time_case(Bench *b, const lgr_kernel *k, const Case *c, Set *s, int sets)
{
    size_t bytes = moved(k, &s[0]), half = bytes / 2 / 256 * 256;
    int launches = (int)(3e9 / (double)bytes);
    const lgr_kernel *copy;
    Case cc = copy_case(c, half);
    Set cs[MAX_SETS];
    uint64_t from[MAX_SETS], to[MAX_SETS];
    double t[3][ROUNDS];
    launches = (launches < sets ? sets : launches > 48 ? 48 : launches) / sets * sets;
    if (lgr_kernel_find(b->ctx, "copy", "forward", &copy) != LGR_OK)
        die("copy");
    for (int i = 0; i < sets; i++) {
        if (!make_set(b, true, copy, &cc, &cs[i]) || lgr_prepare(b->ctx, &cs[i].call) != LGR_OK)
            die("copy");
        from[i] = (uint64_t)(uintptr_t)cs[i].t[0].data;
        to[i] = (uint64_t)(uintptr_t)cs[i].t[1].data;
    }
    GpuGraph g[3] = {capture_calls(b, s, sets, launches), capture_calls(b, cs, sets, launches),
                     capture_copies(b, from, to, sets, launches, (size_t)cs[0].bytes[0])};
    for (int r = -2; r < ROUNDS; r++)
        for (int i = 0; i < 3; i++) {
            double us = gpu_time_graph(b->gpu, g[i], b->stream) / launches;
            if (r >= 0)
                t[i][r] = us;
        }
    double ours = median(t[0], ROUNDS), own = median(t[1], ROUNDS), driver = median(t[2], ROUNDS);
    for (int i = 0; i < 3; i++)
        gpu_graph_free(b->gpu, g[i]);
    for (int i = 0; i < sets; i++)
        free_set(b, true, &cs[i]);
    return (Timing){ours, own < driver ? own : driver};
}

static void print_row(Bench *b, const lgr_kernel *k, const Case *c, const Set *s, Timing t, double err)
{
    lgr_choice ch = {.size = sizeof ch};
    size_t bytes = moved(k, s);
    if (lgr_explain(b->ctx, &s->call, &ch) != LGR_OK)
        die("explain");
    printf("%-9s %-8s %-4s %8lld x %-6lld %9.2f us  %6.0f GB/s  copy %9.2f us  %5.1f %%  err %.1e  r%d s%d  %s\n", c->op, c->kernel, c->dtype, (long long)c->rows,
           (long long)c->n, t.us, (double)bytes / t.us * 1e-3, t.copy_us, 100 * t.copy_us / t.us, err, ch.registers, ch.spills, ch.schedule);
    fflush(stdout);
    if (b->csv) {
        fprintf(b->csv, "%s,%s,%s,%lld,%lld,%zu,%.3f,%.3f,%.2f,%.2e,%d,%d,%s\n", c->op, c->kernel, c->dtype, (long long)c->rows, (long long)c->n, bytes, t.us,
                t.copy_us, 100 * t.copy_us / t.us, err, ch.registers, ch.spills, ch.schedule);
        fflush(b->csv);
    }
}

static void bench_gpu(Bench *b, const lgr_kernel *k, const Case *c)
{
    Set *s = calloc(MAX_SETS, sizeof *s);
    if (!make_set(b, true, k, c, &s[0]))
        die("tensors");
    size_t bytes = moved(k, &s[0]);
    int sets = (int)(400e6 / (double)bytes) + 1;
    sets = sets < 2 ? 2 : sets > MAX_SETS ? MAX_SETS : sets;
    for (int i = 1; i < sets; i++)
        make_set(b, true, k, c, &s[i]);
    if (lgr_prepare(b->ctx, &s[0].call) != LGR_OK || lgr_launch(b->ctx, &s[0].call) != LGR_OK)
        die("launch");
    gpu_sync(b->gpu, b->stream);
    double err = bytes < 300e6 ? check_against_host(b, k, c, &s[0]) : check_tail(b, k, c, &s[0]);
    if (err > 5e-3 || isnan(err))
        printf("WRONG %s.%s %s %lld x %lld: relative error %.2e against the host target\n", c->op, c->kernel, c->dtype, (long long)c->rows, (long long)c->n, err);
    else
        print_row(b, k, c, &s[0], time_case(b, k, c, s, sets), err);
    for (int i = 0; i < sets; i++)
        free_set(b, true, &s[i]);
    free(s);
}

/* ---- timing on the host ---- */

static double time_host(Bench *b, Set *s)
{
    double t[ROUNDS];
    for (int r = -1; r < ROUNDS; r++) {
        double t0 = now_us();
        if (lgr_launch(b->ctx, &s->call) != LGR_OK)
            die("launch");
        if (r >= 0)
            t[r] = now_us() - t0;
    }
    return median(t, ROUNDS);
}

static void bench_host(Bench *b, const lgr_kernel *k, const Case *c)
{
    Set s, cs;
    const lgr_kernel *copy;
    if (!make_set(b, false, k, c, &s) || lgr_kernel_find(b->ctx, "copy", "forward", &copy) != LGR_OK)
        die("tensors");
    Case cc = copy_case(c, moved(k, &s) / 2);
    if (!make_set(b, false, copy, &cc, &cs))
        die("copy");
    Timing t = {time_host(b, &s), time_host(b, &cs)};
    print_row(b, k, c, &s, t, 0);
    free_set(b, false, &s);
    free_set(b, false, &cs);
}

/* ---- launch overhead ---- */

static void bench_launch(Bench *b, const char *pack)
{
    static const char empty[] = ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry e(.param .align 8 .b8 p[80])\n{\n ret;\n}\n";
    Case c = {"rms_norm", "forward", "bf16", 16, 4096};
    const lgr_kernel *k;
    uint64_t words[10] = {0};
    double ours[51], bare[51], t0 = now_us();
    lgr_context *fresh;
    Set s;
    if (lgr_kernel_find(b->ctx, c.op, c.kernel, &k) != LGR_OK || !make_set(b, true, k, &c, &s))
        die("launch");
    t0 = now_us();
    if (lgr_context_create(NULL, &fresh) != LGR_OK || lgr_pack_open(fresh, pack) != LGR_OK || lgr_kernel_find(fresh, c.op, c.kernel, &s.call.kernel) != LGR_OK ||
        lgr_launch(fresh, &s.call) != LGR_OK)
        die("first call");
    double first = now_us() - t0;
    gpu_sync(b->gpu, b->stream);
    lgr_context_destroy(fresh);
    s.call.kernel = k;
    lgr_prepare(b->ctx, &s.call);
    GpuKernel e = gpu_load(b->gpu, empty, "e");
    e.grid = 16;
    e.block = 256;
    for (int r = 0; r < 51; r++) {
        t0 = now_us();
        for (int i = 0; i < 100; i++)
            lgr_launch(b->ctx, &s.call);
        ours[r] = (now_us() - t0) / 100;
        gpu_sync(b->gpu, b->stream);
        t0 = now_us();
        for (int i = 0; i < 100; i++)
            gpu_launch(b->gpu, e, words, b->stream);
        bare[r] = (now_us() - t0) / 100;
        gpu_sync(b->gpu, b->stream);
    }
    /* the checks alone, without the driver's part */
    size_t w;
    t0 = now_us();
    for (int i = 0; i < 10000; i++)
        lgr_workspace_size(b->ctx, &s.call, &w);
    double checks = (now_us() - t0) / 10000;
    printf("first call from the pack, driver up: %.0f us; a launch: %.2f us, a bare cuLaunchKernelEx: %.2f us; binding and choosing alone: %.3f us\n", first,
           median(ours, 51), median(bare, 51), checks);
    free_set(b, true, &s);
}

static bool parse_case(const char *text, Case *c)
{
    long long rows, n;
    if (sscanf(text, "%47[^.].%31[^:]:%7[^:]:%lld:%lld", c->op, c->kernel, c->dtype, &rows, &n) != 5)
        return false;
    c->rows = rows;
    c->n = n;
    return rows >= 0 && n >= 1;
}

static void run_case(Bench *b, const char *text)
{
    Case c;
    const lgr_kernel *k;
    if (!parse_case(text, &c)) {
        fprintf(stderr, "bench: %s: wanted op.kernel:dtype:rows:n\n", text);
        exit(2);
    }
    if (lgr_kernel_find(b->ctx, c.op, c.kernel, &k) != LGR_OK)
        die(text);
    if (b->host)
        bench_host(b, k, &c);
    else
        bench_gpu(b, k, &c);
}

int main(int argc, char **argv)
{
    Bench b = {.block_bytes = 8 << 20};
    const char *why, *pack = argc > 1 ? argv[1] : NULL;
    bool launch = false;
    b.block = malloc(b.block_bytes);
    if (!pack || !b.block) {
        fprintf(stderr, "usage: lgr_bench PACK [--csv FILE] [--host] [--launch] [op.kernel:dtype:rows:n ...]\n");
        return 2;
    }
    if (lgr_context_create(NULL, &b.ctx) != LGR_OK || lgr_pack_open(b.ctx, pack) != LGR_OK)
        die(pack);
    for (int i = 2; i < argc; i++) {
        b.host |= !strcmp(argv[i], "--host");
        launch |= !strcmp(argv[i], "--launch");
        if (!strcmp(argv[i], "--csv") && i + 1 < argc)
            b.csv = fopen(argv[i + 1], "w");
    }
    if (b.csv)
        fprintf(b.csv, "op,kernel,dtype,rows,n,bytes,us,copy_us,pct_copy,err,registers,spills,schedule\n");
    if (!b.host) {
        b.gpu = gpu_open(&why);
        if (!b.gpu) {
            fprintf(stderr, "bench: no GPU: %s\n", why);
            return 6;
        }
        b.stream = gpu_stream(b.gpu);
        printf("%s\n", gpu_name(b.gpu));
    }
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--csv"))
            i++;
        else if (argv[i][0] != '-')
            run_case(&b, argv[i]);
    }
    if (launch && b.gpu)
        bench_launch(&b, pack);
    if (b.csv)
        fclose(b.csv);
    lgr_context_destroy(b.ctx);
    free(b.block);
    if (b.gpu)
        gpu_close(b.gpu);
    return 0;
}

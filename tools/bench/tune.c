/* tune.c: times every variant of a bundle that serves a case, each checked before it is timed.
 *
 * usage: lgr_tune BUNDLE OUT.csv [--rounds N] [--with PACK] CASE ...        CASE: see measure.h
 *
 * A bundle is a pack whose variants are the candidates (`ligerc build -s "A; B; .."`), with the host target; the copy op may come
 * from another pack (--with).
 * Each case runs in a process of its own: a candidate that crashes, hangs or is wrong is a row of the result, and the others go on in
 * a new process.  Candidates are timed interleaved, in graphs over rotated buffers, so that the L2 cache is cold.
 */
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CANDIDATES = 512, PATIENCE = 120 };

typedef struct Tune { const char *bundle, *out, *with, *text; int rounds, only; int dead[MAX_CANDIDATES], ndead; } Tune;

static bool is_dead(const Tune *t, int v)
{
    for (int i = 0; i < t->ndead; i++)
        if (t->dead[i] == v)
            return true;
    return false;
}

static void open_all(const Tune *t, Measure *m)
{
    const char *why;
    *m = (Measure){.block_bytes = 8 << 20};
    m->block = malloc(m->block_bytes);
    if (lgr_context_create(NULL, &m->ctx) != LGR_OK || lgr_pack_open(m->ctx, t->bundle) != LGR_OK ||
        (t->with && lgr_pack_open(m->ctx, t->with) != LGR_OK))
        measure_die(t->bundle);
    m->gpu = gpu_open(&why);
    if (!m->gpu) {
        fprintf(stderr, "tune: no GPU: %s\n", why);
        exit(6);
    }
    m->stream = gpu_stream(m->gpu);
}

/* Which nest of the kernel the candidates are of: the heaviest, as lgr_explain tells. */
static lgr_choice look(Measure *m, Set *s)
{
    lgr_choice ch = {.size = sizeof ch};
    if (lgr_explain(m->ctx, &s->call, &ch) != LGR_OK)
        measure_die("explain");
    return ch;
}

static void row(const Tune *t, FILE *f, const lgr_choice *ch, double us, double copy, size_t bytes, double err, const char *fate)
{
    fprintf(f, "\"%s\",%u,%.3f,%.3f,%.2f,%zu,%.2e,%d,%d,%s,%u,%lld,%s\n", t->text, ch->variant, us, copy, us > 0 ? 100 * copy / us : 0, bytes, err, ch->registers, ch->spills, fate,
            ch->nest, (long long)ch->row_length, ch->schedule);
    fflush(f);
}

/* The largest workspace of all candidates, before graphs hold its address. */
static void reserve(Measure *m, Set *s, int sets, Set *small, lgr_choice first)
{
    for (uint32_t v = 0; v < first.variants; v++)
        for (int i = 0; i <= sets; i++) {
            Set *one = i < sets ? &s[i] : small;
            one->call.variant = v + 1;
            one->call.nest = first.nest;
            measure_workspace(m, one);
        }
}

/* Runs in the child.  What it is about to launch goes into the pipe first, so that the parent knows whom to blame. */
static void run_case(const Tune *t, int pipe)
{
    Measure m;
    Case c;
    Set host, small_dev, s[MEASURE_MAX_SETS];
    static GpuGraph g[MAX_CANDIDATES];
    static double us[MAX_CANDIDATES], err[MAX_CANDIDATES];
    static int at[MAX_CANDIDATES];
    int n = 0;
    open_all(t, &m);
    if (!measure_parse(&m, t->text, &c))
        exit(2);
    FILE *f = fopen(t->out, "a");
    Case small = measure_small(&c);
    measure_host_results(&m, &small, &host);
    measure_set(&m, true, &small, &small_dev);
    measure_set(&m, true, &c, &s[0]);
    lgr_choice first = look(&m, &s[0]);
    size_t bytes = measure_bytes(&c, &s[0]);
    int sets = measure_sets_for(bytes), launches = measure_launches_for(bytes, sets);
    for (int i = 1; i < sets; i++)
        measure_set(&m, true, &c, &s[i]);
    double copy = measure_copy(&m, bytes);
    reserve(&m, s, sets, &small_dev, first);
    for (int v = 0; v < (int)first.variants && v < MAX_CANDIDATES; v++) {
        if (is_dead(t, v))
            continue;
        bool serves = true;
        small_dev.call.variant = (uint32_t)v + 1;
        small_dev.call.nest = first.nest;
        for (int i = 0; i < sets; i++) {
            s[i].call.variant = (uint32_t)v + 1;
            s[i].call.nest = first.nest;
            serves &= measure_workspace(&m, &s[i]);
        }
        if (!serves || !measure_workspace(&m, &small_dev))
            continue;
        if (write(pipe, &v, sizeof v) != sizeof v)
            exit(3);
        for (uint32_t i = 0; i < lgr_kernel_tensors(c.k); i++)
            if (small_dev.arg[i] && lgr_kernel_tensor(c.k, i).is_out)
                gpu_fill(m.gpu, (uint64_t)(uintptr_t)small_dev.t[i].data, small_dev.t[i].dtype.code == kDLInt ? 0 : 0xffffffff, (small_dev.bytes[i] + 255) / 256 * 256);
        gpu_sync(m.gpu, NULL);              /* the fills are in the default stream, the launch is not */
        if (lgr_prepare(m.ctx, &s[0].call) != LGR_OK || lgr_launch(m.ctx, &small_dev.call) != LGR_OK) {
            lgr_choice ch = look(&m, &s[0]);
            row(t, f, &ch, 0, copy, bytes, 0, "launch");
            continue;
        }
        gpu_sync(m.gpu, m.stream);
        err[n] = measure_compare(&m, &small, &small_dev, &host);
        if (!(err[n] < 6e-3)) {
            lgr_choice ch = look(&m, &s[0]);
            row(t, f, &ch, 0, copy, bytes, err[n], "wrong");
            continue;
        }
        g[n] = measure_graph(&m, s, sets, launches);
        at[n++] = v;
    }
    measure_times(&m, g, n, t->rounds, launches, us);
    for (int i = 0; i < n; i++) {
        s[0].call.variant = (uint32_t)at[i] + 1;
        lgr_choice ch = look(&m, &s[0]);
        row(t, f, &ch, us[i], copy, bytes, err[i], "ok");
    }
    fclose(f);
    _exit(0);
}

/* The last candidate the child named before it died; -1: none. */
static int follow(Tune *t)
{
    int p[2], last = -1, v, status = 0;
    if (pipe(p))
        exit(3);
    pid_t child = fork();
    if (!child) {
        close(p[0]);
        alarm(PATIENCE);
        run_case(t, p[1]);
    }
    close(p[1]);
    while (read(p[0], &v, sizeof v) == sizeof v)
        last = v;
    close(p[0]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? -1 : last < 0 ? -2 : last;
}

int main(int argc, char **argv)
{
    Tune t = {.bundle = argc > 1 ? argv[1] : NULL, .out = argc > 2 ? argv[2] : NULL, .rounds = MEASURE_ROUNDS};
    if (argc < 4) {
        fprintf(stderr, "usage: lgr_tune BUNDLE OUT.csv [--rounds N] [--with PACK] CASE ...\n");
        return 2;
    }
    FILE *f = fopen(t.out, "w");
    if (!f)
        return 3;
    fprintf(f, "case,variant,us,copy_us,pct_copy,bytes,err,registers,spills,fate,nest,n,schedule\n");
    fclose(f);
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "--rounds") && i + 1 < argc) {
            t.rounds = atoi(argv[++i]);
            continue;
        }
        if (!strcmp(argv[i], "--with") && i + 1 < argc) {
            t.with = argv[++i];
            continue;
        }
        t.text = argv[i];
        t.ndead = 0;
        for (int last; (last = follow(&t)) != -1 && t.ndead < 8;) {
            if (last == -2) {
                fprintf(stderr, "%s: failed before any candidate ran\n", t.text);
                break;
            }
            f = fopen(t.out, "a");
            fprintf(f, "\"%s\",%d,0,0,0,0,0,-1,-1,crash,0,0,\n", t.text, last);
            fclose(f);
            t.dead[t.ndead++] = last;
        }
    }
    return 0;
}

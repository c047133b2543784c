/* cmd_bench.c: `ligerc bench`: kernels built or read from a pack, checked, and timed beside a copy of as many bytes.
 *
 * Where there is a GPU, on it, else on the host (tools/measure/bench_case.h says how). Rows go to the output as they come.
 */
#include "bench_case.h"
#include "subject.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Bench { const Options *o; FILE *out; BenchForm form; const Subject *s; int rows, failed; } Bench;

static volatile sig_atomic_t stop;
static void on_interrupt(int sig) { stop = sig; }

static void take_row(void *self, int nth, const BenchRow *r)
{
    Bench *b = self;
    if (!r)
        fprintf(stderr, "%s: could not be timed\n", b->s->cases.text[nth]);
    if (r && !r->wrong)
        bench_row(b->out, b->form, r, b->rows++ == 0);
    b->failed += !r || r->wrong;
    if (isatty(2) && !isatty(fileno(b->out)) && nth + 1 < (int)b->s->cases.n)
        fprintf(stderr, "\r%d of %u\033[K", nth + 1, (unsigned)b->s->cases.n);
}

static int run_cases(Bench *b)
{
    const Subject *s = b->s;
    BenchRun r = {.pack = s->pack.p, .pack_size = s->pack.n, .with = s->copy.p, .with_size = s->copy.n, .host = s->target->kind == TGT_HOST, .stop = &stop, .row = take_row, .self = b};
    signal(SIGINT, on_interrupt);
    bench_head(b->out, b->form);
    int code = bench_run(&r, s->cases.text, (int)s->cases.n);
    bench_tail(b->out, b->form);
    if (isatty(2) && !isatty(fileno(b->out)))
        fprintf(stderr, "\r\033[K");
    return stop ? EXIT_INTERRUPTED : code == 6 ? EXIT_DEVICE : code == 2 ? EXIT_USAGE : b->failed ? EXIT_CHECK : EXIT_DONE;
}

static int bench(const Options *o, const Subject *s)
{
    Bench b = {.o = o, .s = s, .out = stdout, .form = !strcmp(o->format, "csv") ? BENCH_CSV : !strcmp(o->format, "json") ? BENCH_JSON : BENCH_TEXT};
    if (o->output && strcmp(o->output, "-") && !(b.out = fopen(o->output, "w"))) {
        fprintf(stderr, "ligerc: bench: %s: cannot be written\n", o->output);
        return EXIT_FILE;
    }
    int status = run_cases(&b);
    bool ok = !ferror(b.out);
    if (b.out != stdout)
        ok &= !fclose(b.out);
    return ok ? status : EXIT_FILE;
}

int cmd_bench(const Options *o)
{
    const Target *t;
    Subject s = {0};
    SubjectWish w = {.candidates = 0};
    if (!o->nfiles) {
        fprintf(stderr, "ligerc: bench: wanted specs, or a pack\n");
        return EXIT_USAGE;
    }
    int status = files_there(o);
    if (status == EXIT_DONE)
        status = subject_target(o, &t);
    if (status == EXIT_DONE)
        status = subject_open(o, t, &w, &s);
    if (status == EXIT_DONE)
        status = bench(o, &s);
    subject_close(&s);
    return status;
}

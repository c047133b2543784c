/* tune_run.c: see tune_run.h.
 *
 * The budget is for all of it: half of it for compiling, after which the candidates that are left are not compiled any more (the model's best
 * come first), the rest in equal parts for the cases. Interrupted, or at its end, what was measured so far is written all the same.
 */
#include "tune_run.h"
#include "output.h"
#include "subject.h"
#include "tune_table.h"
#include "tuner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Effort { const char *name; uint32_t candidates; int rounds; } Effort;
static const Effort efforts[] = {{"quick", 12, 7}, {"full", 64, 21}};

typedef struct Tune {
    const Options *o;
    const Effort *effort;
    Subject  s;
    double   begun, end;                       /* microseconds; end 0: no budget */
    TunerCase *cases[CASES_MAX]; uint32_t n;
    bool     cut;
    double   shown;
} Tune;

static volatile sig_atomic_t stop;
static void on_interrupt(int sig) { stop = sig; }

/* "60s", "1.5m", "1h", "60": seconds; -1 when it is no such thing. */
static double seconds_of(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    double unit = !strcmp(end, "h") ? 3600 : !strcmp(end, "m") || !strcmp(end, "min") ? 60 : !*end || !strcmp(end, "s") ? 1 : -1;
    return end == text || !(v > 0) || v > 1e9 ? -1 : v * unit;
}

static double left(const Tune *t) { return t->end > 0 ? (t->end - measure_now_us()) * 1e-6 : 0; }

/* ---- what is shown on the way ---- */

static void clear_line(void)
{
    if (isatty(2))
        fprintf(stderr, "\r\033[K");
}

static void show_progress(void *self, const TunerCase *c, double seconds_left)
{
    Tune *t = self;
    int done = 0;
    if (!isatty(2) || measure_now_us() - t->shown < 1e5)
        return;
    t->shown = measure_now_us();
    for (int i = 0; i < c->n; i++)
        done += c->row[i].fate != TUNER_unheard;
    fprintf(stderr, "\r[%u/%u] %.60s: %d of %u %s", (unsigned)t->n + 1, (unsigned)t->s.cases.n, c->text, c->best < 0 ? c->n : done, (unsigned)c->serving, c->best < 0 ? "checked" : "timed");
    if (c->best >= 0)
        fprintf(stderr, ", best %.2f us (%.1f %% of copy)", c->row[c->best].us, c->copy > 0 ? 100 * c->copy / c->row[c->best].us : 0);
    if (seconds_left >= 0)
        fprintf(stderr, ", %.0f s left", left(t));
    fprintf(stderr, "\033[K");
}

static void tell_case(const TunerCase *c)
{
    int failed = 0;
    const TunerRow *model = NULL;
    for (int i = 0; i < c->n; i++) {
        failed += c->row[i].fate > TUNER_unheard;
        model = c->row[i].model ? &c->row[i] : model;
    }
    clear_line();
    if (c->best < 0) {
        fprintf(stderr, "%s: nothing measured\n", c->text);
        return;
    }
    const TunerRow *b = &c->row[c->best];
    fprintf(stderr, "%s: %.2f us, %.1f %% of copy; the model's %.1f %% of that; %d candidates, %d failed; %s\n", c->text, b->us, c->copy > 0 ? 100 * c->copy / b->us : 0,
            model && model->us > 0 ? 100 * b->us / model->us : 0, c->n, failed, b->schedule);
    for (int i = 0; i < c->n; i++)
        if (c->row[i].fate > TUNER_unheard)
            fprintf(stderr, "  %s (%s%s%s): %s\n", tuner_fate_name(c->row[i].fate), tuner_fate_doc(c->row[i].fate), *c->row[i].why ? ": " : "", c->row[i].why, c->row[i].schedule);
}

/* ---- measuring ---- */

static int measure_cases(Tune *t)
{
    Tuner r = {.pack = t->s.pack.p, .pack_size = t->s.pack.n, .with = t->s.copy.p, .with_size = t->s.copy.n, .host = t->s.target->kind == TGT_HOST, .rounds = t->effort->rounds, .stop = &stop,
               .progress = show_progress, .self = t};
    for (uint32_t i = 0; i < t->s.cases.n && !stop; i++) {
        r.budget = t->end > 0 ? left(t) / (t->s.cases.n - i) : 0;
        TunerCase *c = t->end > 0 && r.budget <= 0 ? NULL : calloc(1, sizeof *c);
        t->cut |= !c;
        if (!c)
            break;
        bool some = tuner_run(&r, t->s.cases.text[i], c);
        t->cut |= c->cut;
        t->cases[t->n++] = c;
        if (!some && c->refused && i == 0)
            return c->refused == 6 ? EXIT_DEVICE : c->refused == 2 ? EXIT_USAGE : EXIT_CHECK;
        tell_case(c);
    }
    clear_line();
    return EXIT_DONE;
}

/* ---- what is written ---- */

static bool put(Tune *t, const char *path, void (*write)(const Tune *, FILE *, void *), void *arg)
{
    Buf b = {0};
    Diag d;
    diag_init(&d, t->s.arena);
    FILE *f = open_memstream(&b.p, &b.n);
    if (!f)
        return false;
    write(t, f, arg);
    bool ok = !fclose(f) && output_file(path, &b, &d);
    show_diagnostics(t->o, &d);
    free(b.p);
    return ok;
}

static void put_csv(const Tune *t, FILE *f, void *arg)
{
    (void)arg;
    tuner_csv_head(f);
    for (uint32_t i = 0; i < t->n; i++)
        tuner_csv(f, t->cases[i]);
}

/* The same rows that a CSV file would have. */
static void read_rows(const Tune *t, TuneRows *rows)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return;
    put_csv(t, f, NULL);
    if (!fclose(f))
        tune_rows_read(arena_strn(t->s.arena, text, n), t->s.arena, rows);
    free(text);
}

static void put_table(const Tune *t, FILE *f, void *old)
{
    TuneRows rows = {0};
    Buf out = {0};
    read_rows(t, &rows);
    tune_table(&rows, t->s.target->name, old, t->s.arena, &out);
    fwrite(out.p, 1, out.n, f);
    buf_free(&out);
}

static void put_loss(const Tune *t, FILE *f, void *arg)
{
    TuneRows rows = {0};
    Buf out = {0};
    (void)arg;
    read_rows(t, &rows);
    if (tune_loss(&rows, t->s.arena, &out))
        fwrite(out.p, 1, out.n, f);
    buf_free(&out);
}

static void put_page(const Tune *t, FILE *f, void *arg)
{
    const char *title = arena_strf(t->s.arena, "%s, tuned for %s", t->o->files[0], t->s.target->name);
    (void)arg;
    tuner_html(f, &(TunerPage){title, t->o->line, (const TunerCase *const *)t->cases, (int)t->n});
}

static int write_all(Tune *t, const char *old)
{
    const Options *o = t->o;
    bool csv = !strcmp(o->format, "csv"), ok = put(t, o->output ? o->output : "-", o->loss ? put_loss : csv ? put_csv : put_table, (void *)old);
    if (o->html)
        ok &= put(t, o->html, put_page, NULL);
    return ok ? EXIT_DONE : EXIT_FILE;
}

/* ---- the whole ---- */

static int begin(Tune *t)
{
    const Options *o = t->o;
    double budget = o->budget ? seconds_of(o->budget) : 0;
    if (budget < 0 || !strcmp(o->format, "json")) {
        if (budget < 0)
            fprintf(stderr, "ligerc: tune: --budget=%s: wanted a time, as 60s, 5m or 1h\n", o->budget);
        else
            fprintf(stderr, "ligerc: tune: --format=json: measurements are told as text or csv\n");
        return EXIT_USAGE;
    }
    t->effort = &efforts[!strcmp(o->effort, "full")];
    t->begun = measure_now_us();
    t->end = budget > 0 ? t->begun + budget * 1e6 : 0;
    signal(SIGINT, on_interrupt);
    return EXIT_DONE;
}

static int build(Tune *t)
{
    const Target *target;
    int status = subject_target(t->o, &target);
    if (status != EXIT_DONE)
        return status;
    if (isatty(2))
        fprintf(stderr, "compiling candidates for %s", target->name);
    SubjectWish w = {.candidates = t->o->candidates > 0 ? (uint32_t)t->o->candidates : t->effort->candidates, .until = t->end > 0 ? (t->begun + (t->end - t->begun) / 2) * 1e-3 : 0, .stop = &stop};
    status = subject_open(t->o, target, &w, &t->s);
    clear_line();
    t->cut |= t->end > 0 && measure_now_us() * 1e-3 > w.until;
    return status;
}

int tune_run(const Options *o, const char *old)
{
    Tune t = {.o = o};
    int status = begin(&t);
    if (status == EXIT_DONE)
        status = build(&t);
    if (status == EXIT_DONE)
        status = measure_cases(&t);
    if (status == EXIT_DONE)
        status = write_all(&t, old);
    if (status == EXIT_DONE)
        status = stop ? EXIT_INTERRUPTED : t.cut ? EXIT_BUDGET : EXIT_DONE;
    for (uint32_t i = 0; i < t.n; i++)
        free(t.cases[i]);
    subject_close(&t.s);
    return status;
}

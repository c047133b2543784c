/* tune.c: times every variant of a bundle that serves a case (tuner.h), where there is a GPU and no compiler.
 *
 * usage: lgr_tune BUNDLE OUT.csv [--rounds N] [--budget SECONDS] [--host] [--with PACK] [--html FILE] CASE ...        CASE: see measure.h
 *
 * A bundle is a pack whose variants are the candidates (`ligerc tune --lengths`), with the host target; the copy op may come from another
 * pack (--with).  The budget is for all cases.
 */
#include "tuner.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CASES = 256 };

static volatile sig_atomic_t stop;
static void on_interrupt(int sig) { stop = sig; }

static const void *read_pack(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    long n = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
    void *p = n > 0 ? aligned_alloc(256, ((size_t)n + 255) / 256 * 256) : NULL;
    rewind(f ? f : stdin);
    if (!p || fread(p, 1, (size_t)n, f) != (size_t)n) {
        fprintf(stderr, "lgr_tune: %s: cannot be read\n", path);
        exit(3);
    }
    fclose(f);
    *size = (size_t)n;
    return p;
}

/* The value of an option at argv[*i], or NULL. */
static const char *value_of(char **argv, int argc, int *i, const char *name) { return !strcmp(argv[*i], name) && *i + 1 < argc ? argv[++*i] : NULL; }

static void write_page(const char *path, char **argv, int argc, TunerCase *const *cases, int n)
{
    char command[8192] = "";
    FILE *f = fopen(path, "w");
    if (!f) {
        fprintf(stderr, "lgr_tune: %s: cannot be written\n", path);
        exit(3);
    }
    for (int i = 0; i < argc; i++)
        snprintf(command + strlen(command), sizeof command - strlen(command), "%s%s%s%s", i ? " " : "", strchr(argv[i], ' ') ? "'" : "", argv[i], strchr(argv[i], ' ') ? "'" : "");
    tuner_html(f, &(TunerPage){"candidates of a bundle, measured by lgr_tune", command, (const TunerCase *const *)cases, n});
    fclose(f);
}

int main(int argc, char **argv)
{
    TunerCase *cases[MAX_CASES];
    Tuner t = {.rounds = MEASURE_ROUNDS, .stop = &stop};
    const char *html = NULL;
    double end = 0;
    int n = 0;
    if (argc < 4) {
        fprintf(stderr, "usage: lgr_tune BUNDLE OUT.csv [--rounds N] [--budget SECONDS] [--host] [--with PACK] [--html FILE] CASE ...\n");
        return 2;
    }
    t.pack = read_pack(argv[1], &t.pack_size);
    FILE *f = fopen(argv[2], "w");
    if (!f)
        return 3;
    tuner_csv_head(f);
    signal(SIGINT, on_interrupt);
    for (int i = 3; i < argc && !stop; i++) {
        const char *v;
        if ((v = value_of(argv, argc, &i, "--rounds"))) {
            t.rounds = atoi(v) < 1 ? 1 : atoi(v) > TUNER_MAX_ROUNDS ? TUNER_MAX_ROUNDS : atoi(v);
        } else if ((v = value_of(argv, argc, &i, "--budget"))) {
            end = measure_now_us() + atof(v) * 1e6;
        } else if ((v = value_of(argv, argc, &i, "--with"))) {
            t.with = read_pack(v, &t.with_size);
        } else if ((v = value_of(argv, argc, &i, "--html"))) {
            html = v;
        } else if (!strcmp(argv[i], "--host")) {
            t.host = true;
        } else if (n < MAX_CASES) {
            t.budget = end > 0 ? (end - measure_now_us()) * 1e-6 / (argc - i) : 0;
            if ((end > 0 && t.budget <= 0) || !(cases[n] = malloc(sizeof **cases)))
                break;
            if (!tuner_run(&t, argv[i], cases[n]))
                fprintf(stderr, "%s: failed before any candidate ran\n", argv[i]);
            tuner_csv(f, cases[n++]);
        }
    }
    fclose(f);
    if (html)
        write_page(html, argv, argc, cases, n);
    for (int i = 0; i < n; i++)
        free(cases[i]);
    return stop ? 130 : end > 0 && measure_now_us() > end ? 7 : 0;
}
